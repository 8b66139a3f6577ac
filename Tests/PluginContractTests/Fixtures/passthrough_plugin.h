/* passthrough_plugin.h - the operations, the instance and the factory of passthrough.c. */

/* The first line of every operation: count it, and forward it as it is if this layer changes nothing. */
#define FORWARD(op, function, ...)                                                                                     \
    struct layer *l = obj;                                                                                             \
    const moor_storage *in = l->inner;                                                                                 \
    atomic_fetch_add(&l->calls[op], 1);                                                                                \
    if (!l->changes) {                                                                                                 \
        in->function(in->obj, call, __VA_ARGS__);                                                                      \
        return;                                                                                                        \
    }

/* Before the first line of what writes. */
#define REFUSE_IF_FULL                                                                                                 \
    if (is_full(obj)) {                                                                                                \
        done(call->done_ctx, &no_space, NULL);                                                                         \
        return;                                                                                                        \
    }

static const moor_str none;

static void get_content(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    FORWARD(GET, get_content, path, max_len, done)
    struct forward *f = BEGIN(l, path, none);
    in->get_content(in->obj, &f->call, f->path, max_len, end_bytes);
}
static void put_content(void *obj, const moor_call *call, moor_str path, moor_bytes body, const moor_precond *cond,
                        moor_done_stat done) {
    REFUSE_IF_FULL
    FORWARD(PUT, put_content, path, body, cond, done)
    struct forward *f = BEGIN(l, path, none);
    f->bytes = xored(l, body);
    in->put_content(in->obj, &f->call, f->path, (moor_bytes){f->bytes, body.len}, cond, end_stat);
}
static void open_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                        uint32_t flags, moor_done_reader done) {
    FORWARD(READER, open_reader, path, offset, length, flags, done)
    struct forward *f = BEGIN(l, path, none);
    in->open_reader(in->obj, &f->call, f->path, offset, length, flags, end_reader);
}
static void open_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                        moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    if (mode == MOOR_W_CREATE)
        REFUSE_IF_FULL
    FORWARD(WRITER, open_writer, path, mode, offset, token, size_hint, done)
    struct forward *f = BEGIN(l, path, none);
    in->open_writer(in->obj, &f->call, f->path, mode, offset, token, size_hint, end_writer);
}
static void stat_path(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    if (path.len > 8 && memcmp(path.ptr, "/.calls/", 8) == 0) {
        struct layer *counted = obj;
        char copy[1025];
        moor_stat st = {.struct_size = sizeof st, .kind = MOOR_KIND_OBJECT};
        for (size_t i = 0; i < OPERATIONS; i++)
            if (is((moor_str){path.ptr + 8, path.len - 8}, names[i]))
                st.size = atomic_load(&counted->calls[i]);
        memcpy(copy, path.ptr, path.len < sizeof copy ? path.len : sizeof copy);
        st.path = (moor_str){copy, path.len < sizeof copy ? path.len : sizeof copy};
        done(call->done_ctx, NULL, &st);
        return;
    }
    FORWARD(STAT, stat_path, path, done)
    struct forward *f = BEGIN(l, path, none);
    in->stat_path(in->obj, &f->call, f->path, end_stat);
}
static void list_page(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                      moor_done_page done) {
    FORWARD(LIST, list_page, path, token, limit, done)
    struct forward *f = BEGIN(l, path, none);
    in->list_page(in->obj, &f->call, f->path, token, limit, end_page);
}
static void move_path(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                      moor_done_void done) {
    FORWARD(MOVE, move_path, src, dst, cond, done)
    struct forward *f = BEGIN(l, src, dst);
    in->move_path(in->obj, &f->call, f->path, f->other, cond, end_void);
}
static void remove_path(void *obj, const moor_call *call, moor_str path, uint32_t flags, moor_done_void done) {
    FORWARD(REMOVE, remove_path, path, flags, done)
    struct forward *f = BEGIN(l, path, none);
    in->remove_path(in->obj, &f->call, f->path, flags, end_void);
}
static void redirect_url(void *obj, const moor_call *call, const moor_redirect_req *req, moor_done_buf done) {
    if (((struct layer *)obj)->changes) { /* a client must not get what lies in inner */
        moor_buf serve_it_yourself = {0};
        atomic_fetch_add(&((struct layer *)obj)->calls[REDIRECT], 1);
        done(call->done_ctx, NULL, &serve_it_yourself);
        return;
    }
    FORWARD(REDIRECT, redirect_url, req, done)
}
static void walk_page(void *obj, const moor_call *call, moor_str prefix, moor_bytes token, uint32_t limit,
                      moor_done_page done) {
    FORWARD(WALK, walk_page, prefix, token, limit, done)
    struct forward *f = BEGIN(l, prefix, none);
    in->walk_page(in->obj, &f->call, f->path, token, limit, end_page);
}
static void copy_path(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                      moor_done_stat done) {
    REFUSE_IF_FULL
    FORWARD(COPY, copy_path, src, dst, cond, done)
    struct forward *f = BEGIN(l, src, dst);
    in->copy_path(in->obj, &f->call, f->path, f->other, cond, end_stat);
}
static void remove_batch(void *obj, const moor_call *call, const moor_str *paths, size_t n, moor_done_items done) {
    FORWARD(BATCH, remove_batch, paths, n, done)
    struct forward *f = BEGIN(l, none, none);
    f->paths = calloc(n + 1, sizeof *f->paths);
    for (f->npaths = 0; f->npaths < n; f->npaths++)
        f->paths[f->npaths] = inside(l, paths[f->npaths]);
    in->remove_batch(in->obj, &f->call, f->paths, n, end_items);
}
static void checksum_path(void *obj, const moor_call *call, moor_str path, moor_str algorithm, moor_done_buf done) {
    FORWARD(CHECKSUM, checksum_path, path, algorithm, done)
    struct forward *f = BEGIN(l, path, none);
    in->checksum_path(in->obj, &f->call, f->path, algorithm, end_text);
}

