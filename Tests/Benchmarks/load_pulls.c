// Bulk pulls: every stream fetches the blob again and again; the bytes that arrive within the window count.
// Slow pulls: many readers that take a little every tick, so that the server must hold back.
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, HEAD_CAPACITY = 16 * 1024, MAX_EVENTS = 256, GIVE_UP_AFTER = 100 };
static const double TICK_SECONDS = 0.05;
static const double STALL_SECONDS = 10;

struct stream {
    int fd;
    bool in_body, close;
    size_t have; // bytes of the head
    long left;   // bytes of the body still to come
    char head[HEAD_CAPACITY];
};

struct run {
    const struct options *options;
    char *request, *chunk;
    size_t request_size;
    struct stream *streams;
    int epoll;
    long bytes, transfers, answered;
    double last_byte;
    struct faults faults;
};

static void ask(struct run *run, struct stream *stream) {
    stream->in_body = false;
    stream->have = 0;
    if (send(stream->fd, run->request, run->request_size, 0) != (ssize_t)run->request_size)
        fault(&run->faults, "the request could not be sent: %s", strerror(errno));
}

static void open_stream(struct run *run, struct stream *stream) {
    stream->fd = dial(run->options->port, true);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
    epoll_ctl(run->epoll, EPOLL_CTL_ADD, stream->fd, &event);
    ask(run, stream);
}

static void reopen(struct run *run, struct stream *stream) {
    close(stream->fd);
    if (run->faults.count > GIVE_UP_AFTER)
        fail("more than %d bad answers, the first: %s", GIVE_UP_AFTER, run->faults.first);
    open_stream(run, stream);
}

static void take_body(struct run *run, struct stream *stream, long size) {
    run->bytes += size;
    run->last_byte = now();
    stream->left -= size;
    if (stream->left < 0) {
        fault(&run->faults, "bytes beyond the announced length");
        reopen(run, stream);
    } else if (stream->left == 0) {
        run->transfers++;
        if (stream->close)
            reopen(run, stream);
        else
            ask(run, stream);
    }
}

static void take_head(struct run *run, struct stream *stream, size_t size) {
    stream->have += size;
    struct response response;
    int parsed = parse_head(stream->head, stream->have, &response);
    if (parsed == 0 && stream->have < HEAD_CAPACITY)
        return;
    if (parsed != 1 || response.status != 200 || response.length != run->options->length) {
        fault(&run->faults, "status %d, Content-Length %ld instead of %ld", parsed == 1 ? response.status : -1,
              parsed == 1 ? response.length : -1, run->options->length);
        reopen(run, stream);
        return;
    }
    run->answered++;
    stream->in_body = true;
    stream->close = response.close;
    stream->left = response.length;
    take_body(run, stream, (long)(stream->have - response.head));
}

// Reads once, at most `limit` bytes. Returns what was read; 0 if nothing is there yet or the stream was reopened.
static size_t receive(struct run *run, struct stream *stream, size_t limit) {
    char *target = stream->in_body ? run->chunk : stream->head + stream->have;
    size_t room = stream->in_body ? CHUNK : HEAD_CAPACITY - stream->have;
    int flags = stream->in_body && run->options->discard ? MSG_TRUNC : 0;
    ssize_t size = recv(stream->fd, target, room < limit ? room : limit, flags);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size <= 0) {
        fault(&run->faults, "the connection ended before the blob did: %s", size ? strerror(errno) : "closed");
        reopen(run, stream);
        return 0;
    }
    if (stream->in_body)
        take_body(run, stream, size);
    else
        take_head(run, stream, (size_t)size);
    return (size_t)size;
}

static void prepare(struct run *run, const struct options *options) {
    *run = (struct run){.options = options, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    run->request = read_file(options->request_file, &run->request_size);
    run->chunk = malloc(CHUNK);
    run->streams = calloc((size_t)options->connections, sizeof *run->streams);
    if (!run->chunk || !run->streams)
        fail("out of memory");
    for (int i = 0; i < options->connections; i++)
        open_stream(run, &run->streams[i]);
    run->last_byte = now();
}

static void print(const struct run *run, long bytes, struct instant began, struct instant ended) {
    printf("{\"bytes\":%ld,\"seconds\":%.6f,\"cpu\":%.3f,\"transfers\":%ld,\"answered\":%ld,", bytes,
           ended.clock - began.clock, ended.cpu - began.cpu, run->transfers, run->answered);
    print_faults(&run->faults);
    printf("}\n");
}

// Keeps the streams busy until `end` by the clock.
static void pump(struct run *run, double end) {
    struct epoll_event events[MAX_EVENTS];
    double time;
    while ((time = now()) < end) {
        if (time > run->last_byte + STALL_SECONDS)
            fail("no byte came for %.0f s", STALL_SECONDS);
        int count = epoll_wait(run->epoll, events, MAX_EVENTS, 5);
        for (int i = 0; i < count; i++)
            receive(run, events[i].data.ptr, CHUNK);
    }
}

int run_pulls(const struct options *options) {
    struct run run;
    prepare(&run, options);
    pump(&run, now() + options->warmup);
    struct instant began = instant_now(options);
    long before = run.bytes;
    pump(&run, began.clock + options->seconds);
    struct instant ended = instant_now(options);
    print(&run, run.bytes - before, began, ended);
    return 0;
}

int run_slow_pulls(const struct options *options) {
    struct run run;
    struct instant began = instant_now(options);
    prepare(&run, options);
    size_t allowance = (size_t)(options->rate * TICK_SECONDS) + 1;
    for (double next = began.clock; next < began.clock + options->seconds; next += TICK_SECONDS) {
        for (int i = 0; i < options->connections; i++) {
            size_t left = allowance, size;
            while (left > 0 && (size = receive(&run, &run.streams[i], left)) > 0)
                left -= size;
        }
        double pause = next + TICK_SECONDS - now();
        if (pause > 0)
            nanosleep(&(struct timespec){.tv_nsec = (long)(pause * 1e9)}, NULL);
    }
    struct instant ended = instant_now(options);
    if (run.answered < options->connections)
        fault(&run.faults, "only %ld of %d readers were answered", run.answered, options->connections);
    print(&run, run.bytes, began, ended);
    return 0;
}
