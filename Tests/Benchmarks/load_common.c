// What every kind of load needs: clocks, the server's CPU time, connections, response heads.
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

void fault(struct faults *faults, const char *format, ...) {
    if (faults->count++ > 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(faults->first, sizeof faults->first, format, arguments);
    va_end(arguments);
}

void print_faults(const struct faults *faults) {
    printf("\"bad\":%ld,\"first_bad\":\"", faults->count);
    for (const char *c = faults->first; *c; c++)
        putchar(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '.' : *c);
    printf("\"");
}

// User and system time of one process, dead threads included. The command's name may hold blanks and brackets, so
// the fields are counted from the last bracket.
static double process_cpu(pid_t pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        fail("process %d is gone", (int)pid);
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = 0;
    const char *fields = strrchr(line, ')');
    unsigned long user, system;
    if (!fields || sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("%s: unexpected form", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct instant instant_now(const struct options *options) {
    struct instant instant = {0};
    for (int i = 0; i < options->pid_count; i++)
        instant.cpu += process_cpu(options->pids[i]);
    instant.clock = now();
    return instant;
}

char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "r");
    if (!file)
        fail("%s: %s", path, strerror(errno));
    size_t capacity = 64 * 1024;
    char *bytes = malloc(capacity);
    if (!bytes)
        fail("out of memory");
    *size = fread(bytes, 1, capacity, file);
    if (*size == capacity)
        fail("%s: larger than %zu bytes", path, capacity - 1);
    fclose(file);
    return bytes;
}

int dial(uint16_t port, bool nonblocking) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("127.0.0.1:%d: %s", port, strerror(errno));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (nonblocking)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void copy_value(char *target, size_t capacity, const char *value, size_t size) {
    size = size < capacity ? size : capacity - 1;
    memcpy(target, value, size);
    target[size] = 0;
}

static void parse_field(const char *name, size_t name_size, const char *value, size_t size, struct response *response) {
    if (name_size == 14 && !strncasecmp(name, "Content-Length", 14))
        response->length = strtol(value, NULL, 10);
    else if (name_size == 10 && !strncasecmp(name, "Connection", 10))
        response->close = size >= 5 && !strncasecmp(value, "close", 5);
    else if (name_size == 8 && !strncasecmp(name, "Location", 8))
        copy_value(response->location, sizeof response->location, value, size);
    else if (name_size == 21 && !strncasecmp(name, "Docker-Content-Digest", 21))
        copy_value(response->digest, sizeof response->digest, value, size);
}

int parse_head(const char *bytes, size_t size, struct response *response) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return size > 32 * 1024 ? -1 : 0;
    if (end - bytes < 12 || memcmp(bytes, "HTTP/1.", 7) != 0)
        return -1;
    response->head = (size_t)(end - bytes) + 4;
    response->status = (int)strtol(bytes + 9, NULL, 10);
    response->length = -1;
    response->close = false;
    response->location[0] = response->digest[0] = 0;
    const char *line = memchr(bytes, '\r', (size_t)(end - bytes));
    while (line && line < end) {
        line += 2;
        const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        const char *colon = memchr(line, ':', (size_t)(stop - line));
        if (!colon)
            return -1;
        const char *value = colon + 1;
        while (value < stop && (*value == ' ' || *value == '\t'))
            value++;
        parse_field(line, (size_t)(colon - line), value, (size_t)(stop - value), response);
        line = stop;
    }
    return 1;
}
