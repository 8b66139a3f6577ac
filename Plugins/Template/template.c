/* template.c - a complete storage driver in plain, blocking C: objects are files below a directory. Begin at its end.
 */
#define _GNU_SOURCE
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mooring/plugin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 1024, ROOM = 2 * LIMIT + 2, TEMP_ROOM = ROOM + 256, PAGE = 100, CHUNK = 1 << 20 };
struct store {        /* an instance; there are no global variables, for several instances live side by side */
    atomic_int users; /* operations in flight; one less once the host said `destroy` */
    atomic_bool stopped;
    size_t len; /* of directory */
    char directory[LIMIT + 1];
};
struct op { /* a call; its steps answer true, or false with the reason in errno or, after fail(), in `error` */
    struct store *s;
    void *ctx;
    char file[ROOM];  /* "<directory>/a/b" */
    moor_error error; /* the host borrows it during `done`, so it may live here */
    char message[100], details[48];
};
struct stream { /* a reader or a writer */
    struct store *s;
    int fd;
    enum { OPEN, COMMITTED, CANCELLED } state;
    uint64_t offset, end;
    char file[ROOM], temp[TEMP_ROOM]; /* temp: "<directory>/.<name>.<id>.tmp" */
};
/* ---------------------------------------------------------------- calls */
static bool fail(struct op *o, moor_code code, const char *message) {
    int n = snprintf(o->message, sizeof o->message, "template: %s", message);
    o->error = (moor_error){.struct_size = sizeof o->error, .code = code, .retry_after_ms = -1};
    o->error.message = (moor_str){o->message, (size_t)n};
    return false;
}
static bool fail_errno(struct op *o) {
    int e = errno; /* the host acts on the code alone (404? 503?), so it is chosen with care */
    moor_code code = e == ENOENT || e == ENOTDIR || e == ELOOP                  ? MOOR_E_NOT_FOUND
                     : e == EISDIR || e == ENOTEMPTY || e == ENAMETOOLONG       ? MOOR_E_INVALID_ARGUMENT
                     : e == EACCES || e == EPERM || e == EROFS                  ? MOOR_E_PERMISSION
                     : e == ENOSPC || e == EDQUOT || e == EFBIG                 ? MOOR_E_NO_SPACE
                     : e == EMFILE || e == ENFILE || e == ENOMEM || e == EAGAIN ? MOOR_E_BUSY
                                                                                : MOOR_E_INTERNAL;
    if (o->error.code == MOOR_OK && !fail(o, code, strerror(e)))
        o->error.os_errno = e;
    return false;
}
static bool enter(struct op *o, struct store *s, const moor_call *call) {
    *o = (struct op){.s = s, .ctx = call->done_ctx};
    atomic_fetch_add(&s->users, 1);
    int32_t why = s->stopped ? MOOR_E_SHUTDOWN : call->cancel->is_cancelled(call->cancel->obj);
    return why == 0 || fail(o, why, "stopped, cancelled or too late");
}
static void leave(void *store) {
    if (atomic_fetch_sub(&((struct store *)store)->users, 1) == 0)
        free(store);
}
/* The body of an operation: its steps and its completion, behind which the call is gone. */
#define OPERATE(store, steps, completion)                                                                              \
    struct op o;                                                                                                       \
    bool good = (enter(&o, store, call) && (steps)) || fail_errno(&o);                                                 \
    completion;                                                                                                        \
    leave(o.s)
