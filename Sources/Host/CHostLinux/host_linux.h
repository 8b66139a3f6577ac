/* host_linux.h - calls of glibc that Swift's Glibc module hides, because they need _GNU_SOURCE. */
#ifndef MOORING_HOST_LINUX_H
#define MOORING_HOST_LINUX_H

#include <errno.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

extern ssize_t preadv2(int file, const struct iovec *_Nonnull parts, int count, off_t offset, int flags);

/** Reads what needs no waiting: what is in the page cache, or lies in memory altogether. -1 with EAGAIN if nothing
 * does. */
static inline ssize_t host_read_cached(int file, void *_Nonnull to, size_t count, off_t offset) {
    struct iovec part = {to, count};
    ssize_t got = preadv2(file, &part, 1, offset, 0x8 /* RWF_NOWAIT */);
    if (got >= 0 || errno != EOPNOTSUPP)
        return got;
    struct statfs about;
    if (fstatfs(file, &about) == 0 && about.f_type == 0x01021994 /* TMPFS_MAGIC */)
        return pread(file, to, count, offset);
    errno = EAGAIN;
    return -1;
}

#endif /* MOORING_HOST_LINUX_H */
