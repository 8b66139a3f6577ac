/* deferred.h - the operations of memory.h, each on a thread of its own and after a delay. They honour cancellation, and
 * stop() wakes them. */
#ifndef FIXTURE_DEFERRED_H
#define FIXTURE_DEFERRED_H

#include "memory.h"

#include <errno.h>
#include <signal.h>

enum operation { GET, PUT, READER, WRITER, STAT, LIST, MOVE, REMOVE, REDIRECT, READ, WRITE, SYNC, COMMIT, CANCEL };

/* One call and its arguments, which live until its completion anyhow. */
struct job {
    enum operation op;
    struct mem *m;
    void *obj;
    const moor_call *call;
    void (*done)(void); /* of the type that `op` tells */
    moor_str path, other;
    moor_bytes bytes;
    const moor_precond *cond;
    const void *more;
    uint64_t x, y;
    uint32_t n;
    long delay_ms;
    int32_t why; /* the cancellation */
};

static void later_read(void *obj, const moor_call *call, size_t max_len, moor_done_buf done);
static void later_write(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done);
static void later_sync(void *obj, const moor_call *call, moor_done_u64 done);
static void later_commit(void *obj, const moor_call *call, const moor_precond *cond, moor_str checksum,
                         moor_done_stat done);
static void later_cancel(void *obj, const moor_call *call, moor_done_void done);

/* Readers and writers are given out with operations that are deferred as well. */
static void give_reader(void *ctx, const moor_error *err, const moor_reader *reader) {
    struct job *j = ctx;
    moor_reader r = *reader;
    r.read_next = later_read;
    ((moor_done_reader)j->done)(j->call->done_ctx, err, &r);
}
static void give_writer(void *ctx, const moor_error *err, const moor_writer *writer) {
    struct job *j = ctx;
    moor_writer w = *writer;
    w.write = later_write;
    w.sync_writer = later_sync;
    w.commit = later_commit;
    w.cancel_writer = later_cancel;
    ((moor_done_writer)j->done)(j->call->done_ctx, err, &w);
}
static void fail_job(struct job *j, const moor_error *e) {
    void *ctx = j->call->done_ctx;
    switch (j->op) {
    case GET:
    case REDIRECT:
    case READ:
        ((moor_done_buf)j->done)(ctx, e, NULL);
        break;
    case PUT:
    case STAT:
    case COMMIT:
        ((moor_done_stat)j->done)(ctx, e, NULL);
        break;
    case READER:
        ((moor_done_reader)j->done)(ctx, e, NULL);
        break;
    case WRITER:
        ((moor_done_writer)j->done)(ctx, e, NULL);
        break;
    case LIST:
        ((moor_done_page)j->done)(ctx, e, NULL);
        break;
    case MOVE:
    case REMOVE:
    case CANCEL:
        ((moor_done_void)j->done)(ctx, e);
        break;
    case WRITE:
    case SYNC:
        ((moor_done_u64)j->done)(ctx, e, ((struct mem_writer *)j->obj)->p->len);
        break;
    }
}
static void run_job(struct job *j) {
    moor_call mine = *j->call;
    mine.done_ctx = j;
    switch (j->op) {
    case GET:
        mem_get(j->obj, j->call, j->path, j->x, (moor_done_buf)j->done);
        break;
    case PUT:
        mem_put(j->obj, j->call, j->path, j->bytes, j->cond, (moor_done_stat)j->done);
        break;
    case READER:
        mem_open_reader(j->obj, &mine, j->path, j->x, j->y, 0, give_reader);
        break;
    case WRITER:
        mem_open_writer(j->obj, &mine, j->path, j->n, j->x, j->bytes, j->y, give_writer);
        break;
    case STAT:
        mem_stat(j->obj, j->call, j->path, (moor_done_stat)j->done);
        break;
    case LIST:
        mem_list(j->obj, j->call, j->path, j->bytes, j->n, (moor_done_page)j->done);
        break;
    case MOVE:
        mem_move(j->obj, j->call, j->path, j->other, j->cond, (moor_done_void)j->done);
        break;
    case REMOVE:
        mem_remove(j->obj, j->call, j->path, j->n, (moor_done_void)j->done);
        break;
    case REDIRECT:
        mem_redirect(j->obj, j->call, j->more, (moor_done_buf)j->done);
        break;
    case READ:
        mem_read(j->obj, j->call, j->x, (moor_done_buf)j->done);
        break;
    case WRITE:
        mem_write(j->obj, j->call, j->more, j->x, (moor_done_u64)j->done);
        break;
    case SYNC:
        mem_sync(j->obj, j->call, (moor_done_u64)j->done);
        break;
    case COMMIT:
        mem_commit(j->obj, j->call, j->cond, j->path, (moor_done_stat)j->done);
        break;
    case CANCEL:
        mem_cancel_writer(j->obj, j->call, (moor_done_void)j->done);
        break;
    }
}
static void wake_job(void *ctx, moor_code why) {
    struct job *j = ctx;
    pthread_mutex_lock(&j->m->lock);
    j->why = why;
    pthread_cond_broadcast(&j->m->changed);
    pthread_mutex_unlock(&j->m->lock);
}
static void *job_thread(void *ctx) {
    struct job *j = ctx;
    struct mem *m = j->m;
    const moor_cancel *token = j->call->cancel;
    uint64_t registration = token->on_cancel(token->obj, wake_job, j);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += j->delay_ms % 1000 * 1000000;
    until.tv_sec += j->delay_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&m->lock);
    for (int late = 0; !late && !j->why && !m->stopped;)
        late = pthread_cond_timedwait(&m->changed, &m->lock, &until) == ETIMEDOUT;
    pthread_mutex_unlock(&m->lock);
    /* It waits for a wake_job that is running, so the lock must be free; then nobody else touches the job. */
    token->off_cancel(token->obj, registration);
    moor_error e;
    if (j->why)
        fail_job(j, error_with(&e, j->why, "deferred: cancelled while it waited"));
    else
        run_job(j); /* which looks whether the instance was stopped */
    free(j);
    pthread_mutex_lock(&m->lock);
    m->deferred--;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}
