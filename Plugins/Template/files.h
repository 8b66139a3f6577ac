/* files.h - the chores of keeping objects as files, for template.c. Nothing of the plugin ABI is in here: functions
 * answer false, or -1, and leave the reason in errno. A path `rel` is relative to a directory's descriptor `dir`. */
#ifndef TEMPLATE_FILES_H
#define TEMPLATE_FILES_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ROOM: the longest path, `/`, the name of a temporary file, NUL. TRIES: races against others that may be lost. */
enum { PATH_LIMIT = 1024, TEMP_LEN = 37, ROOM = PATH_LIMIT + TEMP_LEN + 2, TRIES = 100 };

/* ---------------------------------------------------------------- names */

static bool is_hex(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
            return false;
    return true;
}
/* Names that the driver keeps for itself: they end in `.`, 32 hexadecimal digits and `.tmp`. */
static bool is_temp(const char *s, size_t n) {
    const char *end = s + n;
    return n >= TEMP_LEN && end[-TEMP_LEN] == '.' && is_hex(end - 36, 32) && memcmp(end - 4, ".tmp", 4) == 0;
}
static bool is_segment(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z');
        bool digit = s[i] >= '0' && s[i] <= '9';
        if (!letter && !digit && s[i] != '.' && s[i] != '_' && s[i] != '-')
            return false;
    }
    bool dots = (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
    return n > 0 && !dots && !is_temp(s, n);
}
/* A path of an object, or of a prefix: `/`, then segments joined by `/`. */
static bool is_path(const char *s, size_t n) {
    if (n < 2 || n > PATH_LIMIT || s[0] != '/')
        return false;
    for (size_t start = 1, i = 1; i <= n; i++) {
        if (i < n && s[i] != '/')
            continue;
        if (!is_segment(s + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}
/* Writes 32 random hexadecimal digits and a NUL. */
static bool random_id(char id[33]) {
    unsigned char raw[16];
    if (getentropy(raw, sizeof raw) != 0)
        return false;
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(id + 2 * i, 3, "%02x", raw[i]);
    return true;
}

/* ---------------------------------------------------------------- directories */

/* Whether this errno says that nothing is there, and not that it can't be reached. */
static bool absent(int error) {
    return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP;
}
static DIR *open_directory(int dir, const char *rel) {
    int fd = openat(dir, rel, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    return d;
}
static bool make_parents(int dir, const char *rel) {
    char p[ROOM];
    snprintf(p, sizeof p, "%s", rel);
    for (char *slash = p; (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = 0;
        if (mkdirat(dir, p, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}
/* Removes directories that became empty: a prefix without objects doesn't exist. */
static void prune_parents(int dir, const char *rel) {
    char p[ROOM];
    snprintf(p, sizeof p, "%s", rel);
    for (char *slash; (slash = strrchr(p, '/'));) {
        *slash = 0;
        if (unlinkat(dir, p, AT_REMOVEDIR) != 0 && errno != ENOENT)
            return;
    }
}
/* A name survives a power cut only when its directory is flushed, and so on up to the root. */
static bool sync_parents(int dir, const char *rel) {
    char p[ROOM];
    snprintf(p, sizeof p, "%s", rel);
    for (char *slash = p; slash;) {
        slash = strrchr(p, '/');
        if (slash)
            *slash = 0;
        int fd = openat(dir, slash ? p : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            continue; /* pruned meanwhile */
        int error = fd >= 0 && fsync(fd) == 0 ? 0 : errno;
        if (fd >= 0)
            close(fd);
        errno = error;
        if (error)
            return false;
    }
    return true;
}
/* Whether there is an object at any depth below rel. */
static bool holds_object(int dir, const char *rel) {
    DIR *d = open_directory(dir, rel);
    if (!d)
        return !absent(errno); /* what can't be read isn't absent */
    bool found = false;
    struct stat st;
    for (struct dirent *e; !found && (e = readdir(d));)
        if (is_segment(e->d_name, strlen(e->d_name)) && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            found = S_ISREG(st.st_mode) || (S_ISDIR(st.st_mode) && holds_object(dirfd(d), e->d_name));
    closedir(d);
    return found;
}
/* Removes rel and all below it, or (hollow) only directories without files. Returns how many files went; errno becomes
 * other than 0 if something resisted. */
static size_t remove_tree(int dir, const char *rel, bool hollow) {
    int error = 0;
    size_t n = 0;
    DIR *d = open_directory(dir, rel);
    if (!d) {
        n = !hollow && unlinkat(dir, rel, 0) == 0;
        errno = n || hollow || absent(errno) ? 0 : errno;
        return n;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        n += remove_tree(dirfd(d), e->d_name, hollow);
        error = errno ? errno : error;
    }
    closedir(d);
    unlinkat(dir, rel, AT_REMOVEDIR); /* fails when somebody adds to it at this moment, and that's right */
    errno = error;
    return n;
}

/* ---------------------------------------------------------------- files */

/* Opens a regular file for reading. The descriptor keeps the content as it is, for objects are replaced by rename and
 * never written in place. O_NONBLOCK: a pipe that somebody left here must not hang the thread. */
static int open_file(int dir, const char *rel, struct stat *st) {
    int fd = openat(dir, rel, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    if (fd >= 0) {
        close(fd);
        errno = ENOENT; /* a prefix, and so no object */
    }
    return -1;
}
/* Reads all `len` bytes; EBADMSG if the file has fewer. */
static bool read_at(int fd, uint8_t *to, size_t len, uint64_t at) {
    while (len > 0) {
        ssize_t n = pread(fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EBADMSG : errno;
            return false;
        }
        to += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return true;
}
static bool write_at(int fd, const uint8_t *from, size_t len, uint64_t at) {
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, (off_t)at);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            from += n;
            len -= (size_t)n;
            at += (uint64_t)n;
        }
    }
    return true;
}
/* Gives the file `from` its final name in the directory `root`: in one step and durably, replacing a file there or
 * (if_absent) not. ENOENT: `from` is gone. EISDIR: `to` is a prefix. ENOTDIR: it lies below a file. */
static bool publish(int dir, const char *from, int root, const char *to, bool if_absent) {
    struct stat st;
    int error = EAGAIN;
    for (int i = 0; i < TRIES; i++) {
        if (fstatat(dir, from, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            error = errno;
            break;
        }
        if (make_parents(root, to) && renameat2(dir, from, root, to, if_absent ? RENAME_NOREPLACE : 0) == 0)
            return sync_parents(root, to);
        if (errno == ENOENT)
            continue; /* somebody pruned a directory between the two steps */
        error = errno;
        if (fstatat(root, to, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
            break;
        error = EISDIR;
        if (holds_object(root, to))
            break;
        remove_tree(root, to, true); /* empty directories aren't a prefix; once more */
    }
    prune_parents(root, to);
    errno = error;
    return false;
}

/* ---------------------------------------------------------------- bytes that wait for their commit
 *
 * They lie in `<stage>/<path of the object>/.<id>.tmp`. The writer that has them open holds a lock on the file, which
 * the system takes back when the process dies. */

/* False with EWOULDBLOCK: another writer has them; ENOENT: they were published or removed just now. */
static bool lock_temp(int stage, const char *temp, int fd) {
    struct stat mine, named;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &mine) != 0 ||
        fstatat(stage, temp, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    errno = ENOENT;
    return mine.st_ino == named.st_ino;
}
/* Opens what the 32 digits `id` name, or with O_CREAT makes it. The name goes to `temp`. */
static int open_temp(int stage, const char *rel, const char *id, int flags, char temp[ROOM]) {
    int fd = -1;
    for (int i = 0; i < TRIES; i++) {
        snprintf(temp, ROOM, "%s/.%.32s.tmp", rel, id);
        if (flags && !make_parents(stage, temp))
            return -1;
        fd = openat(stage, temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0666);
        if (fd >= 0 && lock_temp(stage, temp, fd))
            return fd;
        int error = errno;
        if (fd >= 0)
            close(fd);
        errno = error;
        if (!flags || errno != ENOENT) /* ENOENT: somebody pruned a directory between the two steps */
            break;
    }
    return -1;
}
/* Finds the bytes at rel that were suspended last, and their id. EWOULDBLOCK: all are in use. */
static int open_newest(int stage, const char *rel, char id[33], char temp[ROOM]) {
    DIR *d = open_directory(stage, rel);
    int best = -1, error = ENOENT;
    struct timespec newest = {0};
    for (struct dirent *e; d && (e = readdir(d));) {
        char other[ROOM];
        struct stat st;
        if (strlen(e->d_name) != TEMP_LEN || !is_temp(e->d_name, TEMP_LEN))
            continue;
        int fd = open_temp(stage, rel, e->d_name + 1, 0, other);
        error = fd < 0 && errno == EWOULDBLOCK ? errno : error;
        if (fd < 0 || fstat(fd, &st) != 0)
            continue;
        struct timespec t = st.st_mtim;
        bool newer = best < 0 || t.tv_sec > newest.tv_sec || (t.tv_sec == newest.tv_sec && t.tv_nsec > newest.tv_nsec);
        if (newer) {
            newest = t;
            snprintf(id, 33, "%s", e->d_name + 1);
            strcpy(temp, other);
        }
        int worse = newer ? best : fd;
        best = newer ? fd : best;
        if (worse >= 0)
            close(worse);
    }
    if (d)
        closedir(d);
    errno = error;
    return best;
}

#endif
