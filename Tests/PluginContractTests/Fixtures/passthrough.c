/* passthrough.c - storage middlewares for the tests:
 *   passthrough     forwards every operation as it is. Option `prefix`: everything lies below that path of inner
 *   xor             really changes the bytes (each ^ 0x5a), so that what goes around it is seen at once
 *   refuse-walk     passthrough that leaves the optional operations NULL: they must be refused, not bypassed
 *   refuse-move     passthrough that leaves move_path NULL
 *   quota           refuses every write as a full disk does while the file of its option `full` exists
 *   transparent     refuse-walk with MOOR_MW_TRANSPARENT: what it leaves NULL may go to inner
 * Each counts its calls: the size of the object "/.calls/<operation>" tells how many there were. */
#define _XOPEN_SOURCE 700
#include "mooring/plugin.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum operation {
    GET,
    PUT,
    READER,
    WRITER,
    STAT,
    LIST,
    MOVE,
    REMOVE,
    REDIRECT,
    WALK,
    COPY,
    BATCH,
    CHECKSUM,
    OPERATIONS
};
static const char *const names[OPERATIONS] = {
    "get_content", "put_content",  "open_reader", "open_writer", "stat_path",    "list_page",    "move_path",
    "remove_path", "redirect_url", "walk_page",   "copy_path",   "remove_batch", "checksum_path"};

struct layer {
    const moor_storage *inner;
    char component[32], prefix[1025], full[1025];
    bool xored, changes; /* changes: paths or bytes; else calls are forwarded with the caller's own completion */
    atomic_ullong calls[OPERATIONS];
};
/* A call that goes on under another completion. Its inputs live here until then. */
struct forward {
    moor_call call;
    struct layer *l;
    void *ctx;
    void (*done)(void);
    moor_str path, other;
    uint8_t *bytes;
    moor_str *paths;
    size_t npaths;
};

static moor_str str(const char *s) {
    return (moor_str){s, strlen(s)};
}
static bool is(moor_str s, const char *t) {
    return s.len == strlen(t) && memcmp(s.ptr, t, s.len) == 0;
}

static bool is_full(const struct layer *l) {
    return l->full[0] && access(l->full, F_OK) == 0;
}
static const moor_error no_space = {.struct_size = sizeof(moor_error),
                                    .code = MOOR_E_NO_SPACE,
                                    .os_errno = ENOSPC,
                                    .retry_after_ms = -1,
                                    .message = {"No space left on device", 23}};

static uint8_t *xored(struct layer *l, moor_bytes b) {
    uint8_t *p = malloc(b.len + 1);
    for (size_t i = 0; i < b.len; i++)
        p[i] = l->xored ? b.ptr[i] ^ 0x5a : b.ptr[i];
    return p;
}
/* With its length, and not up to a NUL: an illegal path must stay one. */
static moor_str inside(struct layer *l, moor_str path) {
    size_t n = strlen(l->prefix), m = n > 0 && path.len == 1 ? 0 : path.len;
    char *p = malloc(n + m + 1);
    memcpy(p, l->prefix, n);
    if (m)
        memcpy(p + n, path.ptr, m);
    return (moor_str){p, n + m};
}
static moor_stat outside(struct layer *l, const moor_stat *st) {
    moor_stat out = {0};
    memcpy(&out, st, st->struct_size < sizeof out ? st->struct_size : sizeof out);
    out.struct_size = sizeof out;
    size_t n = strlen(l->prefix);
    if (n > 0 && out.path.len >= n)
        out.path = out.path.len == n ? str("/") : (moor_str){out.path.ptr + n, out.path.len - n};
    if (l->xored)
        out.checksum = (moor_str){0}; /* it is that of the stored bytes */
    return out;
}
static struct forward *begin(struct layer *l, const moor_call *call, void (*done)(void), moor_str path,
                             moor_str other) {
    struct forward *f = calloc(1, sizeof *f);
    *f = (struct forward){.l = l, .ctx = call->done_ctx, .done = done};
    memcpy(&f->call, call, call->struct_size < sizeof f->call ? call->struct_size : sizeof f->call);
    f->call.struct_size = sizeof f->call;
    f->call.done_ctx = f;
    f->path = inside(l, path);
    f->other = inside(l, other);
    return f;
}
#define BEGIN(l, path, other) begin(l, call, (void (*)(void))done, path, other)

