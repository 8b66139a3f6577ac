/* rogue.c - a plugin whose components break one rule each; README.md lists them. */
#define _GNU_SOURCE
static void rogue_table(void *m, void *table);
#define PLUGIN_NAME "rogue"
#define TABLE_HOOK(m, t) rogue_table(m, t)
#define CREATE_HOOK(component) (is(component, "rogue-create-fails") ? MOOR_E_CONFIG : MOOR_OK)
#define START_HOOK(m) (strcmp((m)->component, "rogue-start-fails") == 0 ? MOOR_E_UNAVAILABLE : MOOR_OK)
#define REFUSES_INTERFACE(m) (strcmp((m)->component, "rogue-no-interface") == 0)
#define ROGUE(name) "{\"name\":\"rogue-" name "\",\"interface\":\"moor.storage/1\"}"
#define COMPONENTS                                                                                                                                                                                                                                                                                                                                                                                               \
    ROGUE("correct")                                                                                                                                                                                                                                                                                                                                                                                             \
    "," ROGUE(                                                                                                                                                                                                                                                                                                                                                                                                   \
        "threaded") "," ROGUE("slow") "," ROGUE("double-completion") "," ROGUE("late-double") "," ROGUE("never") "," ROGUE("never-blocking") "," ROGUE("polling-blocking") "," ROGUE("oversize-buffer") "," ROGUE("absurd-buffer") "," ROGUE("null-buffer") "," ROGUE("oversize-reader") "," ROGUE("oversize-chunk") "," ROGUE("short-reader") "," ROGUE("endless-reader") "," ROGUE("no-read") "," ROGUE("non-" \
                                                                                                                                                                                                                                                                                                                                                                                                          "utf8") "," ROGUE("bad-page") "," ROGUE("page-over-limit") "," ROGUE("null-entry") "," ROGUE("unordered-page") "," ROGUE("page-without-token") "," ROGUE("endless-page") "," ROGUE("error") "," ROGUE("null-result") "," ROGUE("both") "," ROGUE("bad-fd") "," ROGUE("closed-fd") "," ROGUE("directory-fd") "," ROGUE("pipe-fd") "," ROGUE("short-fd") "," ROGUE("token") "," ROGUE("wrong-offset") "," ROGUE("struct-size") "," ROGUE("small-table") "," ROGUE("missing-op") "," ROGUE("create-fails") "," ROGUE("start-fails") "," ROGUE("no-interface")

#include "deferred.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---------------------------------------------------------------- completions */

static void twice_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    void *ctx = call->done_ctx;
    moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_PREFIX, .path = {"/twice", 6}};
    (void)obj, (void)path;
    done(ctx, NULL, &st);
    done(ctx, NULL, &st);
}
struct late {
    void *ctx;
    moor_done_stat done;
};
static void *late_thread(void *arg) {
    struct late *l = arg;
    moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_PREFIX, .path = {"/late", 5}};
    usleep(50000);
    l->done(l->ctx, NULL, &st);
    free(l);
    return NULL;
}
static void late_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    struct late *l = malloc(sizeof *l);
    *l = (struct late){call->done_ctx, done};
    mem_stat(obj, call, path, done);
    start_thread(late_thread, l);
}
static void never_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    (void)obj, (void)call, (void)path, (void)done;
}
static void sleeping_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    for (unsigned left = 3600; left > 0;)
        left = sleep(left);
    mem_stat(obj, call, path, done);
}
static void polling_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    int32_t why;
    (void)obj, (void)path;
    while ((why = call->cancel->is_cancelled(call->cancel->obj)) == 0)
        usleep(5000);
    moor_error e = {.struct_size = sizeof e, .code = why, .retry_after_ms = -1, .message = {"polled", 6}};
    done(call->done_ctx, &e, NULL);
}

/* ---------------------------------------------------------------- buffers */

