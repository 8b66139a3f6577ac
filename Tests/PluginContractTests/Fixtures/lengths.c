/* lengths.c - components whose numbers are as large as they can be, for a host that adds to them or counts with them:
 *   lengths-buffer          get_content gives a buffer of 2^64-1 bytes
 *   lengths-page            a page of 2^64-1 entries
 *   lengths-page-token      a token of 2^64-1 bytes
 *   lengths-writer-token    a resume_token of 2^64-1 bytes
 *   lengths-writer          a writer that starts at 2^64-1, and takes what is written
 *   lengths-items           a stat of 2^64-1 bytes, changed at the first and the last nanosecond there is
 *   lengths-reader          a reader of 2^64-1 bytes from 0, which ends at once */
#define _POSIX_C_SOURCE 200809L
static void lengths_table(void *m, void *table);
#define PLUGIN_NAME "lengths"
#define TABLE_HOOK(m, t) lengths_table(m, t)
#define KIND(name) "{\"name\":\"lengths-" name "\",\"interface\":\"moor.storage/1\"}"
#define COMPONENTS                                                                                                     \
    KIND("buffer")                                                                                                     \
    "," KIND("page") "," KIND("page-token") "," KIND("writer-token") "," KIND("writer") "," KIND("items") "," KIND(    \
        "reader")
#ifdef INFO_LENGTH
#define ENTRY_HOOK(out) ((out)->info_json.len = INFO_LENGTH)
#endif
#include "memory.h"

static bool is_kind(const struct mem *m, const char *kind) {
    return strcmp(m->component + strlen("lengths-"), kind) == 0;
}
static void get(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    moor_buf buf = {(const uint8_t *)"1234", SIZE_MAX, NULL, NULL};
    (void)obj, (void)path, (void)max_len;
    done(call->done_ctx, NULL, &buf);
}
static void list(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                 moor_done_page done) {
    static const moor_stat entry = {.struct_size = sizeof entry, .kind = MOOR_KIND_OBJECT, .path = {"/a", 2}};
    static const moor_stat *const entries[] = {&entry};
    moor_page page = {.struct_size = sizeof page, .entries = entries, .nentries = 1};
    (void)path, (void)token, (void)limit;
    if (is_kind(obj, "page"))
        page.nentries = SIZE_MAX;
    page.next_token = (moor_bytes){(const uint8_t *)"t", is_kind(obj, "page-token") ? SIZE_MAX : 1};
    done(call->done_ctx, NULL, &page);
}
static void write_all(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    uint64_t sum = UINT64_MAX;
    (void)obj;
    for (size_t i = 0; i < n; i++)
        sum += parts[i].len;
    done(call->done_ctx, NULL, sum);
}
static void commit(void *obj, const moor_call *call, const moor_precond *cond, moor_str checksum, moor_done_stat done) {
    (void)cond, (void)checksum;
    mem_stat(obj, call, str("/"), done);
}
static void cancel(void *obj, const moor_call *call, moor_done_void done) {
    (void)obj;
    done(call->done_ctx, NULL);
}
static void close_nothing(void *obj) {
    (void)obj;
}
static void open_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                        moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    moor_writer w = {.struct_size = sizeof w,
                     .obj = obj,
                     .write = write_all,
                     .commit = commit,
                     .cancel_writer = cancel,
                     .close_writer = close_nothing};
    (void)path, (void)mode, (void)offset, (void)token, (void)size_hint;
    if (is_kind(obj, "writer"))
        w.durable_offset = UINT64_MAX;
    w.resume_token = (moor_bytes){(const uint8_t *)"t", is_kind(obj, "writer") ? 1 : SIZE_MAX};
    done(call->done_ctx, NULL, &w);
}
static void stat_huge(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_OBJECT, .size = UINT64_MAX, .path = path};
    (void)obj;
    st.mtime_ns = path.len > 5 ? INT64_MAX : INT64_MIN;
    done(call->done_ctx, NULL, &st);
}
static void read_nothing(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    moor_buf end = {0};
    (void)obj, (void)max_len;
    done(call->done_ctx, NULL, &end);
}
static void open_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                        uint32_t flags, moor_done_reader done) {
    moor_reader r = {.struct_size = sizeof r, .object_size = UINT64_MAX, .length = UINT64_MAX, .fd = -1};
    (void)path, (void)offset, (void)length, (void)flags;
    r.obj = obj;
    r.read_next = read_nothing;
    done(call->done_ctx, NULL, &r);
}
static void lengths_table(void *instance, void *table) {
    struct mem *m = instance;
    moor_storage *t = table;
    if (is_kind(m, "buffer"))
        t->get_content = get;
    if (strstr(m->component, "page"))
        t->list_page = list;
    if (strstr(m->component, "writer"))
        t->open_writer = open_writer;
    if (is_kind(m, "items"))
        t->stat_path = stat_huge;
    if (is_kind(m, "reader"))
        t->open_reader = open_reader;
}
