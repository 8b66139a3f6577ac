/* memory_plugin.h - instance, factory and entry for fixtures that stand on memory.h. A fixture defines COMPONENTS (the
 * JSON list for info_json) and may define the hooks below before it includes this. */

#ifndef CREATE_HOOK
#define CREATE_HOOK(component) MOOR_OK /* an error code refuses the component */
#endif
#ifndef START_HOOK
#define START_HOOK(m) MOOR_OK
#endif
#ifndef STOP_HOOK
#define STOP_HOOK(m) ((void)(m))
#endif
#ifndef DESTROY_HOOK
#define DESTROY_HOOK() ((void)0)
#endif
#ifndef TABLE_HOOK
#define TABLE_HOOK(m, table) ((void)(table)) /* changes what instances offer */
#endif
#ifndef REFUSES_INTERFACE
#define REFUSES_INTERFACE(m) false
#endif
#ifndef ENTRY_HOOK
#define ENTRY_HOOK(out) ((void)(out))
#endif
#ifndef PLUGIN_NAME
#define PLUGIN_NAME "fixture"
#endif

static moor_code fill(void *table, const void *mine, uint32_t size) {
    uint32_t capacity;
    memcpy(&capacity, table, sizeof capacity);
    size = size < capacity ? size : capacity;
    memcpy(table, mine, size);
    memcpy(table, &size, sizeof size);
    return MOOR_OK;
}
static moor_code instance_interface(void *obj, moor_str id, void *table) {
    if (!is(id, MOOR_IF_STORAGE) || REFUSES_INTERFACE((struct mem *)obj))
        return MOOR_E_UNSUPPORTED;
    moor_storage t = mem_table;
    t.obj = obj;
    TABLE_HOOK((struct mem *)obj, &t);
    uint32_t claimed = t.struct_size;
    moor_code code = fill(table, &t, sizeof t);
    if (claimed != sizeof t)
        memcpy(table, &claimed, sizeof claimed);
    return code;
}
static void instance_start(void *obj, const moor_call *call, moor_done_void done) {
    moor_error e;
    (void)obj;
    done(call->done_ctx, error_of(&e, START_HOOK((struct mem *)obj)));
}
static void instance_stop(void *obj, const moor_call *call, moor_done_void done) {
    struct mem *m = obj;
    STOP_HOOK(m);
    pthread_mutex_lock(&m->lock);
    m->stopped = true;
    pthread_cond_broadcast(&m->changed);
    while (m->deferred > 0)
        pthread_cond_wait(&m->changed, &m->lock);
    pthread_mutex_unlock(&m->lock);
    done(call->done_ctx, NULL);
}
static void instance_destroy(void *obj) {
    struct mem *m = obj;
    while (m->objects)
        unlink_object(m, m->objects);
    while (m->pendings)
        unlist(m, m->pendings);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->changed);
    free((char *)m->component);
    free(m);
    DESTROY_HOOK();
}
static void factory_schema(void *obj, const moor_call *call, moor_str component, moor_done_buf done) {
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"number\":{\"type\":\"integer\",\"description\":"
        "\"What it counts is the component's matter.\"}},\"additionalProperties\":false}";
    moor_buf buf = {(const uint8_t *)schema, sizeof schema - 1, NULL, NULL};
    (void)obj, (void)component;
    done(call->done_ctx, NULL, &buf);
}
static void factory_create(void *obj, const moor_call *call, moor_str component, moor_str name, moor_bytes config,
                           moor_done_instance done) {
    moor_error e;
    moor_instance out = {.struct_size = sizeof out,
                         .get_interface = instance_interface,
                         .start = instance_start,
                         .stop = instance_stop,
                         .destroy = instance_destroy};
    moor_code code = CREATE_HOOK(component);
    (void)obj, (void)name;
    if (!code) {
        struct mem *m = calloc(1, sizeof *m);
        char *json = copy_str((moor_str){(const char *)config.ptr, config.len});
        const char *number = strstr(json, "\"number\""); /* the schema allows nothing else */
        m->option = number ? strtol(number + strcspn(number, "-0123456789"), NULL, 10) : -1;
        free(json);
        m->component = copy_str(component);
        pthread_mutex_init(&m->lock, NULL);
        pthread_cond_init(&m->changed, NULL);
        out.obj = m;
    }
    done(call->done_ctx, code ? error_with(&e, code, "number: this component can't be created") : NULL, &out);
}
static moor_code plugin_interface(void *obj, moor_str id, void *table) {
    moor_factory t = {.struct_size = sizeof t, .obj = obj, .config_schema = factory_schema, .create = factory_create};
    return is(id, MOOR_IF_FACTORY) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    static const char info[] = "{\"name\":\"" PLUGIN_NAME "\",\"version\":\"1.0.0\",\"components\":[" COMPONENTS "]}";
    moor_plugin t = {.struct_size = sizeof t, .abi_rev = MOOR_ABI_REV, .get_interface = plugin_interface};
    t.info_json = (moor_bytes){(const uint8_t *)info, sizeof info - 1};
    ENTRY_HOOK(&t);
    return host->abi_rev >> 16 == MOOR_ABI_MAJOR ? fill(out, &t, sizeof t) : MOOR_E_VERSION;
}
