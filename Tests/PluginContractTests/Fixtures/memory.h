/* memory.h - a small correct storage driver that keeps objects in memory, never blocks and completes before it returns.
 * The fixtures stand on it and then break one rule each. */
#ifndef FIXTURE_MEMORY_H
#define FIXTURE_MEMORY_H

#include "mooring/plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes that nobody changes any more; readers and buffers share them. */
struct blob {
    atomic_int refs;
    size_t len;
    uint8_t bytes[];
};
struct object {
    struct object *next;
    char *path;
    struct blob *blob;
    int64_t mtime;
    char etag[24];
};
/* The bytes of a writer. */
struct pending {
    struct pending *next;
    char *path;
    uint8_t *bytes;
    size_t len;
    uint64_t id, suspended_at;
    bool open, listed; /* listed: not committed, cancelled or removed */
};
struct mem {
    const char *component;
    long option; /* a number from the configuration, for the fixtures */
    pthread_mutex_t lock;
    struct object *objects;
    struct pending *pendings;
    uint64_t clock;
    bool stopped;
    pthread_cond_t changed; /* for deferred calls, see rogue.c */
    int deferred;
};

static inline moor_str str(const char *s) {
    return (moor_str){s, strlen(s)};
}
static inline bool is(moor_str s, const char *t) {
    return s.len == strlen(t) && memcmp(s.ptr, t, s.len) == 0;
}

static inline const moor_error *error_with(moor_error *e, moor_code code, const char *message) {
    *e = (moor_error){.struct_size = sizeof *e, .code = code, .flags = MOOR_ERR_NO_EFFECT, .retry_after_ms = -1};
    e->message = str(message);
    return e;
}
static inline const moor_error *error_of(moor_error *e, moor_code code) {
    return code ? error_with(e, code, "memory: refused") : NULL;
}
static void drop_blob(void *p) {
    struct blob *b = p;
    if (b && atomic_fetch_sub(&b->refs, 1) == 1)
        free(b);
}
static struct blob *new_blob(const void *bytes, size_t len) {
    struct blob *b = malloc(sizeof *b + len);
    atomic_init(&b->refs, 1);
    b->len = len;
    if (len)
        memcpy(b->bytes, bytes, len);
    return b;
}
static char *copy_str(moor_str s) {
    char *p = malloc(s.len + 1);
    memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return p;
}

/* ---------------------------------------------------------------- paths */

