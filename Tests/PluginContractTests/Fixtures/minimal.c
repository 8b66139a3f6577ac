/* minimal.c - a driver that knows stat_path only, to look at how the host calls:
 *   minimal-inline            MOOR_EXEC_INLINE, completes before it returns
 *   minimal-serial            MOOR_EXEC_SERIAL
 *   minimal-limited           max_concurrency 3
 *   minimal-serial-blocking   MOOR_EXEC_SERIAL and MOOR_EXEC_BLOCKING
 *   minimal-limited-blocking  MOOR_EXEC_BLOCKING, max_concurrency 3
 *   minimal-partly-blocking   blocking_ops names stat_path, max_concurrency 3
 * At the path /stuck no call ever completes, unless it blocks. All but the first take a millisecond: those that block
 * sleep, the others complete on a thread of their own. The size in the answer is, at the path /most: the most calls
 * that ran at once; /deadline: the deadline of the call; /flags: its flags; /destroyed: how many instances were
 * destroyed; /made-on: the thread that the call was made on; else 0. */
#define _POSIX_C_SOURCE 200809L
#include "mooring/plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct instance {
    char component[32];
    bool immediate, blocking, partly;
    uint32_t flags, limit;
    atomic_int running, most;
};
struct job {
    struct instance *in;
    const moor_call *call;
    moor_done_stat done;
    uint64_t size;
};
static atomic_int destroyed;

static moor_str str(const char *s) {
    return (moor_str){s, strlen(s)};
}
static bool is(moor_str s, const char *t) {
    return s.len == strlen(t) && memcmp(s.ptr, t, s.len) == 0;
}

static void answer(const moor_call *call, moor_done_stat done, uint64_t size) {
    const moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_OBJECT, .size = size, .path = str("/minimal")};
    done(call->done_ctx, NULL, &st);
}
static void take_time(struct job job) {
    const struct timespec millisecond = {0, 1000000};
    int now = atomic_fetch_add(&job.in->running, 1) + 1;
    for (int most = atomic_load(&job.in->most); now > most;)
        if (atomic_compare_exchange_weak(&job.in->most, &most, now))
            break;
    nanosleep(&millisecond, NULL);
    atomic_fetch_sub(&job.in->running, 1);
    answer(job.call, job.done, job.size);
}
static void *job_thread(void *ctx) {
    struct job job = *(struct job *)ctx;
    free(ctx);
    take_time(job);
    return NULL;
}
static void stat_path(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    struct job job = {obj, call, done, 0};
    if (is(path, "/most"))
        job.size = (uint64_t)atomic_load(&job.in->most);
    else if (is(path, "/deadline"))
        job.size = (uint64_t)call->deadline_ns;
    else if (is(path, "/flags"))
        job.size = call->flags;
    else if (is(path, "/destroyed"))
        job.size = (uint64_t)atomic_load(&destroyed);
    else if (is(path, "/made-on"))
        job.size = (uint64_t)(uintptr_t)pthread_self();
    else if (is(path, "/stuck") && !job.in->blocking)
        return;
    pthread_t thread;
    struct job *copy = NULL;
    if (job.in->immediate || path.ptr[1] == 'm')
        answer(call, done, job.size);
    else if (job.in->blocking || job.in->partly || !(copy = malloc(sizeof job)))
        take_time(job);
    else if (*copy = job, pthread_create(&thread, NULL, job_thread, copy) == 0)
        pthread_detach(thread);
    else
        job_thread(copy);
}