static void start_thread(void *(*body)(void *), void *ctx) {
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* a plugin's threads take no signals of the process */
    if (pthread_create(&thread, NULL, body, ctx) == 0)
        pthread_detach(thread);
    else
        body(ctx);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}
static void defer(struct job job) {
    struct job *j = malloc(sizeof *j);
    *j = job;
    j->delay_ms = strcmp(job.m->component, "rogue-slow") != 0 ? 0 : job.m->option < 0 ? 100 : job.m->option;
    pthread_mutex_lock(&job.m->lock);
    job.m->deferred++;
    pthread_mutex_unlock(&job.m->lock);
    start_thread(job_thread, j);
}
#define DEFER(operation, ...)                                                                                          \
    defer((struct job){.op = operation, .m = obj, .obj = obj, .call = call, .done = (void (*)(void))done, __VA_ARGS__})
/* For the operations of readers and writers, whose first member is the instance. */
#define DEFER_STREAM(operation, ...)                                                                                   \
    defer((struct job){.op = operation,                                                                                \
                       .m = *(struct mem **)obj,                                                                       \
                       .obj = obj,                                                                                     \
                       .call = call,                                                                                   \
                       .done = (void (*)(void))done,                                                                   \
                       __VA_ARGS__})

static void later_get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    DEFER(GET, .path = path, .x = max_len);
}
static void later_put(void *obj, const moor_call *call, moor_str path, moor_bytes body, const moor_precond *cond,
                      moor_done_stat done) {
    DEFER(PUT, .path = path, .bytes = body, .cond = cond);
}
static void later_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                         uint32_t flags, moor_done_reader done) {
    (void)flags;
    DEFER(READER, .path = path, .x = offset, .y = length);
}
static void later_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                         moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    DEFER(WRITER, .path = path, .n = mode, .x = offset, .bytes = token, .y = size_hint);
}
static void later_stat(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    DEFER(STAT, .path = path);
}
static void later_list(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                       moor_done_page done) {
    DEFER(LIST, .path = path, .bytes = token, .n = limit);
}
static void later_move(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                       moor_done_void done) {
    DEFER(MOVE, .path = src, .other = dst, .cond = cond);
}
static void later_remove(void *obj, const moor_call *call, moor_str path, uint32_t flags, moor_done_void done) {
    DEFER(REMOVE, .path = path, .n = flags);
}
static void later_redirect(void *obj, const moor_call *call, const moor_redirect_req *req, moor_done_buf done) {
    DEFER(REDIRECT, .more = req);
}
static void later_read(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    DEFER_STREAM(READ, .x = max_len);
}
static void later_write(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    DEFER_STREAM(WRITE, .more = parts, .x = n);
}
static void later_sync(void *obj, const moor_call *call, moor_done_u64 done) {
    DEFER_STREAM(SYNC, .x = 0);
}
static void later_commit(void *obj, const moor_call *call, const moor_precond *cond, moor_str checksum,
                         moor_done_stat done) {
    DEFER_STREAM(COMMIT, .cond = cond, .path = checksum);
}
static void later_cancel(void *obj, const moor_call *call, moor_done_void done) {
    DEFER_STREAM(CANCEL, .x = 0);
}

static void defer_all(moor_storage *t) {
    t->get_content = later_get;
    t->put_content = later_put;
    t->open_reader = later_reader;
    t->open_writer = later_writer;
    t->stat_path = later_stat;
    t->list_page = later_list;
    t->move_path = later_move;
    t->remove_path = later_remove;
    t->redirect_url = later_redirect;
}

#endif
