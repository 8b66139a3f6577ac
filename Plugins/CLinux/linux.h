/* linux.h - calls of glibc that Swift's Glibc module hides, because they need _GNU_SOURCE. */
#ifndef MOORING_LINUX_H
#define MOORING_LINUX_H

#include <sys/types.h>

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

#ifdef __cplusplus
}
#endif
#endif /* MOORING_LINUX_H */