static void oversize_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    size_t n = max_len < 64 << 20 ? max_len + 1 : 64 << 20;
    uint8_t *bytes = calloc(1, n);
    moor_buf buf = {bytes, n, free, bytes};
    (void)obj, (void)path;
    done(call->done_ctx, NULL, &buf);
}
static void absurd_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    uint8_t *bytes = calloc(1, 16);
    moor_buf buf = {bytes, (size_t)1 << 62, free, bytes};
    (void)obj, (void)path, (void)max_len;
    done(call->done_ctx, NULL, &buf);
}
static void null_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    moor_buf buf = {NULL, max_len < 8 ? max_len : 8, NULL, NULL};
    (void)obj, (void)path;
    done(call->done_ctx, NULL, &buf);
}

/* ---------------------------------------------------------------- readers */

static void *reader_ctx; /* nothing: the readers below have no state */

static void oversize_read(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    (void)obj;
    oversize_get(NULL, call, (moor_str){0}, max_len, done);
}
static void empty_read(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    moor_buf end = {0};
    (void)obj, (void)max_len;
    done(call->done_ctx, NULL, &end);
}
static void endless_read(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    size_t n = max_len < 4096 ? max_len : 4096;
    uint8_t *bytes = calloc(1, n);
    moor_buf buf = {bytes, n, free, bytes};
    (void)obj;
    done(call->done_ctx, NULL, &buf);
}
static bool mode_is(const struct mem *m, const char *mode) {
    return strcmp(m->component + 6, mode) == 0;
}

/* A reader of 100 bytes, wrong in the way that the component tells. */
static void rogue_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                         uint32_t flags, moor_done_reader done) {
    struct mem *m = obj;
    moor_reader r = {.struct_size = sizeof r, .object_size = 100, .length = 100, .fd = -1, .obj = &reader_ctx};
    int ends[2];
    (void)path, (void)offset, (void)length, (void)flags;
    r.read_next = endless_read;
    if (mode_is(m, "oversize-reader")) {
        r.offset = 50;
        r.length = MOOR_UNKNOWN_SIZE - 10; /* the sum overflows */
    } else if (mode_is(m, "oversize-chunk")) {
        r.read_next = oversize_read;
    } else if (mode_is(m, "short-reader")) {
        r.read_next = empty_read;
    } else if (mode_is(m, "no-read")) {
        r.read_next = NULL;
    } else if (strstr(m->component, "-fd")) {
        r.read_next = NULL;
        r.flags = MOOR_FD_REGULAR;
        r.fd = 1 << 20; /* bad-fd */
    }
    if (mode_is(m, "closed-fd")) {
        r.fd = fcntl(0, F_DUPFD_CLOEXEC, 900); /* high, so that nobody gets the number meanwhile */
        close(r.fd);
    } else if (mode_is(m, "directory-fd")) {
        r.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else if (mode_is(m, "pipe-fd") && pipe2(ends, O_CLOEXEC) == 0) {
        r.fd = ends[0];
        close(ends[1]);
    } else if (mode_is(m, "short-fd")) {
        r.fd = memfd_create("short", MFD_CLOEXEC);
        if (write(r.fd, "1234", 4) != 4)
            close(r.fd);
    }
    done(call->done_ctx, NULL, &r);
}

/* ---------------------------------------------------------------- texts and pages */

static const moor_str not_text = {"/\xff\xfe\xc0\xaf", 5};

static void garbled_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_OBJECT, .path = not_text, .etag = not_text};
    (void)obj, (void)path;
    done(call->done_ctx, NULL, &st);
}
static void garbled_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    moor_error e = {.struct_size = sizeof e, .code = MOOR_E_UNAVAILABLE, .message = not_text, .vendor_code = not_text};
    (void)obj, (void)path, (void)max_len;
    e.details_json = (moor_bytes){(const uint8_t *)"{\xff", 2};
    done(call->done_ctx, &e, NULL);
}
static void rogue_list(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                       moor_done_page done) {
    struct mem *m = obj;
    size_t n = mode_is(m, "page-over-limit") ? (size_t)(limit ? limit : 1000) + 1 : 3;
    moor_stat *stats = calloc(n, sizeof *stats);
    const moor_stat **entries = calloc(n, sizeof *entries);
    char(*names)[2048] = calloc(n, sizeof *names);
    moor_page page = {.struct_size = sizeof page, .flags = MOOR_PAGE_LAST, .entries = entries, .nentries = n};
    (void)token;
    for (size_t i = 0; i < n; i++) {
        size_t turned = mode_is(m, "unordered-page") ? n - i : i;
        snprintf(names[i], sizeof *names, "%.*s/%06zu", path.len == 1 ? 0 : (int)path.len, path.ptr, turned);
        stats[i] = (moor_stat){.struct_size = sizeof stats[i], .kind = MOOR_KIND_OBJECT, .path = str(names[i])};
        entries[i] = &stats[i];
    }
    if (mode_is(m, "bad-page"))
        page.entries = NULL;
    if (mode_is(m, "null-entry"))
        entries[1] = NULL;
    if (mode_is(m, "non-utf8"))
        stats[1].path = not_text;
    if (mode_is(m, "page-without-token") || mode_is(m, "endless-page"))
        page.flags = 0;
    if (mode_is(m, "endless-page"))
        page.next_token = (moor_bytes){(const uint8_t *)"\0again", 6};
    done(call->done_ctx, NULL, &page);
    free(stats);
    free(entries);
    free(names);
}