static const moor_error *unsupported(moor_error *e) {
    *e = (moor_error){.struct_size = sizeof *e, .code = MOOR_E_UNSUPPORTED, .retry_after_ms = -1};
    e->message = str("minimal: stat_path only");
    return e;
}
static void get_content(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    moor_error e;
    (void)obj, (void)path, (void)max_len;
    done(call->done_ctx, unsupported(&e), NULL);
}
static void put_content(void *obj, const moor_call *call, moor_str path, moor_bytes body, const moor_precond *cond,
                        moor_done_stat done) {
    moor_error e;
    (void)obj, (void)path, (void)body, (void)cond;
    done(call->done_ctx, unsupported(&e), NULL);
}
static void open_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                        uint32_t flags, moor_done_reader done) {
    moor_error e;
    (void)obj, (void)path, (void)offset, (void)length, (void)flags;
    done(call->done_ctx, unsupported(&e), NULL);
}
static void open_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                        moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    moor_error e;
    (void)obj, (void)path, (void)mode, (void)offset, (void)token, (void)size_hint;
    done(call->done_ctx, unsupported(&e), NULL);
}
static void list_page(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                      moor_done_page done) {
    moor_error e;
    (void)obj, (void)path, (void)token, (void)limit;
    done(call->done_ctx, unsupported(&e), NULL);
}
static void move_path(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                      moor_done_void done) {
    moor_error e;
    (void)obj, (void)src, (void)dst, (void)cond;
    done(call->done_ctx, unsupported(&e));
}
static void remove_path(void *obj, const moor_call *call, moor_str path, uint32_t flags, moor_done_void done) {
    moor_error e;
    (void)obj, (void)path, (void)flags;
    done(call->done_ctx, unsupported(&e));
}
static void redirect_url(void *obj, const moor_call *call, const moor_redirect_req *req, moor_done_buf done) {
    get_content(obj, call, req->path, 0, done);
}

static moor_code fill(void *table, const void *mine, uint32_t size) {
    uint32_t capacity;
    memcpy(&capacity, table, sizeof capacity);
    size = size < capacity ? size : capacity;
    memcpy(table, mine, size);
    memcpy(table, &size, sizeof size);
    return MOOR_OK;
}
static moor_code instance_interface(void *obj, moor_str id, void *table) {
    struct instance *in = obj;
    const moor_storage t = {.struct_size = sizeof t,
                            .exec_flags = in->flags,
                            .blocking_ops = in->partly ? 1u << 4 : 0,
                            .obj = obj,
                            .get_content = get_content,
                            .put_content = put_content,
                            .open_reader = open_reader,
                            .open_writer = open_writer,
                            .stat_path = stat_path,
                            .list_page = list_page,
                            .move_path = move_path,
                            .remove_path = remove_path,
                            .redirect_url = redirect_url};
    return is(id, MOOR_IF_STORAGE) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
static void destroy(void *obj) {
    atomic_fetch_add(&destroyed, 1);
    free(obj);
}
static void create(void *obj, const moor_call *call, moor_str component, moor_str name, moor_bytes config,
                   moor_done_instance done) {
    (void)obj, (void)name, (void)config;
    struct instance *in = calloc(1, sizeof *in);
    memcpy(in->component, component.ptr, component.len < 31 ? component.len : 31);
    in->immediate = strstr(in->component, "inline");
    in->partly = strstr(in->component, "partly");
    in->blocking = !in->partly && strstr(in->component, "blocking");
    in->flags = (in->blocking ? MOOR_EXEC_BLOCKING : 0) | (strstr(in->component, "serial") ? MOOR_EXEC_SERIAL : 0);
    in->flags |= in->immediate ? MOOR_EXEC_INLINE : 0;
    in->limit = strstr(in->component, "limited") || in->partly ? 3 : 0;
    const moor_instance out = {.struct_size = sizeof out,
                               .max_concurrency = in->limit,
                               .obj = in,
                               .get_interface = instance_interface,
                               .destroy = destroy};
    done(call->done_ctx, NULL, &out);
}
static moor_code plugin_interface(void *obj, moor_str id, void *table) {
    const moor_factory t = {.struct_size = sizeof t, .obj = obj, .create = create};
    return is(id, MOOR_IF_FACTORY) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
#define KIND(name) "{\"name\":\"minimal-" name "\",\"interface\":\"moor.storage/1\"}"
moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    static const char info[] =
        "{\"name\":\"minimal\",\"version\":\"1.0.0\",\"components\":[" KIND("inline") "," KIND("serial") "," KIND(
            "limited") "," KIND("serial-blocking") "," KIND("limited-blocking") "," KIND("partly-blocking") "]}";
    const moor_plugin t = {.struct_size = sizeof t,
                           .abi_rev = MOOR_ABI_REV,
                           .info_json = {(const uint8_t *)info, sizeof info - 1},
                           .get_interface = plugin_interface};
    (void)host;
    return fill(out, &t, sizeof t);
}
