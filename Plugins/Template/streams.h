/* streams.h - the readers and writers of template.c. */
#ifndef TEMPLATE_STREAMS_H
#define TEMPLATE_STREAMS_H

#include "call.h"

#include <sys/sendfile.h>
#include <time.h>

enum { CHUNK = 1 << 20 };

/* ================================================================ readers */

/* One could hand out the descriptor instead (MOOR_CAP_FD_READ), and the host would use sendfile. This one reads into
 * buffers, as a driver for something remote does. */
struct reader {
    struct store *s;
    int fd;
    uint64_t at, end;
};
static void read_next(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    struct reader *r = obj;
    struct op o;
    uint64_t left = r->end - r->at;
    size_t n = left < CHUNK ? (size_t)left : CHUNK;
    n = n < max_len ? n : max_len;
    moor_buf out = {0}; /* length 0: the end */
    if (begin(&o, r->s, call) && left > 0 && (max_len > 0 || fail(&o, MOOR_E_INVALID_ARGUMENT, "max_len is 0"))) {
        uint8_t *bytes = malloc(n);
        if (bytes && read_at(r->fd, bytes, n, r->at))
            out = (moor_buf){bytes, n, free, bytes};
        else
            fail_errno(&o, "can't read the object");
        if (!out.ptr)
            free(bytes);
        r->at += out.len;
    }
    done(o.ctx, error_of(&o), &out);
    end(&o);
}
static void close_reader(void *obj) {
    struct reader *r = obj;
    close(r->fd);
    count(r->s, 0, -1);
    free(r);
}
static void open_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                        uint32_t flags, moor_done_reader done) {
    (void)flags;
    struct op o;
    struct stat st;
    struct reader *r = NULL;
    int fd = -1;
    moor_reader out = {.struct_size = sizeof out, .fd = -1, .offset = offset};
    if (begin_at(&o, obj, call, path) && (fd = open_file(o.s->root, o.rel, &st)) < 0)
        fail_reading(&o, "can't open the object");
    if (fd >= 0 && offset > (uint64_t)st.st_size)
        fail(&o, MOOR_E_RANGE, "behind the end of the object");
    else if (fd >= 0 && !(r = malloc(sizeof *r)))
        fail_errno(&o, "no memory");
    if (r) {
        out.object_size = (uint64_t)st.st_size;
        out.length = length < out.object_size - offset ? length : out.object_size - offset;
        *r = (struct reader){o.s, fd, offset, offset + out.length};
        out.obj = r;
        out.read_next = read_next;
        out.close_reader = close_reader;
        count(o.s, 0, 1);
    } else if (fd >= 0) {
        close(fd);
    }
    done(o.ctx, error_of(&o), r ? &out : NULL);
    end(&o);
}

/* ================================================================ writers */

struct writer {
    struct store *s;
    int fd;
    enum { OPEN, COMMITTED, CANCELLED } state;
    uint64_t offset;
    char path[ROOM], temp[ROOM], id[33];
};
static bool begin_writing(struct op *o, struct writer *w, const moor_call *call) {
    return begin(o, w->s, call) && (w->state == OPEN || fail(o, MOOR_E_INVALID_ARGUMENT, "the writer is finished"));
}
static void write_parts(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    struct writer *w = obj;
    struct op o;
    uint64_t at = w->offset;
    bool good = begin_writing(&o, w, call);
    for (size_t i = 0; good && i < n; at += parts[i++].len) {
        good = parts[i].len <= INT64_MAX - at || fail(&o, MOOR_E_RANGE, "too long");
        good = good && (write_at(w->fd, parts[i].ptr, parts[i].len, at) || fail_errno(&o, "can't write"));
    }
    if (good)
        w->offset = at;
    else if (w->state == OPEN && ftruncate(w->fd, (off_t)w->offset) != 0) /* all parts or none */
        fail_errno(&o, "can't take back what was written");
    done(o.ctx, error_of(&o), w->offset);
    end(&o);
}
static void sync_writer(void *obj, const moor_call *call, moor_done_u64 done) {
    struct writer *w = obj;
    struct op o;
    if (begin_writing(&o, w, call) && (fsync(w->fd) != 0 || !sync_parents(w->s->stage, w->temp)))
        fail_errno(&o, "can't flush");
    done(o.ctx, error_of(&o), w->offset);
    end(&o);
}
/* libc knows no SHA-256, so the checksum isn't compared here; the host hashed the bytes before it sent them. */
static void commit(void *obj, const moor_call *call, const moor_precond *cond, moor_str checksum, moor_done_stat done) {
    (void)checksum;
    struct writer *w = obj;
    struct op o;
    struct stat st;
    moor_stat out;
    bool good = begin_writing(&o, w, call) && accepts(&o, cond);
    if (good) {
        good = fsync(w->fd) == 0 && fstat(w->fd, &st) == 0 &&
               publish(w->s->stage, w->temp, w->s->root, w->path + 1, if_absent(cond));
        if (!good && errno == ENOENT)
            fail(&o, MOOR_E_PRECONDITION, "the writer's bytes were removed");
        else if (!good)
            fail_errno(&o, "can't publish the object"); /* the bytes stay: the host may commit again or cancel */
    }
    if (good) {
        w->state = COMMITTED;
        out = describe(w->path, MOOR_KIND_OBJECT, &st);
        prune_parents(w->s->stage, w->temp);
    }
    done(o.ctx, error_of(&o), good ? &out : NULL);
    end(&o);
}
static void cancel_writer(void *obj, const moor_call *call, moor_done_void done) {
    struct writer *w = obj;
    struct op o;
    if (begin(&o, w->s, call) && w->state == COMMITTED)
        fail(&o, MOOR_E_INVALID_ARGUMENT, "committed already");
    else if (!o.error.code && w->state == OPEN) {
        unlinkat(w->s->stage, w->temp, 0);
        prune_parents(w->s->stage, w->temp);
        w->state = CANCELLED;
    }
    done(o.ctx, error_of(&o));
    end(&o);
}
/* Without commit or cancel the bytes stay, and the time tells which were suspended last. */
static void close_writer(void *obj) {
    struct writer *w = obj;
    struct timespec now[2];
    if (w->state == OPEN && clock_gettime(CLOCK_REALTIME, &now[0]) == 0) {
        now[1] = now[0];
        futimens(w->fd, now);
    }
    close(w->fd); /* and unlocks */
    count(w->s, 0, -1);
    free(w);
}