/* ---------------------------------------------------------------- errors and results */

static void release_wrongly(void *ctx) {
    atomic_fetch_add((atomic_int *)ctx, 1);
}
static atomic_int wrong_releases; /* buffers that came beside an error and were released all the same */

/* error: an error, each time the next code (or `number`). null-result: neither error nor result. both: both. */
static const moor_error *rogue_error(struct mem *m, moor_error *e) {
    static const moor_code codes[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,   10, 11, 12,
                                      13, 14, 15, 16, 17, 18, 19, 20, 998, 0,  -7};
    pthread_mutex_lock(&m->lock);
    moor_code code = codes[m->clock++ % (sizeof codes / sizeof codes[0])];
    pthread_mutex_unlock(&m->lock);
    if (m->option >= 0)
        code = (moor_code)m->option;
    return mode_is(m, "null-result") ? NULL : error_with(e, code, "rogue: an error on purpose");
}
#define BOTH(m, result) (mode_is(m, "both") ? (result) : NULL)

static void failing_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    moor_error e;
    moor_buf buf = {(const uint8_t *)"1234", 4, release_wrongly, &wrong_releases};
    (void)path, (void)max_len;
    done(call->done_ctx, rogue_error(obj, &e), BOTH(obj, &buf));
}
static void failing_put(void *obj, const moor_call *call, moor_str path, moor_bytes body, const moor_precond *cond,
                        moor_done_stat done) {
    moor_error e;
    moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_OBJECT, .path = path, .size = body.len};
    (void)cond;
    done(call->done_ctx, rogue_error(obj, &e), BOTH(obj, &st));
}
static void failing_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                           uint32_t flags, moor_done_reader done) {
    moor_error e;
    moor_reader r = {.struct_size = sizeof r, .fd = -1, .read_next = empty_read};
    (void)path, (void)offset, (void)length, (void)flags;
    done(call->done_ctx, rogue_error(obj, &e), BOTH(obj, &r));
}
static void failing_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                           moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    moor_error e;
    moor_writer w = {.struct_size = sizeof w};
    (void)path, (void)mode, (void)offset, (void)token, (void)size_hint;
    done(call->done_ctx, rogue_error(obj, &e), BOTH(obj, &w));
}
/* With `both`, the size of "/releases" tells how often the host released what wasn't its own. */
static void failing_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    moor_error e;
    moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_OBJECT, .path = path};
    st.size = (uint64_t)atomic_load(&wrong_releases);
    bool asked = mode_is(obj, "both") && is(path, "/releases");
    done(call->done_ctx, asked ? NULL : rogue_error(obj, &e), BOTH(obj, &st));
}
static void failing_list(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                         moor_done_page done) {
    moor_error e;
    moor_page page = {.struct_size = sizeof page, .flags = MOOR_PAGE_LAST};
    (void)path, (void)token, (void)limit;
    done(call->done_ctx, rogue_error(obj, &e), BOTH(obj, &page));
}
static void failing_move(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                         moor_done_void done) {
    moor_error e;
    (void)src, (void)dst, (void)cond;
    done(call->done_ctx, rogue_error(obj, &e));
}
static void failing_remove(void *obj, const moor_call *call, moor_str path, uint32_t flags, moor_done_void done) {
    (void)flags;
    failing_move(obj, call, path, path, NULL, done);
}
static void failing_redirect(void *obj, const moor_call *call, const moor_redirect_req *req, moor_done_buf done) {
    failing_get(obj, call, req->path, 0, done);
}

