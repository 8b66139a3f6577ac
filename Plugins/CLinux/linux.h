/* linux.h - calls of glibc that Swift's Glibc module hides, because they need _GNU_SOURCE. */
#ifndef MOORING_LINUX_H
#define MOORING_LINUX_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Copies inside the kernel; shares the blocks where the file system can. NULL offsets use the positions. */
extern ssize_t copy_file_range(int in, off_t *_Nullable in_offset, int out, off_t *_Nullable out_offset, size_t length,
                               unsigned int flags);

/** Renames; LINUX_RENAME_NOREPLACE: fails with EEXIST instead of replacing. */
extern int renameat2(int old_dir, const char *_Nonnull old_name, int new_dir, const char *_Nonnull new_name,
                     unsigned int flags);
#define LINUX_RENAME_NOREPLACE 1u

/** Starts or awaits the writing of dirty pages. LINUX_WRITE_BACK starts it and returns. */
extern int sync_file_range(int file, off_t offset, off_t length, unsigned int flags);
#define LINUX_WRITE_BACK 2u

extern long syscall(long number, ...);
extern ssize_t preadv2(int file, const struct iovec *_Nonnull parts, int count, off_t offset, int flags);

/** Whether a file lies in a file system that is memory, where reading never waits. */
static inline int linux_lies_in_memory(int file) {
    struct statfs about;
    return fstatfs(file, &about) == 0 && about.f_type == 0x01021994 /* TMPFS_MAGIC */;
}

/** Whether the times of files come from this machine's clock and change with every change, whoever makes it: true of
 * file systems whose changes all go through this kernel, not of network file systems. */
static inline int linux_has_local_times(int file) {
    struct statfs about;
    if (fstatfs(file, &about) != 0)
        return 0;
    switch ((uint32_t)about.f_type) {
    case 0xEF53:     /* ext2 to ext4 */
    case 0x58465342: /* XFS */
    case 0x9123683E: /* Btrfs */
    case 0xF2F52010: /* F2FS */
    case 0x2FC12FC1: /* ZFS */
    case 0x01021994: /* tmpfs */
    case 0x794C7630: /* overlayfs */
        return 1;
    default:
        return 0;
    }
}

/** A descriptor that only names a file. */
#define LINUX_O_PATH 010000000

/** Opens a path only if everything on the way to it is in the kernel's caches; else -1 with EAGAIN. ENOSYS or EINVAL on
 *  a kernel before 5.12. */
static inline int linux_open_cached(int directory, const char *_Nonnull path, int flags) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {(uint64_t)(unsigned int)flags, 0, 0x20 /* RESOLVE_CACHED */};
    return (int)syscall(437 /* openat2, on every architecture */, directory, path, &how, sizeof how);
}

/** Reads what is in the page cache; -1 with EAGAIN if nothing of it is, with EOPNOTSUPP where the file system can't
 * say. */
static inline ssize_t linux_read_cached(int file, void *_Nonnull to, size_t count, off_t offset) {
    struct iovec part = {to, count};
    return preadv2(file, &part, 1, offset, 0x8 /* RWF_NOWAIT */);
}

#ifdef __cplusplus
}
#endif
#endif /* MOORING_LINUX_H */
