/* call.h - what every operation of template.c does first and last: the instance, one call, its path, its failure. */
#ifndef TEMPLATE_CALL_H
#define TEMPLATE_CALL_H

#include "files.h"
#include "mooring/plugin.h"

#include <pthread.h>
#include <stdlib.h>

/* An instance. There are no global variables: instances with different configurations live side by side. */
struct store {
    int root, stage; /* descriptors of directories */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    int running; /* operations between begin and end; stop waits for them */
    int holders; /* those, open readers and writers, and the host; the last one frees */
    bool stopped;
};
/* One call. Steps answer false after fail(), so that they can be joined with &&. */
struct op {
    struct store *s;
    const moor_call *call;
    void *ctx;
    char path[ROOM];  /* "/a/b" */
    const char *rel;  /* "a/b", or "." for the root */
    moor_error error; /* the host borrows it during `done`, so it may live here */
    char message[200], details[48];
};

static moor_str str(const char *s) {
    return (moor_str){s, strlen(s)};
}

static bool fail(struct op *o, moor_code code, const char *message) {
    o->error = (moor_error){.struct_size = sizeof o->error, .code = code, .retry_after_ms = -1};
    /* Only these can come after something was changed, and only that one is worth another try. */
    if (code != MOOR_E_INTERNAL && code != MOOR_E_NO_SPACE && code != MOOR_E_PERMISSION)
        o->error.flags |= MOOR_ERR_NO_EFFECT;
    if (code == MOOR_E_BUSY)
        o->error.flags |= MOOR_ERR_RETRYABLE;
    snprintf(o->message, sizeof o->message, "template: %s", message);
    o->error.message = str(o->message);
    return false;
}
/* The host acts on the code alone (404? 503? once more?), so errno is mapped with care. */
static bool fail_errno(struct op *o, const char *message) {
    static const struct {
        int error;
        moor_code code;
    } codes[] = {
        {ENOENT, MOOR_E_NOT_FOUND},
        {EEXIST, MOOR_E_ALREADY_EXISTS},
        {EISDIR, MOOR_E_INVALID_ARGUMENT},
        {ENOTDIR, MOOR_E_INVALID_ARGUMENT},
        {ENOTEMPTY, MOOR_E_INVALID_ARGUMENT},
        {ENAMETOOLONG, MOOR_E_INVALID_ARGUMENT},
        {EACCES, MOOR_E_PERMISSION},
        {EPERM, MOOR_E_PERMISSION},
        {EROFS, MOOR_E_PERMISSION},
        {ENOSPC, MOOR_E_NO_SPACE},
        {EDQUOT, MOOR_E_NO_SPACE},
        {EFBIG, MOOR_E_NO_SPACE},
        {EMFILE, MOOR_E_BUSY},
        {ENFILE, MOOR_E_BUSY},
        {ENOMEM, MOOR_E_BUSY},
        {EAGAIN, MOOR_E_BUSY},
        {EBADMSG, MOOR_E_CORRUPT},
        {EINVAL, MOOR_E_UNSUPPORTED},
    };
    int error = errno;
    moor_code code = MOOR_E_INTERNAL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        code = codes[i].error == error ? codes[i].code : code;
    fail(o, code, message);
    snprintf(o->message, sizeof o->message, "template: %s: %s", message, strerror(error));
    o->error.message = str(o->message);
    o->error.os_errno = error;
    return false;
}
/* For paths that are only read: also below an object, nothing is there. */
static bool fail_reading(struct op *o, const char *message) {
    return absent(errno) ? fail(o, MOOR_E_NOT_FOUND, "nothing there") : fail_errno(o, message);
}
static const moor_error *error_of(const struct op *o) {
    return o->error.code ? &o->error : NULL;
}

/* Counts operations and holders. Answers whether the instance is stopped. */
static bool count(struct store *s, int operations, int holders) {
    pthread_mutex_lock(&s->lock);
    s->running += operations;
    s->holders += holders;
    bool stopped = s->stopped, last = s->holders == 0;
    if (s->running == 0)
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
    if (last) {
        close(s->stage);
        close(s->root);
        pthread_cond_destroy(&s->idle);
        pthread_mutex_destroy(&s->lock);
        free(s);
    }
    return stopped;
}
static bool still_wanted(struct op *o) {
    int32_t why = o->call->cancel->is_cancelled(o->call->cancel->obj);
    return why == 0 || fail(o, why, why == MOOR_E_TIMEOUT ? "the deadline passed" : "cancelled");
}
static bool begin(struct op *o, struct store *s, const moor_call *call) {
    *o = (struct op){.s = s, .call = call, .ctx = call->done_ctx}; /* `call` is gone when `done` was called */
    return count(s, 1, 1) ? fail(o, MOOR_E_SHUTDOWN, "stopped") : still_wanted(o);
}
/* Comes after `done`: the host may have destroyed the instance already, and until here the operation holds it. */
static void end(struct op *o) {
    count(o->s, -1, -1);
}

/* The host checks paths too; a driver must not depend on that. The copy is made because the system wants a NUL, and
 * because no result may point into the arguments of a call that is over. */
static bool locate(struct op *o, moor_str path, bool root_too) {
    bool root = path.len == 1 && path.ptr[0] == '/';
    if (!(root && root_too) && !is_path(path.ptr, path.len))
        return fail(o, MOOR_E_INVALID_ARGUMENT, "not a path of a storage driver");
    memcpy(o->path, path.ptr, path.len);
    o->path[path.len] = 0;
    o->rel = root ? "." : o->path + 1;
    return true;
}
static bool begin_at(struct op *o, void *obj, const moor_call *call, moor_str path) {
    return begin(o, obj, call) && locate(o, path, false);
}
static bool accepts(struct op *o, const moor_precond *cond) {
    bool good = !cond || (cond->flags & ~MOOR_IF_ABSENT) == 0;
    return good || fail(o, MOOR_E_UNSUPPORTED, "this condition is not supported");
}
static bool if_absent(const moor_precond *cond) {
    return cond && cond->flags;
}
/* No etag: times and inode numbers don't change exactly when the content does. */
static moor_stat describe(const char *path, uint32_t kind, const struct stat *st) {
    moor_stat out = {.struct_size = sizeof out, .kind = kind, .path = str(path)};
    if (kind == MOOR_KIND_OBJECT) {
        out.size = (uint64_t)st->st_size;
        out.mtime_ns = st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec;
    }
    return out;
}

#endif