static void end(struct forward *f) {
    for (size_t i = 0; i < f->npaths; i++)
        free((char *)f->paths[i].ptr);
    free(f->paths);
    free((char *)f->path.ptr);
    free((char *)f->other.ptr);
    free(f->bytes);
    free(f);
}

/* ---------------------------------------------------------------- completions: result, caller, then the inputs go */

static void end_void(void *ctx, const moor_error *err) {
    struct forward *f = ctx;
    ((moor_done_void)f->done)(f->ctx, err);
    end(f);
}
static void end_u64(void *ctx, const moor_error *err, uint64_t value) {
    struct forward *f = ctx;
    ((moor_done_u64)f->done)(f->ctx, err, value);
    end(f);
}
static void end_items(void *ctx, const moor_error *err, const moor_item_result *items, size_t n) {
    struct forward *f = ctx;
    ((moor_done_items)f->done)(f->ctx, err, items, n);
    end(f);
}
static void end_text(void *ctx, const moor_error *err, const moor_buf *buf) {
    struct forward *f = ctx;
    ((moor_done_buf)f->done)(f->ctx, err, buf);
    end(f);
}
static void end_bytes(void *ctx, const moor_error *err, const moor_buf *buf) {
    struct forward *f = ctx;
    if (err || !f->l->xored) {
        end_text(ctx, err, buf);
        return;
    }
    uint8_t *bytes = xored(f->l, (moor_bytes){buf->ptr, buf->len});
    moor_buf mine = {bytes, buf->len, free, bytes};
    if (buf->release)
        buf->release(buf->release_ctx);
    end_text(ctx, NULL, &mine);
}
static void end_stat(void *ctx, const moor_error *err, const moor_stat *st) {
    struct forward *f = ctx;
    moor_stat mine = err ? (moor_stat){0} : outside(f->l, st);
    ((moor_done_stat)f->done)(f->ctx, err, err ? NULL : &mine);
    end(f);
}
static void end_page(void *ctx, const moor_error *err, const moor_page *page) {
    struct forward *f = ctx;
    size_t n = err ? 0 : page->nentries;
    moor_stat *stats = calloc(n + 1, sizeof *stats);
    const moor_stat **entries = calloc(n + 1, sizeof *entries);
    moor_page mine = {.struct_size = sizeof mine, .entries = entries, .nentries = n};
    for (size_t i = 0; i < n; i++) {
        stats[i] = outside(f->l, page->entries[i]);
        entries[i] = &stats[i];
    }
    if (!err) {
        mine.flags = page->flags;
        mine.next_token = page->next_token;
    }
    ((moor_done_page)f->done)(f->ctx, err, err ? NULL : &mine);
    free(stats);
    free(entries);
    end(f);
}

/* ---------------------------------------------------------------- readers: never a descriptor if bytes are changed */