#define IS(str, text) ((str).len == sizeof text - 1 && memcmp((str).ptr, text, sizeof text - 1) == 0)
#define CALL void *obj, const moor_call *call /* how the parameters of operations begin */
#define ERROR (good ? NULL : &o.error)
#define DONE(result) done(o.ctx, ERROR, good ? (result) : NULL)
#define UNCONDITIONAL (!cond || fail(&o, MOOR_E_UNSUPPORTED, "conditions are not supported"))
#define WRITABLE (w->state == OPEN || fail(&o, MOOR_E_INVALID_ARGUMENT, "the writer is finished"))
/* Names that begin with `.` and end in `.`, 32 hexadecimal digits and `.tmp` are the driver's own. */
static bool is_temp(const char *s, size_t n) {
    return n >= 38 && *s == '.' && s[n - 37] == '.' && strspn(s + n - 36, "0123456789abcdef") == 32 &&
           !memcmp(s + n - 4, ".tmp", 4);
}
static bool is_segment(const char *s, size_t n) {
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return n > 0 && n <= 255 && strspn(s, legal) == n && (n > 2 || strspn(s, ".") != n) && !is_temp(s, n);
}
/* The host checks paths too; a driver must not depend on that. `shortest`: 1 where the root is legal, else 2. */
static bool locate(struct op *o, moor_str path, size_t shortest) {
    bool good = path.len >= shortest && path.len <= LIMIT && path.ptr[0] == '/' && !memchr(path.ptr, 0, path.len);
    snprintf(o->file, ROOM, "%s%.*s", o->s->directory, good ? (int)path.len : 0, path.ptr);
    for (size_t n, at = o->s->len + 1; good && path.len > 1 && at <= o->s->len + path.len; at += n + 1)
        good = is_segment(o->file + at, n = strcspn(o->file + at, "/"));
    return good || fail(o, MOOR_E_INVALID_ARGUMENT, "not a path of a storage driver");
}
/* ---------------------------------------------------------------- files */
static bool parents(const struct store *s, char *file, bool make) {
    bool good = true; /* makes the directories above a file, or flushes them: else no power cut is survived */
    for (char *slash = file + s->len; good && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int fd = make ? -1 : open(file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        good = make ? mkdir(file, 0777) == 0 || errno == EEXIST : fd < 0 ? errno == ENOENT : fsync(fd) == 0;
        if (fd >= 0)
            close(fd);
        *slash = '/';
    }
    return good;
}
static bool look(const struct store *s, const char *file, int fd, moor_stat *out) {
    struct stat st; /* there is no etag: times don't change exactly when the content does */
    *out = (moor_stat){.struct_size = sizeof *out, .path = {file + s->len, strlen(file + s->len)}};
    if ((fd < 0 ? lstat(file, &st) : fstat(fd, &st)) != 0)
        return false;
    out->kind = S_ISREG(st.st_mode) ? MOOR_KIND_OBJECT : S_ISDIR(st.st_mode) ? MOOR_KIND_PREFIX : 0;
    out->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    out->mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec;
    return out->kind != 0 || (errno = ENOENT, false);
}
static struct stream *new_stream(const struct op *o) {
    struct stream *r = calloc(1, sizeof *r);
    if (r)
        r->s = o->s, r->fd = -1, strcpy(r->file, o->file);
    return r;
}
static void close_stream(void *obj) {
    struct stream *r = obj;
    if (r && r->fd >= 0)
        flock(r->fd, LOCK_UN), close(r->fd); /* a child of a fork may hold the file, and with it the lock of a writer */
    free(r);
}
static bool open_object(struct op *o, struct stream *r) {
    moor_stat st;
    r->fd = open(r->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool good = r->fd >= 0 && look(r->s, r->file, r->fd, &st);
    r->end = good ? st.size : 0;
    return good && (st.kind == MOOR_KIND_OBJECT || fail(o, MOOR_E_NOT_FOUND, "a prefix"));
}
static bool read_buffer(struct stream *r, uint64_t max_len, moor_buf *out) {
    size_t len = (size_t)(r->end - r->offset < max_len ? r->end - r->offset : max_len); /* 0 at the end */
    uint8_t *bytes = malloc(len + 1);
    ssize_t n = bytes ? pread(r->fd, bytes, len, (off_t)r->offset) : -1;
    *out = (moor_buf){bytes, len, free, bytes}; /* moves: its receiver calls free(bytes) when it likes */
    if (n == (ssize_t)len)
        return r->offset += len, true;
    errno = n < 0 ? errno : EIO; /* somebody cut the file */
    return free(bytes), false;
}
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}
static void read_next(CALL, size_t max_len, moor_done_buf done) {
    struct stream *r = obj;
    moor_buf buf;
    OPERATE(r->s, read_buffer(r, max_len < CHUNK ? max_len : CHUNK, &buf), DONE(&buf));
}
static bool serve(struct op *o, uint64_t offset, uint64_t length, moor_reader *out) {
    struct stream *r = new_stream(o);
    if (!r || !open_object(o, r) || (offset > r->end && !fail(o, MOOR_E_RANGE, "behind the end of the object")))
        return fail_errno(o), close_stream(r), false;
    *out = (moor_reader){.struct_size = sizeof *out, .object_size = r->end, .offset = offset, .fd = -1, .obj = r};
    out->length = length < r->end - offset ? length : r->end - offset;
    out->read_next = read_next, out->close_reader = close_stream;
    r->offset = offset, r->end = offset + out->length;
    return true;
}
static void open_reader(CALL, moor_str path, uint64_t offset, uint64_t length, uint32_t flags, moor_done_reader done) {
    moor_reader out;
    OPERATE(obj, locate(&o, path, 2) && serve(&o, offset, length, &out), DONE(&out));
}
/* ---------------------------------------------------------------- writers */
/* Makes and locks a file for bytes that wait for their commit. Kind 0 can be gone on with; the newest sorts last. */
static bool make_temp(struct stream *w, char kind) {
    struct timespec now;
    const char *name = strrchr(w->file, '/') + 1;
    int dir = (int)(name - w->file), len = (int)strnlen(name, 217); /* a longer name has no room for the rest */
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(w->temp, TEMP_ROOM, "%.*s.%.*s.%c%09lx%08lx%014lx.tmp", dir, w->file, len, name, kind, now.tv_sec,
             now.tv_nsec, (long)w);
    if (parents(w->s, w->temp, true))
        w->fd = open(w->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    errno = errno == ENOTDIR ? EISDIR : errno == ENOENT ? EAGAIN : errno; /* below an object; removed just now */
    return w->fd >= 0 && flock(w->fd, LOCK_EX | LOCK_NB) == 0;
}
/* Opens the newest bytes that no writer has open; with a token those and no others. EAGAIN: all are open. */
static bool find_temp(struct stream *w, moor_bytes token) {
    struct dirent **names = NULL;
    int error = ENOENT, fd, dir = (int)(strrchr(w->file, '/') + 1 - w->file);
    size_t len = strnlen(w->file + dir, 217);
    snprintf(w->temp, TEMP_ROOM, "%.*s", dir, w->file);
    for (int n = scandir(w->temp, &names, NULL, by_name); n > 0; free(names[n])) {
        const char *name = names[--n]->d_name;
        if (w->fd >= 0 || strlen(name) != len + 38 || memcmp(name + 1, w->file + dir, len) != 0 ||
            name[len + 2] != '0' || !is_temp(name, len + 38) ||
            (token.len > 0 && (token.len != 32 || memcmp(name + len + 2, token.ptr, 32))))
            continue;
        snprintf(w->temp, TEMP_ROOM, "%.*s%s", dir, w->file, name);
        bool locked = (fd = open(w->temp, O_RDWR | O_CLOEXEC)) >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
        error = fd >= 0 && !locked ? errno : error;
        if (locked && access(w->temp, F_OK) == 0) /* else they were published or removed just now */
            w->offset = (uint64_t)lseek(w->fd = fd, 0, SEEK_END);
        else if (fd >= 0)
            close(fd);
    }
    free(names);
    errno = error;
    return w->fd >= 0;
}
static bool drop(struct stream *w) { /* always succeeds, so that it can be a step */
    unlink(w->temp), close(w->fd), w->fd = -1;
    for (char *slash; (slash = strrchr(w->temp, '/')) > w->temp + w->s->len && (*slash = 0, rmdir(w->temp) == 0);)
        continue; /* on with the next directory that is empty now */
    w->state = CANCELLED;
    return true;
}
static bool ends_at(struct op *o, uint64_t end, uint64_t offset) {
    int n = snprintf(o->details, sizeof o->details, "{\"durable_offset\":%llu}", (unsigned long long)end);
    if (offset == MOOR_UNKNOWN_SIZE || offset == end || fail(o, MOOR_E_OFFSET, "the content ends elsewhere"))
        return true;
    o->error.details_json = (moor_bytes){(const uint8_t *)o->details, (size_t)n};
    return false;
}
static bool copy_object(struct op *o, struct stream *w, uint64_t offset) {
    struct stream *from = new_stream(o); /* objects are never written in place */
    bool good = from && open_object(o, from) && ends_at(o, from->end, offset) && make_temp(w, '0');
    for (ssize_t n = 1; good && n > 0; w->offset += good ? (uint64_t)n : 0)
        good = (n = copy_file_range(from->fd, NULL, w->fd, NULL, CHUNK, 0)) >= 0;
    close_stream(from);
    if (!good && !fail_errno(o) && w->fd >= 0)
        drop(w); /* else the part would be taken for suspended bytes */
    return good;
}
static bool start(struct op *o, struct stream *w, uint32_t mode, uint64_t offset, moor_bytes token) {
    if (mode == MOOR_W_CREATE)
        return (offset == 0 || fail(o, MOOR_E_INVALID_ARGUMENT, "a new object begins at 0")) && make_temp(w, '0');
    if (mode != MOOR_W_APPEND)
        return fail(o, MOOR_E_UNSUPPORTED, "unknown mode");
    if (find_temp(w, token))
        return ends_at(o, w->offset, offset);
    return errno == ENOENT && token.len == 0 && copy_object(o, w, offset);
}
static bool append(struct stream *w, const moor_bytes *parts, size_t n) {
    uint64_t end = w->offset;
    errno = ENOSPC; /* what a short write means */
    for (size_t i = 0; i < n; end += parts[i++].len)
        if (pwrite(w->fd, parts[i].ptr, parts[i].len, (off_t)end) != (ssize_t)parts[i].len)
            return w->state = ftruncate(w->fd, (off_t)w->offset) == 0 ? OPEN : CANCELLED, false; /* all or none */
    w->offset = end;
    return true;
}
static void write_parts(CALL, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    struct stream *w = obj;
    OPERATE(w->s, WRITABLE && append(w, parts, n), done(o.ctx, ERROR, w->offset));
}
static void sync_writer(CALL, moor_done_u64 done) {
    struct stream *w = obj;
    OPERATE(w->s, WRITABLE && fsync(w->fd) == 0 && parents(w->s, w->temp, false), done(o.ctx, ERROR, w->offset));
}
static bool publish(struct op *o, struct stream *w, moor_stat *out) {
    if (fsync(w->fd) != 0 || !look(o->s, strcpy(o->file, w->file), w->fd, out))
        return false;
    if (rename(w->temp, w->file) != 0)
        return errno == ENOENT && fail(o, MOOR_E_PRECONDITION, "the bytes were removed meanwhile");
    w->state = COMMITTED;
    return parents(w->s, w->file, false);
}
static void commit(CALL, const moor_precond *cond, moor_str checksum, moor_done_stat done) {
    struct stream *w = obj;
    moor_stat st;
    OPERATE(w->s, WRITABLE && UNCONDITIONAL && publish(&o, w, &st), DONE(&st));
}
static void cancel_writer(CALL, moor_done_void done) {
    struct stream *w = obj;
    OPERATE(w->s, w->state == CANCELLED || (WRITABLE && drop(w)), done(o.ctx, ERROR));
}
static bool offer(struct op *o, uint32_t mode, uint64_t offset, moor_bytes token, moor_writer *out) {
    struct stream *w = new_stream(o);
    if (!w || !start(o, w, mode, offset, token))
        return fail_errno(o), close_stream(w), false;
    *out = (moor_writer){.struct_size = sizeof *out, .durable_offset = w->offset, .preferred_chunk = CHUNK, .obj = w};
    out->resume_token = (moor_bytes){(const uint8_t *)w->temp + strlen(w->temp) - 36, 32};
    out->write = write_parts, out->sync_writer = sync_writer, out->commit = commit;
    out->cancel_writer = cancel_writer, out->close_writer = close_stream;
    return true;
}
static void open_writer(CALL, moor_str path, uint32_t mode, uint64_t offset, moor_bytes token, uint64_t size_hint,
                        moor_done_writer done) {
    moor_writer out;
    OPERATE(obj, locate(&o, path, 2) && offer(&o, mode, offset, token, &out), DONE(&out));
}
/* ---------------------------------------------------------------- other operations */
static bool get(struct op *o, struct stream *r, uint64_t max_len, moor_buf *out) {
    return r && open_object(o, r) && (r->end <= max_len || fail(o, MOOR_E_RANGE, "larger than asked for")) &&
           read_buffer(r, max_len, out);
}
static void get_content(CALL, moor_str path, uint64_t max_len, moor_done_buf done) {
    struct stream *r = NULL;
    moor_buf buf;
    OPERATE(obj, locate(&o, path, 2) && get(&o, r = new_stream(&o), max_len, &buf), DONE(&buf));
    close_stream(r);
}
static bool put(struct op *o, moor_bytes body, moor_stat *out) {
    struct stream *w = new_stream(o);
    bool good = (w && make_temp(w, 'f') && append(w, &body, 1) && publish(o, w, out)) || fail_errno(o);
    if (w && w->fd >= 0 && !good)
        drop(w);
    close_stream(w);
    return good;
}
static void put_content(CALL, moor_str path, moor_bytes body, const moor_precond *cond, moor_done_stat done) {
    moor_stat st;
    OPERATE(obj, locate(&o, path, 2) && UNCONDITIONAL && put(&o, body, &st), DONE(&st));
}
static void stat_path(CALL, moor_str path, moor_done_stat done) {
    moor_stat st;
    OPERATE(obj, locate(&o, path, 1) && look(o.s, o.file, -1, &st), DONE(&st));
}
struct page {
    moor_page page;
    const moor_stat *entries[PAGE];
    moor_stat stat[PAGE];
    char file[PAGE][TEMP_ROOM], last[257]; /* the last name given out: it survives restarts and all changes */
};
static bool fill_page(struct op *o, moor_bytes token, uint32_t limit, struct page *p) {
    struct dirent **names = NULL;
    if (token.len > 0 && token.ptr[0] != 0)
        return fail(o, MOOR_E_INVALID_ARGUMENT, "not a token of this driver");
    snprintf(p->last, 257, "%c%.*s", 0, (int)token.len - 1, token.len > 1 ? (const char *)token.ptr + 1 : "");
    size_t n = 0, most = limit > 0 && limit < PAGE ? limit : PAGE;
    int i = 0, count = scandir(o->file, &names, NULL, by_name);
    bool good = count >= 0 || errno == ENOENT || errno == ENOTDIR;
    for (; i < count && n < most; i++) {
        const char *name = names[i]->d_name;
        snprintf(p->file[n], TEMP_ROOM, "%s%s%s", o->file, o->file[o->s->len + 1] ? "/" : "", name);
        p->entries[n] = &p->stat[n];
        if (strcmp(name, p->last + 1) > 0 && is_segment(name, strlen(name)) && look(o->s, p->file[n], -1, &p->stat[n]))
            strcpy(p->last + 1, name), n++;
    }
    p->page = (moor_page){.struct_size = sizeof p->page, .entries = p->entries, .nentries = n};
    p->page.flags = i < count ? 0 : MOOR_PAGE_LAST;
    p->page.next_token = (moor_bytes){(const uint8_t *)p->last, i < count ? 1 + strlen(p->last + 1) : 0};
    while (count > 0)
        free(names[--count]);
    free(names);
    return good;
}
static void list_page(CALL, moor_str path, moor_bytes token, uint32_t limit, moor_done_page done) {
    struct page p;
    OPERATE(obj, locate(&o, path, 1) && fill_page(&o, token, limit, &p), DONE(&p.page));
}
static bool move(struct op *o, moor_str src, moor_str dst) {
    char from[ROOM], *to = o->file;
    moor_stat st;
    if (!locate(o, src, 2) || !strcpy(from, o->file) || !locate(o, dst, 2) || !look(o->s, from, -1, &st) ||
        (st.kind == MOOR_KIND_PREFIX && !fail(o, MOOR_E_INVALID_ARGUMENT, "a prefix can't be moved")))
        return false;
    if (strcmp(from, to) == 0 || (parents(o->s, to, true) && rename(from, to) == 0))
        return parents(o->s, to, false) && parents(o->s, from, false);
    errno = errno == ENOTDIR ? EISDIR : errno == ENOENT && access(from, F_OK) == 0 ? EAGAIN : errno; /* as above */
    return false;
}
static void move_path(CALL, moor_str src, moor_str dst, const moor_precond *cond, moor_done_void done) {
    OPERATE(obj, UNCONDITIONAL && move(&o, src, dst), done(o.ctx, ERROR));
}
static int remove_entry(const char *file, const struct stat *st, int type, struct FTW *at) {
    return remove(file) != 0 && errno != ENOENT && (errno != ENOTEMPTY || type == FTW_DNR);
}
static bool rm_tree(struct op *o) {
    struct stream *w = new_stream(o);
    bool found = false; /* suspended bytes of the path itself */
    while (w && find_temp(w, (moor_bytes){0}) && unlink(w->temp) == 0)
        found = drop(w);
    close_stream(w);
    while (nftw(o->file, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        if (errno != ENOENT || access(o->file, F_OK) != 0) /* else something in it was removed just now: once more */
            return found && errno == ENOENT;
    return true;
}
static void remove_path(CALL, moor_str path, uint32_t flags, moor_done_void done) {
    OPERATE(obj, locate(&o, path, 2) && (flags & MOOR_REMOVE_TREE ? rm_tree(&o) : !unlink(o.file)), done(o.ctx, ERROR));
}
static void redirect_url(CALL, const moor_redirect_req *req, moor_done_buf done) {
    moor_buf serve_it_yourself = {0};
    OPERATE(obj, locate(&o, req->path, 2), DONE(&serve_it_yourself));
}
/* ---------------------------------------------------------------- instance, factory, entry */
static moor_code fill(void *table, const void *mine, uint32_t size) {
    uint32_t capacity = *(const uint32_t *)table, filled = size < capacity ? size : capacity;
    memcpy(table, mine, filled); /* an older host knows fewer members */
    *(uint32_t *)table = filled;
    return MOOR_OK;
}
static moor_code instance_interface(void *obj, moor_str id, void *table) {
    moor_storage t = {.struct_size = sizeof t, .exec_flags = MOOR_EXEC_BLOCKING, .max_list_page = PAGE, .obj = obj};
    t.caps = MOOR_CAP_ATOMIC_MOVE | MOOR_CAP_RESUME | MOOR_CAP_STRONG_LIST | MOOR_CAP_REMOVE_TREE;
    t.get_content = get_content, t.put_content = put_content, t.open_reader = open_reader, t.open_writer = open_writer;
    t.stat_path = stat_path, t.list_page = list_page, t.move_path = move_path, t.remove_path = remove_path;
    t.redirect_url = redirect_url;
    return IS(id, MOOR_IF_STORAGE) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
static void stop(CALL, moor_done_void done) {
    struct store *s = obj;
    for (s->stopped = true; s->users > 0;) /* what is in flight completes; later operations are refused */
        usleep(1000);
    done(call->done_ctx, NULL);
}
static void config_schema(CALL, moor_str component, moor_done_buf done) {
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"directory\":{\"type\":\"string\","
                                 "\"description\":\"Where objects are kept: an absolute path.\"}},"
                                 "\"required\":[\"directory\"],\"additionalProperties\":false}";
    done(call->done_ctx, NULL, &(moor_buf){(const uint8_t *)schema, sizeof schema - 1, NULL, NULL});
}
static bool parse(moor_bytes json, struct store *s) {
    char text[2 * LIMIT] = ""; /* just enough JSON for one string, in which `\/` is the only escape */
    int n = 0, end = -1;
    for (size_t i = 0; i < json.len && n < 2 * LIMIT - 1; i++)
        if (json.ptr[i] != '\\' || i + 1 == json.len || json.ptr[i + 1] != '/')
            text[n++] = (char)json.ptr[i];
    sscanf(text, " { \"directory\" : \"%1024[^\"\\\x01-\x1f]\" } %n", s->directory, &end);
    s->len = strlen(s->directory);
    return n < 2 * LIMIT - 1 && end == n && s->directory[0] == '/';
}
static void create(CALL, moor_str component, moor_str name, moor_bytes config, moor_done_instance done) {
    struct op o;
    struct store *s = calloc(1, sizeof *s);
    moor_instance out = {.struct_size = sizeof out, .exec_flags = MOOR_EXEC_BLOCKING, .obj = s};
    out.get_interface = instance_interface, out.stop = stop, out.destroy = leave;
    bool good = s && parse(config, s) && (mkdir(s->directory, 0777) == 0 || access(s->directory, W_OK | X_OK) == 0);
    if (!good)
        fail(&o, MOOR_E_CONFIG, "directory: the absolute path of a directory is required"), free(s);
    done(call->done_ctx, ERROR, good ? &out : NULL);
}
static moor_code plugin_interface(void *obj, moor_str id, void *table) {
    moor_factory t = {.struct_size = sizeof t, .exec_flags = MOOR_EXEC_BLOCKING, .obj = obj};
    t.config_schema = config_schema, t.create = create;
    return IS(id, MOOR_IF_FACTORY) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    static const char info[] = "{\"name\":\"template\",\"version\":\"1.0.0\",\"license\":\"Apache-2.0\","
                               "\"components\":[{\"name\":\"template\",\"interface\":\"moor.storage/1\"}]}";
    moor_plugin t = {.struct_size = sizeof t, .abi_rev = MOOR_ABI_REV, .get_interface = plugin_interface};
    t.info_json = (moor_bytes){(const uint8_t *)info, sizeof info - 1};
    return host->abi_rev >> 16 == MOOR_ABI_MAJOR ? fill(out, &t, sizeof t) : MOOR_E_VERSION;
}
