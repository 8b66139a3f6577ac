// The load client's shared vocabulary: options, the measured window, one HTTP/1.1 response head, and faults.
#ifndef MOORING_BENCHMARKS_LOAD_H
#define MOORING_BENCHMARKS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_PIDS = 64, MAX_LOCATION = 4096, MAX_DIGEST = 160 };

struct options {
    uint16_t port;
    int connections;
    double seconds;           // length of the measured window
    double warmup;            // seconds of load before it
    const char *request_file; // the request, byte for byte
    const char *body_file;    // what a body must equal; NULL: only its length is checked
    long length;              // what Content-Length must say; for uploads, the size of the blob
    bool head;                // a HEAD: the length is announced, no body follows
    bool discard;             // let the kernel drop pulled bytes (MSG_TRUNC) instead of copying them
    double rate;              // bytes per second and connection; 0: as fast as they come
    const char *source_file;  // uploads: the bytes before the tail
    const char *repository;   // uploads: where they go
    bool single_put;          // uploads: POST + PUT with the body, instead of POST + PATCH + PUT
    pid_t pids[MAX_PIDS];     // the server's processes, whose CPU time is read
    int pid_count;
    char **uploads; // uploads: "<digest>:<tail in hex>", each one a concurrent upload
    int upload_count;
};

// CPU seconds of the server and the clock, read together, so that both describe the same window.
struct instant {
    double clock;
    double cpu;
};

struct faults {
    long count;
    char first[256];
};

struct response {
    size_t head; // bytes up to and including the blank line
    int status;
    long length; // -1: no Content-Length
    bool close;
    char location[MAX_LOCATION];
    char digest[MAX_DIGEST];
};

double now(void);
struct instant instant_now(const struct options *options);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fault(struct faults *faults, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print_faults(const struct faults *faults);
char *read_file(const char *path, size_t *size);

/// Connects to 127.0.0.1; ends the program if nobody listens.
int dial(uint16_t port, bool nonblocking);

/// 1: parsed; 0: more bytes are needed; -1: not HTTP.
int parse_head(const char *bytes, size_t size, struct response *response);

int run_requests(const struct options *options);
int run_pulls(const struct options *options);
int run_slow_pulls(const struct options *options);
int run_uploads(const struct options *options);

#endif
