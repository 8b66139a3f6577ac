// Small requests over keep-alive connections, one outstanding on each: requests per second and latencies.
// Every answer is checked: status, announced length, and (if a body is given) each byte.
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CAPACITY = 64 * 1024, MAX_EVENTS = 256, GIVE_UP_AFTER = 1000 };
static const double DRAIN_SECONDS = 10; // a request without an answer by then is a fault

struct connection {
    int fd;
    bool waiting;
    double sent;
    size_t have;
    char buffer[CAPACITY];
};

struct run {
    const struct options *options;
    char *request, *body;
    size_t request_size, body_size;
    struct connection *connections;
    int epoll;
    bool measuring, draining;
    struct instant began, ended;
    long completed, reconnects;
    float *latencies;
    size_t latency_count, latency_capacity;
    struct faults faults;
};

static void add_latency(struct run *run, double seconds) {
    if (run->latency_count == run->latency_capacity) {
        run->latency_capacity = run->latency_capacity ? run->latency_capacity * 2 : 1 << 16;
        run->latencies = realloc(run->latencies, run->latency_capacity * sizeof *run->latencies);
        if (!run->latencies)
            fail("out of memory");
    }
    run->latencies[run->latency_count++] = (float)seconds;
}

static void connect_one(struct run *run, struct connection *connection) {
    connection->fd = dial(run->options->port, true);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(run->epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

static void send_request(struct run *run, struct connection *connection) {
    connection->have = 0;
    connection->waiting = true;
    connection->sent = now();
    if (send(connection->fd, run->request, run->request_size, 0) != (ssize_t)run->request_size)
        fault(&run->faults, "the request could not be sent: %s", strerror(errno));
}

static void reconnect(struct run *run, struct connection *connection) {
    close(connection->fd);
    if (run->faults.count > GIVE_UP_AFTER)
        fail("more than %d bad answers, the first: %s", GIVE_UP_AFTER, run->faults.first);
    connection->waiting = false;
    connect_one(run, connection);
    if (!run->draining)
        send_request(run, connection);
}

// The whole answer is in the buffer. Returns false if it is not what was asked for.
static bool check(struct run *run, const struct connection *connection, const struct response *response) {
    const struct options *options = run->options;
    if (response->status != 200)
        fault(&run->faults, "status %d", response->status);
    else if (response->length != options->length)
        fault(&run->faults, "Content-Length %ld instead of %ld", response->length, options->length);
    else if (run->body && !options->head && memcmp(connection->buffer + response->head, run->body, run->body_size) != 0)
        fault(&run->faults, "another body than the one stored");
    else
        return true;
    return false;
}

static void finish(struct run *run, struct connection *connection, const struct response *response) {
    double time = now();
    bool good = check(run, connection, response);
    if (run->measuring && good) {
        run->completed += !run->draining; // a late answer counts as a latency, not as throughput
        add_latency(run, time - connection->sent);
    }
    connection->waiting = false;
    if (response->close) {
        run->reconnects++;
        reconnect(run, connection);
    } else if (!run->draining) {
        send_request(run, connection);
    }
}

static void receive(struct run *run, struct connection *connection) {
    ssize_t size = recv(connection->fd, connection->buffer + connection->have, CAPACITY - connection->have, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        if (connection->waiting)
            fault(&run->faults, "the connection ended before the answer did: %s", size ? strerror(errno) : "closed");
        run->reconnects++;
        reconnect(run, connection);
        return;
    }
    connection->have += (size_t)size;
    struct response response;
    int parsed = parse_head(connection->buffer, connection->have, &response);
    if (parsed == 0)
        return;
    size_t body = parsed < 0 || run->options->head || response.length < 0 ? 0 : (size_t)response.length;
    if (parsed < 0 || response.length < 0 || body > CAPACITY - response.head ||
        connection->have > response.head + body) {
        fault(&run->faults, parsed < 0 ? "not HTTP" : "no usable Content-Length, or bytes beyond it");
        reconnect(run, connection);
    } else if (connection->have == response.head + body) {
        finish(run, connection, &response);
    }
}

static int waiting(const struct run *run) {
    int count = 0;
    for (int i = 0; i < run->options->connections; i++)
        count += run->connections[i].waiting;
    return count;
}

// Moves from warm-up to the window to the drain. Returns false when all is done.
static bool advance(struct run *run, double start) {
    double time = now();
    if (!run->measuring && time >= start + run->options->warmup) {
        run->began = instant_now(run->options);
        run->measuring = true;
    } else if (run->measuring && !run->draining && time >= run->began.clock + run->options->seconds) {
        run->ended = instant_now(run->options);
        run->draining = true;
    }
    if (!run->draining)
        return true;
    int count = waiting(run);
    if (count > 0 && time < run->ended.clock + DRAIN_SECONDS)
        return true;
    for (int i = 0; i < count; i++)
        fault(&run->faults, "no answer within %.0f s", DRAIN_SECONDS);
    return false;
}

static int compare(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double percentile(const struct run *run, double fraction) {
    if (run->latency_count == 0)
        return 0;
    size_t index = (size_t)(fraction * (double)run->latency_count);
    return 1e3 * (double)run->latencies[index < run->latency_count ? index : run->latency_count - 1];
}

static void print(struct run *run) {
    qsort(run->latencies, run->latency_count, sizeof *run->latencies, compare);
    printf("{\"requests\":%ld,\"seconds\":%.6f,\"cpu\":%.3f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"p999_ms\":%.4f,"
           "\"max_ms\":%.4f,\"reconnects\":%ld,",
           run->completed, run->ended.clock - run->began.clock, run->ended.cpu - run->began.cpu, percentile(run, 0.5),
           percentile(run, 0.99), percentile(run, 0.999), percentile(run, 1), run->reconnects);
    print_faults(&run->faults);
    printf("}\n");
}

int run_requests(const struct options *options) {
    struct run run = {.options = options, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    run.request = read_file(options->request_file, &run.request_size);
    if (options->body_file) {
        run.body = read_file(options->body_file, &run.body_size);
        if ((long)run.body_size != options->length)
            fail("%s is not %ld bytes long", options->body_file, options->length);
    }
    run.connections = calloc((size_t)options->connections, sizeof *run.connections);
    if (!run.connections)
        fail("out of memory");
    for (int i = 0; i < options->connections; i++)
        connect_one(&run, &run.connections[i]);
    double start = now();
    for (int i = 0; i < options->connections; i++)
        send_request(&run, &run.connections[i]);
    struct epoll_event events[MAX_EVENTS];
    while (advance(&run, start)) {
        int count = epoll_wait(run.epoll, events, MAX_EVENTS, 5);
        for (int i = 0; i < count; i++)
            receive(&run, events[i].data.ptr);
    }
    print(&run);
    return 0;
}
