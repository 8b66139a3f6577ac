// Uploads, each on its own connection and thread, all at once: POST, PATCH with the bytes, PUT; or POST, PUT with the
// bytes. The bytes are a file (by sendfile, so that the client costs little) and a tail that makes the blob unique;
// the digest was computed beforehand.
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_TAIL = 256, MAX_UPLOADS = 64, REQUEST_CAPACITY = MAX_LOCATION + 1024, ANSWER_CAPACITY = 16 * 1024 };

struct upload {
    const struct options *options;
    char digest[MAX_DIGEST];
    char tail[MAX_TAIL];
    size_t tail_size;
    int fd;
    bool hung_up; // the last answer said that the server closes the connection
    pthread_t thread;
    struct faults faults;
};

static void connect_upload(struct upload *upload) {
    struct timeval patience = {.tv_sec = 60};
    upload->fd = dial(upload->options->port, false);
    setsockopt(upload->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(upload->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static void reconnect(struct upload *upload) {
    close(upload->fd);
    connect_upload(upload);
}

static bool send_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, 0);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_blob(const struct upload *upload) {
    int file = open(upload->options->source_file, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        fail("%s: %s", upload->options->source_file, strerror(errno));
    off_t offset = 0, end = upload->options->length - (long)upload->tail_size;
    while (offset < end && sendfile(upload->fd, file, &offset, (size_t)(end - offset)) > 0)
        continue;
    close(file);
    return offset == end && send_all(upload->fd, upload->tail, upload->tail_size);
}

// Reads one answer to its end. The answers of a push have short bodies or none.
static bool receive(struct upload *upload, bool head_only, struct response *response) {
    char buffer[ANSWER_CAPACITY];
    size_t have = 0;
    int parsed = 0;
    while (have < sizeof buffer) {
        ssize_t size = recv(upload->fd, buffer + have, sizeof buffer - have, 0);
        if (size <= 0)
            return false;
        have += (size_t)size;
        if (parsed == 0)
            parsed = parse_head(buffer, have, response);
        if (parsed < 0)
            return false;
        if (parsed == 0)
            continue;
        long body = head_only || response->length < 0 ? 0 : response->length;
        if ((long)(have - response->head) >= body)
            return true;
    }
    return false;
}

// One request and its answer; counts a fault and returns false if the answer has another status than `expected`.
// A server that refuses early may hang up while the blob is sent: its answer is read all the same.
static bool exchange(struct upload *upload, const char *method, const char *target, bool with_blob, int expected,
                     struct response *response) {
    char request[REQUEST_CAPACITY];
    if (upload->hung_up)
        reconnect(upload);
    int size = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: mooring-bench\r\n"
                        "Content-Type: application/octet-stream\r\nContent-Length: %ld\r\n\r\n",
                        method, target, upload->options->port, with_blob ? upload->options->length : 0L);
    bool sent = size < (int)sizeof request && send_all(upload->fd, request, (size_t)size);
    if (sent && with_blob)
        sent = send_blob(upload);
    bool answered = receive(upload, !strcmp(method, "HEAD"), response);
    upload->hung_up = !answered || response->close;
    if (!answered)
        fault(&upload->faults, "%s: %s", method, sent ? "no answer" : "the server hung up");
    else if (response->status != expected)
        fault(&upload->faults, "%s: status %d instead of %d", method, response->status, expected);
    else
        return true;
    return false;
}

// The path and query of a Location, which may be a full URL.
static const char *path_of(const char *location) {
    const char *host = strstr(location, "://");
    const char *path = host ? strchr(host + 3, '/') : location;
    return path ? path : location;
}

static void *push(void *argument) {
    struct upload *upload = argument;
    bool single_put = upload->options->single_put;
    char target[MAX_LOCATION + MAX_DIGEST + 16];
    struct response response;
    snprintf(target, sizeof target, "/v2/%s/blobs/uploads/", upload->options->repository);
    if (!exchange(upload, "POST", target, false, 202, &response))
        return NULL;
    if (!single_put) {
        snprintf(target, sizeof target, "%s", path_of(response.location));
        if (!exchange(upload, "PATCH", target, true, 202, &response))
            return NULL;
    }
    const char *path = path_of(response.location);
    snprintf(target, sizeof target, "%s%cdigest=%s", path, strchr(path, '?') ? '&' : '?', upload->digest);
    if (exchange(upload, "PUT", target, single_put, 201, &response) && strcmp(response.digest, upload->digest) != 0)
        fault(&upload->faults, "Docker-Content-Digest %s", response.digest);
    return NULL;
}

// After the clock has stopped: is the blob there, and all of it?
static void look(struct upload *upload) {
    char target[MAX_LOCATION];
    struct response response;
    snprintf(target, sizeof target, "/v2/%s/blobs/%s", upload->options->repository, upload->digest);
    if (exchange(upload, "HEAD", target, false, 200, &response) && response.length != upload->options->length)
        fault(&upload->faults, "stored %ld bytes instead of %ld", response.length, upload->options->length);
}

static void parse_upload(struct upload *upload, const struct options *options, const char *text) {
    const char *colon = strrchr(text, ':');
    size_t digits = colon ? strlen(colon + 1) : 0;
    if (!colon || colon == text || (size_t)(colon - text) >= MAX_DIGEST || digits % 2 || digits / 2 > MAX_TAIL)
        fail("%s: not a digest and a tail", text);
    *upload = (struct upload){.options = options, .tail_size = digits / 2};
    memcpy(upload->digest, text, (size_t)(colon - text));
    for (size_t i = 0; i < upload->tail_size; i++) {
        unsigned value;
        if (sscanf(colon + 1 + 2 * i, "%2x", &value) != 1)
            fail("%s: the tail is not hexadecimal", text);
        upload->tail[i] = (char)value;
    }
    connect_upload(upload);
}

int run_uploads(const struct options *options) {
    static struct upload uploads[MAX_UPLOADS];
    int count = options->upload_count;
    if (count < 1 || count > MAX_UPLOADS || !options->source_file || !options->repository)
        fail("uploads: -f, -n and 1 to %d of DIGEST:TAIL are needed", MAX_UPLOADS);
    for (int i = 0; i < count; i++)
        parse_upload(&uploads[i], options, options->uploads[i]);
    struct instant began = instant_now(options);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&uploads[i].thread, NULL, push, &uploads[i]) != 0)
            fail("no thread for upload %d", i);
    }
    for (int i = 0; i < count; i++)
        pthread_join(uploads[i].thread, NULL);
    struct instant ended = instant_now(options);
    struct faults faults = {0};
    for (int i = 0; i < count; i++) {
        if (uploads[i].faults.count == 0)
            look(&uploads[i]);
        if (uploads[i].faults.count > 0)
            fault(&faults, "%s", uploads[i].faults.first);
    }
    printf("{\"bytes\":%ld,\"seconds\":%.6f,\"cpu\":%.3f,", options->length * count, ended.clock - began.clock,
           ended.cpu - began.cpu);
    print_faults(&faults);
    printf("}\n");
    return 0;
}