static bool ends_at(struct op *o, uint64_t end, uint64_t offset) {
    if (offset == MOOR_UNKNOWN_SIZE || offset == end)
        return true;
    int n = snprintf(o->details, sizeof o->details, "{\"durable_offset\":%llu}", (unsigned long long)end);
    fail(o, MOOR_E_OFFSET, "the content ends elsewhere");
    o->error.details_json = (moor_bytes){(const uint8_t *)o->details, (size_t)n};
    return false;
}
static bool create_bytes(struct op *o, struct writer *w) {
    bool good = random_id(w->id) && (w->fd = open_temp(o->s->stage, o->rel, w->id, O_CREAT | O_EXCL, w->temp)) >= 0;
    return good || fail_errno(o, "can't make a file");
}
/* Objects are never written in place, so going on with one begins with a copy of it. */
static bool copy_bytes(struct op *o, struct writer *w, uint64_t offset) {
    struct stat st;
    int from = open_file(o->s->root, o->rel, &st);
    if (from < 0)
        return fail_reading(o, "can't open the object");
    bool good = ends_at(o, (uint64_t)st.st_size, offset) && create_bytes(o, w);
    while (good && w->offset < (uint64_t)st.st_size) {
        ssize_t n = still_wanted(o) ? sendfile(w->fd, from, NULL, 8 * CHUNK) : 0;
        good = n > 0 || (!o->error.code && fail_errno(o, "can't copy the object"));
        w->offset += good ? (uint64_t)n : 0;
    }
    close(from);
    if (!good && w->fd >= 0)
        unlinkat(o->s->stage, w->temp, 0);
    return good;
}
static bool resume_bytes(struct op *o, struct writer *w, uint64_t offset, moor_bytes token) {
    struct stat st;
    errno = ENOENT;
    if (token.len == 0) {
        w->fd = open_newest(o->s->stage, o->rel, w->id, w->temp);
    } else if (token.len == 32 && is_hex((const char *)token.ptr, 32)) {
        memcpy(w->id, token.ptr, 32);
        w->fd = open_temp(o->s->stage, o->rel, w->id, 0, w->temp);
    }
    bool busy = w->fd < 0 && errno == EWOULDBLOCK;
    if (w->fd < 0 && token.len == 0 && copy_bytes(o, w, offset))
        return true;
    if (busy && (token.len > 0 || o->error.code == MOOR_E_NOT_FOUND))
        return fail(o, MOOR_E_BUSY, "another writer has these bytes open");
    if (w->fd < 0)
        return o->error.code ? false : fail_reading(o, "can't open the suspended bytes");
    if (fstat(w->fd, &st) != 0)
        return fail_errno(o, "can't look at the suspended bytes");
    w->offset = (uint64_t)st.st_size;
    return ends_at(o, w->offset, offset);
}
static void open_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                        moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    (void)size_hint;
    struct op o;
    struct writer *w = calloc(1, sizeof *w);
    if (w)
        *w = (struct writer){.s = obj, .fd = -1};
    bool good = begin_at(&o, obj, call, path) && (w || fail_errno(&o, "no memory"));
    if (good) {
        strcpy(w->path, o.path);
        if (mode == MOOR_W_CREATE)
            good =
                (offset == 0 || fail(&o, MOOR_E_INVALID_ARGUMENT, "a new object begins at 0")) && create_bytes(&o, w);
        else if (mode == MOOR_W_APPEND)
            good = resume_bytes(&o, w, offset, token);
        else
            good = fail(&o, MOOR_E_UNSUPPORTED, "unknown mode");
    }
    moor_writer out = {.struct_size = sizeof out, .preferred_chunk = CHUNK, .obj = w};
    if (good) {
        out.durable_offset = w->offset;
        out.resume_token = (moor_bytes){(const uint8_t *)w->id, 32};
        out.write = write_parts;
        out.sync_writer = sync_writer;
        out.commit = commit;
        out.cancel_writer = cancel_writer;
        out.close_writer = close_writer;
        count(o.s, 0, 1);
    } else if (w) {
        if (w->fd >= 0)
            close(w->fd);
        free(w);
    }
    done(o.ctx, error_of(&o), good ? &out : NULL);
    end(&o);
}

#endif