struct reader {
    struct layer *l;
    moor_reader inner;
    uint64_t at;
};
static void read_next(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    struct reader *r = obj;
    struct forward *f = BEGIN(r->l, str("/"), str("/"));
    if (r->inner.read_next) {
        r->inner.read_next(r->inner.obj, &f->call, max_len, end_bytes);
        return;
    }
    uint64_t left = r->inner.length - r->at;
    size_t want = left < max_len ? (size_t)left : max_len;
    want = want < 1 << 20 ? want : 1 << 20;
    uint8_t *bytes = malloc(want + 1);
    ssize_t n = pread(r->inner.fd, bytes, want, (off_t)(r->inner.fd_offset + r->at));
    moor_error e = {
        .struct_size = sizeof e, .code = MOOR_E_CORRUPT, .retry_after_ms = -1, .message = str("short file")};
    moor_buf buf = {bytes, n > 0 ? (size_t)n : 0, free, bytes};
    bool failed = n < 0 || (n == 0 && want > 0);
    r->at += buf.len;
    if (failed)
        free(bytes);
    end_bytes(f, failed ? &e : NULL, &buf);
}
static void close_reader(void *obj) {
    struct reader *r = obj;
    if (r->inner.fd >= 0)
        close(r->inner.fd); /* it moved to us */
    if (r->inner.close_reader)
        r->inner.close_reader(r->inner.obj);
    free(r);
}
static void end_reader(void *ctx, const moor_error *err, const moor_reader *reader) {
    struct forward *f = ctx;
    moor_reader mine = {.struct_size = sizeof mine, .fd = -1};
    if (!err && f->l->xored) {
        struct reader *r = malloc(sizeof *r);
        *r = (struct reader){f->l, *reader, 0};
        mine.object_size = reader->object_size;
        mine.offset = reader->offset;
        mine.length = reader->length;
        mine.etag = reader->etag;
        mine.obj = r;
        mine.read_next = read_next;
        mine.close_reader = close_reader;
        reader = &mine;
    }
    ((moor_done_reader)f->done)(f->ctx, err, err ? NULL : reader);
    end(f);
}

/* ---------------------------------------------------------------- writers */

struct writer {
    struct layer *l;
    moor_writer inner;
    uint64_t at;
};
static void write_parts(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    struct writer *w = obj;
    if (is_full(w->l)) {
        done(call->done_ctx, &no_space, w->at);
        return;
    }
    struct forward *f = BEGIN(w->l, str("/"), str("/"));
    size_t sum = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        sum += parts[i].len;
    f->bytes = malloc(sizeof(moor_bytes) + sum);
    uint8_t *bytes = f->bytes + sizeof(moor_bytes);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < parts[i].len; k++)
            bytes[at++] = w->l->xored ? parts[i].ptr[k] ^ 0x5a : parts[i].ptr[k];
    moor_bytes *part = (moor_bytes *)f->bytes; /* lives until done, as the bytes do */
    *part = (moor_bytes){bytes, sum};
    w->at += sum;
    w->inner.write(w->inner.obj, &f->call, part, 1, end_u64);
}
static void sync_writer(void *obj, const moor_call *call, moor_done_u64 done) {
    struct writer *w = obj;
    w->inner.sync_writer(w->inner.obj, call, done);
}
static void commit(void *obj, const moor_call *call, const moor_precond *cond, moor_str checksum, moor_done_stat done) {
    struct writer *w = obj;
    if (is_full(w->l)) {
        done(call->done_ctx, &no_space, NULL);
        return;
    }
    struct forward *f = BEGIN(w->l, str("/"), str("/"));
    w->inner.commit(w->inner.obj, &f->call, cond, w->l->xored ? (moor_str){0} : checksum, end_stat);
}
static void cancel_writer(void *obj, const moor_call *call, moor_done_void done) {
    struct writer *w = obj;
    w->inner.cancel_writer(w->inner.obj, call, done);
}
static void close_writer(void *obj) {
    struct writer *w = obj;
    w->inner.close_writer(w->inner.obj);
    free(w);
}
static void end_writer(void *ctx, const moor_error *err, const moor_writer *writer) {
    struct forward *f = ctx;
    moor_writer mine = {.struct_size = sizeof mine};
    if (!err) {
        struct writer *w = malloc(sizeof *w);
        *w = (struct writer){f->l, *writer, writer->durable_offset};
        mine.durable_offset = writer->durable_offset;
        mine.min_chunk = writer->min_chunk;
        mine.preferred_chunk = writer->preferred_chunk;
        mine.resume_token = writer->resume_token;
        mine.obj = w;
        mine.write = write_parts;
        mine.sync_writer = sync_writer;
        mine.commit = commit;
        mine.cancel_writer = cancel_writer;
        mine.close_writer = close_writer;
    }
    ((moor_done_writer)f->done)(f->ctx, err, err ? NULL : &mine);
    end(f);
}

#include "passthrough_plugin.h"
