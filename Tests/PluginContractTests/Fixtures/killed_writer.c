/* killed_writer.c - a program, not a plugin: a host as small as it can be. It loads a plugin, opens a writer, writes,
 * and waits to be killed:
 *
 *   killed_writer LIBRARY COMPONENT OPTIONS PATH BYTES sync|nosync
 *
 * Byte n of what it writes is n * 31 + n / 251 (mod 256). With `sync` it calls sync_writer behind BYTES, and then
 * writes BYTES more. Then it prints "ready TOKEN OFFSET": the resume token in hexadecimal and the durable offset. */
#define _POSIX_C_SOURCE 200809L
#include "mooring/plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one call that is outstanding, and what came of it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int is_done;
    moor_code code;
    char message[1025];
    uint64_t number;
    moor_instance instance;
    moor_writer writer;
    uint8_t token[1024];
    size_t token_len;
} result = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static void finish(const moor_error *err) {
    pthread_mutex_lock(&result.lock);
    result.code = err ? err->code : MOOR_OK;
    if (err)
        snprintf(result.message, sizeof result.message, "%.*s", (int)err->message.len, err->message.ptr);
    result.is_done = 1;
    pthread_cond_signal(&result.done);
    pthread_mutex_unlock(&result.lock);
}
static void done_void(void *ctx, const moor_error *err) {
    (void)ctx;
    finish(err);
}
static void done_u64(void *ctx, const moor_error *err, uint64_t value) {
    (void)ctx;
    result.number = value;
    finish(err);
}
static void done_instance(void *ctx, const moor_error *err, const moor_instance *instance) {
    (void)ctx;
    if (!err)
        result.instance = *instance;
    finish(err);
}
static void done_writer(void *ctx, const moor_error *err, const moor_writer *writer) {
    (void)ctx;
    if (!err) {
        result.writer = *writer;
        result.token_len = writer->resume_token.len;
        memcpy(result.token, writer->resume_token.ptr, result.token_len);
    }
    finish(err);
}
static void wait_for(const char *what) {
    pthread_mutex_lock(&result.lock);
    while (!result.is_done)
        pthread_cond_wait(&result.done, &result.lock);
    result.is_done = 0;
    pthread_mutex_unlock(&result.lock);
    if (result.code == MOOR_OK)
        return;
    fprintf(stderr, "%s: code %d: %s\n", what, result.code, result.message);
    exit(1);
}

static int32_t not_cancelled(void *obj) {
    (void)obj;
    return 0;
}
static uint64_t no_registration(void *obj, moor_cancel_fn fn, void *ctx) {
    (void)obj, (void)fn, (void)ctx;
    return 0;
}
static void off_cancel(void *obj, uint64_t registration) {
    (void)obj, (void)registration;
}
static const void *no_service(void *obj, moor_str id) {
    (void)obj, (void)id;
    return NULL;
}
static moor_str str(const char *s) {
    return (moor_str){s, strlen(s)};
}

static void write_bytes(const moor_call *call, uint64_t from, size_t n) {
    uint8_t *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((from + i) * 31 + (from + i) / 251);
    moor_bytes part = {bytes, n};
    result.writer.write(result.writer.obj, call, &part, 1, done_u64);
    wait_for("write");
    free(bytes);
}

int main(int argc, char **argv) {
    if (argc != 7)
        return 2;
    const moor_cancel cancel = {sizeof cancel, 0, NULL, not_cancelled, no_registration, off_cancel};
    const moor_call call = {
        .struct_size = sizeof call, .flags = MOOR_CALL_MAY_BLOCK, .deadline_ns = MOOR_NO_DEADLINE, .cancel = &cancel};
    const moor_host host = {.struct_size = sizeof host,
                            .abi_rev = MOOR_ABI_REV,
                            .product = str("killed_writer"),
                            .version = str("1"),
                            .get_service = no_service};
    moor_plugin plugin = {.struct_size = sizeof plugin};
    moor_factory factory = {.struct_size = sizeof factory};
    moor_storage storage = {.struct_size = sizeof storage};
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    moor_code (*entry)(const moor_host *, moor_plugin *) = NULL;
    if (library)
        *(void **)&entry = dlsym(library, MOOR_ENTRY_NAME);
    if (!entry || entry(&host, &plugin) || plugin.get_interface(plugin.obj, str(MOOR_IF_FACTORY), &factory)) {
        fprintf(stderr, "can't load: %s\n", dlerror());
        return 1;
    }
    moor_bytes options = {(const uint8_t *)argv[3], strlen(argv[3])};
    factory.create(factory.obj, &call, str(argv[2]), str("killed"), options, done_instance);
    wait_for("create");
    if (result.instance.start) {
        result.instance.start(result.instance.obj, &call, done_void);
        wait_for("start");
    }
    if (result.instance.get_interface(result.instance.obj, str(MOOR_IF_STORAGE), &storage))
        return 1;
    storage.open_writer(storage.obj, &call, str(argv[4]), MOOR_W_CREATE, 0, (moor_bytes){0}, MOOR_UNKNOWN_SIZE,
                        done_writer);
    wait_for("open_writer");
    size_t n = strtoul(argv[5], NULL, 10);
    uint64_t durable = 0;
    write_bytes(&call, 0, n);
    if (strcmp(argv[6], "sync") == 0) {
        result.writer.sync_writer(result.writer.obj, &call, done_u64);
        wait_for("sync_writer");
        durable = result.number;
        write_bytes(&call, n, n);
    }
    printf("ready ");
    for (size_t i = 0; i < result.token_len; i++)
        printf("%02x", result.token[i]);
    printf(" %llu\n", (unsigned long long)durable);
    fflush(stdout);
    for (;;)
        pause();
}