static bool legal_segment(const char *s, size_t n) {
    size_t hex = 0;
    for (size_t i = 0; i < n; i++) {
        bool alnum = (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');
        if (!alnum && (s[i] == 0 || !strchr("._-", s[i])))
            return false;
    }
    if (n >= 38 && s[0] == '.' && s[n - 37] == '.' && memcmp(s + n - 4, ".tmp", 4) == 0)
        for (size_t i = n - 36; i < n - 4; i++)
            hex += (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
    return n > 0 && hex < 32 && !(n == 1 && s[0] == '.') && !(n == 2 && s[0] == '.' && s[1] == '.');
}
static bool legal(moor_str p, bool root_too) {
    if (p.len < 1 || p.len > 1024 || p.ptr[0] != '/' || p.len == 1)
        return p.len == 1 && p.ptr[0] == '/' && root_too;
    for (size_t start = 1, i = 1; i <= p.len; i++)
        if (i == p.len || p.ptr[i] == '/') {
            if (!legal_segment(p.ptr + start, i - start))
                return false;
            start = i + 1;
        }
    return true;
}
/* Whether `path` lies below `prefix`. */
static bool below(const char *path, moor_str prefix) {
    if (prefix.len == 1)
        return true;
    return strncmp(path, prefix.ptr, prefix.len) == 0 && path[prefix.len] == '/';
}
/* What every operation asks first. The lock is taken in any case. */
static moor_code enter(struct mem *m, const moor_call *call, moor_str path, bool root_too) {
    int32_t why = call->cancel->is_cancelled(call->cancel->obj);
    pthread_mutex_lock(&m->lock);
    if (m->stopped)
        return MOOR_E_SHUTDOWN;
    return why ? why : legal(path, root_too) ? MOOR_OK : MOOR_E_INVALID_ARGUMENT;
}
static void leave(struct mem *m) {
    pthread_mutex_unlock(&m->lock);
}

static struct object *find(struct mem *m, moor_str path) {
    struct object *o = m->objects;
    while (o && !is(path, o->path))
        o = o->next;
    return o;
}
static bool is_prefix(struct mem *m, moor_str path) {
    for (struct object *o = m->objects; o; o = o->next)
        if (below(o->path, path))
            return true;
    return path.len == 1;
}
static moor_code writable(struct mem *m, moor_str path, const moor_precond *cond) {
    struct object *o = find(m, path);
    if (cond && (cond->flags & ~(MOOR_IF_ABSENT | MOOR_IF_MATCH)))
        return MOOR_E_UNSUPPORTED;
    for (struct object *p = m->objects; p; p = p->next)
        if (below(p->path, path) || (path.len > strlen(p->path) && strncmp(p->path, path.ptr, strlen(p->path)) == 0 &&
                                     path.ptr[strlen(p->path)] == '/'))
            return MOOR_E_INVALID_ARGUMENT;
    if (cond && (cond->flags & MOOR_IF_ABSENT) && o)
        return MOOR_E_ALREADY_EXISTS;
    return cond && (cond->flags & MOOR_IF_MATCH) && (!o || !is(cond->etag, o->etag)) ? MOOR_E_PRECONDITION : MOOR_OK;
}
/* Takes over the caller's reference to the blob. */
static struct object *store(struct mem *m, moor_str path, struct blob *blob) {
    struct object *o = find(m, path);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (o) {
        drop_blob(o->blob);
    } else {
        o = malloc(sizeof *o);
        *o = (struct object){.next = m->objects, .path = copy_str(path)};
        m->objects = o;
    }
    o->blob = blob;
    o->mtime = t.tv_sec * 1000000000ll + t.tv_nsec;
    snprintf(o->etag, sizeof o->etag, "e%llu", (unsigned long long)++m->clock);
    return o;
}
static void unlink_object(struct mem *m, struct object *gone) {
    struct object **at = &m->objects;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    drop_blob(gone->blob);
    free(gone->path);
    free(gone);
}
/* A stat that outlives the lock. */
struct stat_copy {
    moor_stat st;
    char path[1025], etag[24];
};
static void describe(struct stat_copy *c, moor_str path, const struct object *o) {
    memcpy(c->path, path.ptr, path.len);
    c->path[path.len] = 0;
    c->st = (moor_stat){.struct_size = sizeof c->st, .kind = o ? MOOR_KIND_OBJECT : MOOR_KIND_PREFIX};
    c->st.path = str(c->path);
    if (o) {
        c->st.size = o->blob->len;
        c->st.mtime_ns = o->mtime;
        strcpy(c->etag, o->etag);
        c->st.etag = str(c->etag);
    }
}

/* ---------------------------------------------------------------- operations */

static void mem_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    struct mem *m = obj;
    moor_error e;
    moor_buf out = {0};
    moor_code code = enter(m, call, path, false);
    struct object *o = code ? NULL : find(m, path);
    if (!code)
        code = !o ? MOOR_E_NOT_FOUND : o->blob->len > max_len ? MOOR_E_RANGE : MOOR_OK;
    if (!code) {
        atomic_fetch_add(&o->blob->refs, 1);
        out = (moor_buf){o->blob->bytes, o->blob->len, drop_blob, o->blob};
    }
    leave(m);
    done(call->done_ctx, error_of(&e, code), &out);
}
static void mem_put(void *obj, const moor_call *call, moor_str path, moor_bytes body, const moor_precond *cond,
                    moor_done_stat done) {
    struct mem *m = obj;
    moor_error e;
    struct stat_copy c;
    moor_code code = enter(m, call, path, false);
    if (!code)
        code = writable(m, path, cond);
    if (!code)
        describe(&c, path, store(m, path, new_blob(body.ptr, body.len)));
    leave(m);
    done(call->done_ctx, error_of(&e, code), &c.st);
}
static void mem_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    struct mem *m = obj;
    moor_error e;
    struct stat_copy c;
    moor_code code = enter(m, call, path, true);
    struct object *o = code ? NULL : find(m, path);
    if (!code && !o && !is_prefix(m, path))
        code = MOOR_E_NOT_FOUND;
    if (!code)
        describe(&c, path, o);
    leave(m);
    done(call->done_ctx, error_of(&e, code), &c.st);
}
static int by_path(const void *a, const void *b) {
    return strcmp((*(struct stat_copy *const *)a)->path, (*(struct stat_copy *const *)b)->path);
}
static void mem_list(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                     moor_done_page done) {
    struct mem *m = obj;
    moor_error e;
    struct stat_copy **all = NULL;
    size_t n = 0, from = 0, base = path.len == 1 ? 1 : path.len + 1;
    moor_code code = enter(m, call, path, true);
    if (!code && token.len > 0 && token.ptr[0] != 0)
        code = MOOR_E_INVALID_ARGUMENT;
    for (struct object *o = code ? NULL : m->objects; o; o = o->next) {
        if (!below(o->path, path))
            continue;
        size_t end = base + strcspn(o->path + base, "/");
        moor_str child = {o->path, end};
        bool seen = false;
        for (size_t i = 0; i < n; i++)
            seen = seen || is(child, all[i]->path);
        if (seen)
            continue;
        all = realloc(all, (n + 1) * sizeof *all);
        all[n] = malloc(sizeof **all);
        describe(all[n++], child, o->path[end] ? NULL : o);
    }
    leave(m);
    if (n)
        qsort(all, n, sizeof *all, by_path);
    for (; token.len > 1 && from < n; from++) {
        const char *name = all[from]->path + base;
        size_t len = strlen(name), least = len < token.len - 1 ? len : token.len - 1;
        int order = memcmp(name, token.ptr + 1, least);
        if (order > 0 || (order == 0 && len > token.len - 1))
            break;
    }
    limit = limit && limit < 1000 ? limit : 1000;
    moor_page page = {.struct_size = sizeof page, .flags = MOOR_PAGE_LAST, .nentries = n - from};
    char next[1025] = {0};
    if (n - from > limit) {
        page.nentries = limit;
        page.flags = 0;
        strcpy(next + 1, all[from + limit - 1]->path + base);
        page.next_token = (moor_bytes){(uint8_t *)next, 1 + strlen(next + 1)};
    }
    /* `st` is the first member, so a pointer to the copy is one to the stat. */
    page.entries = all ? (const moor_stat *const *)(all + from) : NULL;
    done(call->done_ctx, error_of(&e, code), &page);
    for (size_t i = 0; i < n; i++)
        free(all[i]);
    free(all);
}
static void mem_move(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                     moor_done_void done) {
    struct mem *m = obj;
    moor_error e;
    moor_code code = enter(m, call, src, false);
    if (!code && !legal(dst, false))
        code = MOOR_E_INVALID_ARGUMENT;
    if (!code && cond && (cond->flags & ~(MOOR_IF_ABSENT | MOOR_IF_MATCH)))
        code = MOOR_E_UNSUPPORTED;
    struct object *o = code ? NULL : find(m, src);
    if (!code && !o)
        code = is_prefix(m, src) ? MOOR_E_INVALID_ARGUMENT : MOOR_E_NOT_FOUND;
    if (!code && !is(dst, o->path)) {
        code = writable(m, dst, cond);
        if (!code) {
            int64_t mtime = o->mtime;
            atomic_fetch_add(&o->blob->refs, 1);
            struct object *to = store(m, dst, o->blob);
            strcpy(to->etag, o->etag);
            to->mtime = mtime;
            unlink_object(m, o);
        }
    }
    leave(m);
    done(call->done_ctx, error_of(&e, code));
}
static void free_pending(struct pending *p) {
    free(p->path);
    free(p->bytes);
    free(p);
}
static void unlist(struct mem *m, struct pending *gone) {
    struct pending **at = &m->pendings;
    while (*at && *at != gone)
        at = &(*at)->next;
    if (*at)
        *at = gone->next;
    gone->listed = false;
    if (!gone->open)
        free_pending(gone);
}
static void mem_remove(void *obj, const moor_call *call, moor_str path, uint32_t flags, moor_done_void done) {
    struct mem *m = obj;
    moor_error e;
    bool tree = flags & MOOR_REMOVE_TREE;
    size_t n = 0;
    moor_code code = enter(m, call, path, false);
    if (!code && !tree && !find(m, path) && is_prefix(m, path))
        code = MOOR_E_INVALID_ARGUMENT;
    for (struct object *o = code ? NULL : m->objects, *next; o; o = next) {
        next = o->next;
        if (is(path, o->path) || (tree && below(o->path, path))) {
            unlink_object(m, o);
            n++;
        }
    }
    for (struct pending *p = code || !tree ? NULL : m->pendings, *next; p; p = next) {
        next = p->next;
        if (is(path, p->path) || below(p->path, path)) {
            unlist(m, p);
            n++;
        }
    }
    leave(m);
    done(call->done_ctx, error_of(&e, !code && n == 0 ? MOOR_E_NOT_FOUND : code));
}
static void mem_redirect(void *obj, const moor_call *call, const moor_redirect_req *req, moor_done_buf done) {
    moor_error e;
    moor_buf none = {0};
    moor_code code = enter(obj, call, req->path, false);
    leave(obj);
    done(call->done_ctx, error_of(&e, code), &none);
}

#include "memory_streams.h"

static const moor_storage mem_table = {
    .struct_size = sizeof(moor_storage),
    .caps = MOOR_CAP_PUT_IF_ABSENT | MOOR_CAP_IF_MATCH | MOOR_CAP_ATOMIC_MOVE | MOOR_CAP_RESUME | MOOR_CAP_STRONG_LIST |
            MOOR_CAP_REMOVE_TREE,
    .get_content = mem_get,
    .put_content = mem_put,
    .open_reader = mem_open_reader,
    .open_writer = mem_open_writer,
    .stat_path = mem_stat,
    .list_page = mem_list,
    .move_path = mem_move,
    .remove_path = mem_remove,
    .redirect_url = mem_redirect,
};

#include "memory_plugin.h"

#endif