/* ---------------------------------------------------------------- writers */

static uint8_t huge_token[1 << 20];

static void long_token(void *ctx, const moor_error *err, const moor_writer *writer) {
    struct job *j = ctx;
    moor_writer w = *writer;
    w.resume_token = (moor_bytes){huge_token, sizeof huge_token};
    ((moor_done_writer)j->done)(j->call->done_ctx, err, &w);
}
static void boasting_write(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    (void)obj, (void)parts, (void)n;
    done(call->done_ctx, NULL, 1ull << 63);
}
static void wrong_offset(void *ctx, const moor_error *err, const moor_writer *writer) {
    struct job *j = ctx;
    moor_writer w = *writer;
    w.write = boasting_write;
    ((moor_done_writer)j->done)(j->call->done_ctx, err, &w);
}
static void rogue_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                         moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    struct job j = {.call = call, .done = (void (*)(void))done};
    moor_call mine = *call;
    mine.done_ctx = &j; /* the memory driver completes before it returns */
    moor_done_writer give = mode_is(obj, "token") ? long_token : wrong_offset;
    mem_open_writer(obj, &mine, path, mode, offset, token, size_hint, give);
}

/* ---------------------------------------------------------------- what each component offers */

static void fail_all(moor_storage *t) {
    t->get_content = failing_get;
    t->put_content = failing_put;
    t->open_reader = failing_reader;
    t->open_writer = failing_writer;
    t->stat_path = failing_stat;
    t->list_page = failing_list;
    t->move_path = failing_move;
    t->remove_path = failing_remove;
    t->redirect_url = failing_redirect;
}
static void rogue_table(void *instance, void *table) {
    struct mem *m = instance;
    moor_storage *t = table;
    if (mode_is(m, "threaded") || mode_is(m, "slow"))
        defer_all(t);
    if (mode_is(m, "double-completion"))
        t->stat_path = twice_stat;
    if (mode_is(m, "late-double"))
        t->stat_path = late_stat;
    if (mode_is(m, "never"))
        t->stat_path = never_stat;
    if (mode_is(m, "never-blocking")) {
        t->exec_flags = MOOR_EXEC_BLOCKING;
        t->stat_path = sleeping_stat;
    }
    if (mode_is(m, "polling-blocking")) {
        t->exec_flags = MOOR_EXEC_BLOCKING;
        t->stat_path = polling_stat;
    }
    if (mode_is(m, "oversize-buffer"))
        t->get_content = oversize_get;
    if (mode_is(m, "absurd-buffer"))
        t->get_content = absurd_get;
    if (mode_is(m, "null-buffer"))
        t->get_content = null_get;
    if (mode_is(m, "oversize-reader") || mode_is(m, "oversize-chunk") || mode_is(m, "short-reader") ||
        mode_is(m, "endless-reader") || mode_is(m, "no-read"))
        t->open_reader = rogue_reader;
    if (strstr(m->component, "-fd")) {
        t->caps |= MOOR_CAP_FD_READ;
        t->open_reader = rogue_reader;
    }
    if (mode_is(m, "non-utf8")) {
        t->stat_path = garbled_stat;
        t->get_content = garbled_get;
    }
    if (mode_is(m, "non-utf8") || strstr(m->component, "page") || mode_is(m, "null-entry"))
        t->list_page = rogue_list;
    if (mode_is(m, "error") || mode_is(m, "null-result") || mode_is(m, "both"))
        fail_all(t);
    if (mode_is(m, "token") || mode_is(m, "wrong-offset"))
        t->open_writer = rogue_writer;
    if (mode_is(m, "missing-op"))
        t->get_content = NULL;
    if (mode_is(m, "struct-size"))
        t->struct_size = 1 << 16;
    if (mode_is(m, "small-table"))
        t->struct_size = offsetof(moor_storage, stat_path);
}