/* ---------------------------------------------------------------- middleware, instance, factory, entry */

static moor_code fill(void *table, const void *mine, uint32_t size) {
    uint32_t capacity;
    memcpy(&capacity, table, sizeof capacity);
    size = size < capacity ? size : capacity;
    memcpy(table, mine, size);
    memcpy(table, &size, sizeof size);
    return MOOR_OK;
}
static moor_code wrap(void *obj, const moor_storage *inner, moor_storage *out) {
    struct layer *l = obj;
    l->inner = inner;
    moor_storage t = {.struct_size = sizeof t,
                      .exec_flags = inner->exec_flags,
                      .caps = inner->caps,
                      .blocking_ops = inner->blocking_ops,
                      .max_key_len = inner->max_key_len,
                      .max_list_page = inner->max_list_page,
                      .obj = l,
                      .get_content = get_content,
                      .put_content = put_content,
                      .open_reader = open_reader,
                      .open_writer = open_writer,
                      .stat_path = stat_path,
                      .list_page = list_page,
                      .move_path = move_path,
                      .remove_path = remove_path,
                      .redirect_url = redirect_url};
    if (l->prefix[0]) /* what the prefix takes is not there for the paths above */
        t.max_key_len = (inner->max_key_len ? inner->max_key_len : 1024) - (uint32_t)strlen(l->prefix);
    if (l->changes)
        t.caps &= ~(MOOR_CAP_FD_WRITE | MOOR_CAP_REDIRECT_GET | MOOR_CAP_REDIRECT_PUT);
    if (l->xored)
        t.caps &= ~(MOOR_CAP_FD_READ | MOOR_CAP_CHECKSUM);
    bool refuses = strcmp(l->component, "refuse-walk") == 0 || strcmp(l->component, "transparent") == 0;
    if (MOOR_HAS(inner, walk_page) && !refuses)
        t.walk_page = walk_page;
    if (MOOR_HAS(inner, copy_path) && !refuses)
        t.copy_path = copy_path;
    if (MOOR_HAS(inner, remove_batch) && !refuses)
        t.remove_batch = remove_batch;
    if (MOOR_HAS(inner, checksum_path) && !refuses && !l->xored)
        t.checksum_path = checksum_path;
    if (strcmp(l->component, "refuse-move") == 0)
        t.move_path = NULL;
    return fill(out, &t, sizeof t);
}
static moor_code instance_interface(void *obj, moor_str id, void *table) {
    struct layer *l = obj;
    moor_middleware t = {.struct_size = sizeof t, .obj = obj, .wrap = wrap};
    if (strcmp(l->component, "transparent") == 0)
        t.flags = MOOR_MW_TRANSPARENT;
    return is(id, MOOR_IF_MIDDLEWARE) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
static void config_schema(void *obj, const moor_call *call, moor_str component, moor_done_buf done) {
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"prefix\":{\"type\":\"string\",\"description\":"
                                 "\"Path of inner below which everything lies.\"},\"full\":{\"type\":"
                                 "\"string\",\"description\":\"While this file exists, there is no space.\"}},"
                                 "\"additionalProperties\":false}";
    moor_buf buf = {(const uint8_t *)schema, sizeof schema - 1, NULL, NULL};
    (void)obj, (void)component;
    done(call->done_ctx, NULL, &buf);
}
/* The text between the quotes behind a key: good enough for tests, which write no escapes. */
static void find_text(moor_bytes config, const char *key, char out[1025]) {
    char *json = calloc(1, config.len + 1);
    if (config.len)
        memcpy(json, config.ptr, config.len);
    const char *at = strstr(json, key);
    at = at ? strchr(at + strlen(key), '"') : NULL;
    for (at = at ? at + 1 : ""; *at && *at != '"' && strlen(out) < 1000; at++)
        if (*at != '\\') /* a JSON writer may escape `/` */
            strncat(out, at, 1);
    free(json);
}
static void create(void *obj, const moor_call *call, moor_str component, moor_str name, moor_bytes config,
                   moor_done_instance done) {
    moor_instance out = {.struct_size = sizeof out, .get_interface = instance_interface, .destroy = free};
    struct layer *l = calloc(1, sizeof *l);
    (void)obj, (void)name;
    memcpy(l->component, component.ptr, component.len < 31 ? component.len : 31);
    find_text(config, "\"prefix\"", l->prefix);
    find_text(config, "\"full\"", l->full);
    l->xored = is(component, "xor");
    l->changes = l->xored || l->prefix[0] || l->full[0];
    out.obj = l;
    done(call->done_ctx, NULL, &out);
}
static moor_code plugin_interface(void *obj, moor_str id, void *table) {
    moor_factory t = {.struct_size = sizeof t, .obj = obj, .config_schema = config_schema, .create = create};
    return is(id, MOOR_IF_FACTORY) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
#define LAYER(name) "{\"name\":\"" name "\",\"interface\":\"moor.storage-middleware/1\"}"
moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    static const char info[] =
        "{\"name\":\"passthrough\",\"version\":\"1.0.0\",\"components\":[" LAYER("passthrough") "," LAYER(
            "xor") "," LAYER("refuse-walk") "," LAYER("refuse-move") "," LAYER("quota") "," LAYER("transparent") "]}";
    moor_plugin t = {.struct_size = sizeof t, .abi_rev = MOOR_ABI_REV, .get_interface = plugin_interface};
    t.info_json = (moor_bytes){(const uint8_t *)info, sizeof info - 1};
    return host->abi_rev >> 16 == MOOR_ABI_MAJOR ? fill(out, &t, sizeof t) : MOOR_E_VERSION;
}
