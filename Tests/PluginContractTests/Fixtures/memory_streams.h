/* memory_streams.h - the readers and writers of memory.h. */

struct mem_reader {
    struct mem *m; /* first, as in mem_writer */
    struct blob *blob;
    size_t at, end;
};
static void mem_read(void *obj, const moor_call *call, size_t max_len, moor_done_buf done) {
    struct mem_reader *r = obj;
    size_t n = r->end - r->at < max_len ? r->end - r->at : max_len;
    moor_buf out = {0};
    if (n > 0) {
        atomic_fetch_add(&r->blob->refs, 1);
        out = (moor_buf){r->blob->bytes + r->at, n, drop_blob, r->blob};
        r->at += n;
    }
    done(call->done_ctx, NULL, &out);
}
static void mem_close_reader(void *obj) {
    struct mem_reader *r = obj;
    drop_blob(r->blob);
    free(r);
}
static void mem_open_reader(void *obj, const moor_call *call, moor_str path, uint64_t offset, uint64_t length,
                            uint32_t flags, moor_done_reader done) {
    struct mem *m = obj;
    moor_error e;
    moor_reader out = {.struct_size = sizeof out, .fd = -1, .read_next = mem_read, .close_reader = mem_close_reader};
    char etag[24] = "";
    moor_code code = enter(m, call, path, false);
    struct object *o = code ? NULL : find(m, path);
    (void)flags;
    if (!code)
        code = !o ? MOOR_E_NOT_FOUND : offset > o->blob->len ? MOOR_E_RANGE : MOOR_OK;
    if (!code) {
        struct mem_reader *r = malloc(sizeof *r);
        size_t rest = o->blob->len - offset;
        atomic_fetch_add(&o->blob->refs, 1);
        *r = (struct mem_reader){m, o->blob, offset, offset + (length < rest ? length : rest)};
        out.obj = r;
        out.object_size = o->blob->len;
        out.offset = offset;
        out.length = r->end - r->at;
        strcpy(etag, o->etag);
        out.etag = str(etag);
    }
    leave(m);
    done(call->done_ctx, error_of(&e, code), &out);
}

struct mem_writer {
    struct mem *m;
    struct pending *p;
    enum { OPEN, COMMITTED, CANCELLED } state;
};
static moor_code enter_writer(struct mem_writer *w, const moor_call *call) {
    moor_code code = enter(w->m, call, (moor_str){"/", 1}, true);
    return code ? code : w->state == OPEN ? MOOR_OK : MOOR_E_INVALID_ARGUMENT;
}
static void mem_write(void *obj, const moor_call *call, const moor_bytes *parts, size_t n, moor_done_u64 done) {
    struct mem_writer *w = obj;
    moor_error e;
    size_t sum = 0;
    moor_code code = enter_writer(w, call);
    for (size_t i = 0; i < n; i++)
        sum += parts[i].len;
    if (!code && sum > 0)
        w->p->bytes = realloc(w->p->bytes, w->p->len + sum);
    for (size_t i = 0; !code && i < n; i++) {
        if (parts[i].len)
            memcpy(w->p->bytes + w->p->len, parts[i].ptr, parts[i].len);
        w->p->len += parts[i].len;
    }
    uint64_t at = w->p->len;
    leave(w->m);
    done(call->done_ctx, error_of(&e, code), at);
}
static void mem_sync(void *obj, const moor_call *call, moor_done_u64 done) {
    mem_write(obj, call, &(moor_bytes){0}, 0, done);
}
static void mem_commit(void *obj, const moor_call *call, const moor_precond *cond, moor_str checksum,
                       moor_done_stat done) {
    struct mem_writer *w = obj;
    moor_error e;
    struct stat_copy c;
    moor_code code = enter_writer(w, call);
    moor_str path = str(w->p->path);
    (void)checksum;
    if (!code)
        code = w->p->listed ? writable(w->m, path, cond) : MOOR_E_PRECONDITION;
    if (!code) {
        describe(&c, path, store(w->m, path, new_blob(w->p->bytes, w->p->len)));
        w->state = COMMITTED;
        unlist(w->m, w->p);
    }
    leave(w->m);
    done(call->done_ctx, error_of(&e, code), &c.st);
}
static void mem_cancel_writer(void *obj, const moor_call *call, moor_done_void done) {
    struct mem_writer *w = obj;
    moor_error e;
    moor_code code = enter_writer(w, call);
    if (!code) {
        w->state = CANCELLED;
        if (w->p->listed)
            unlist(w->m, w->p);
    } else if (w->state == CANCELLED && code == MOOR_E_INVALID_ARGUMENT) {
        code = MOOR_OK;
    }
    leave(w->m);
    done(call->done_ctx, error_of(&e, code));
}
static void mem_close_writer(void *obj) {
    struct mem_writer *w = obj;
    pthread_mutex_lock(&w->m->lock);
    w->p->open = false;
    w->p->suspended_at = ++w->m->clock;
    bool kept = w->p->listed;
    leave(w->m);
    if (!kept)
        free_pending(w->p);
    free(w);
}
/* The suspended bytes that a token names, or without one the newest. */
static moor_code find_pending(struct mem *m, moor_str path, moor_bytes token, struct pending **out) {
    uint64_t id = 0;
    bool busy = false;
    if (token.len == sizeof id)
        memcpy(&id, token.ptr, sizeof id);
    for (struct pending *p = m->pendings; p; p = p->next) {
        if (!is(path, p->path) || (token.len > 0 && p->id != id))
            continue;
        busy = busy || p->open;
        if (!p->open && (!*out || (*out)->suspended_at < p->suspended_at))
            *out = p;
    }
    return *out ? MOOR_OK : busy ? MOOR_E_BUSY : MOOR_E_NOT_FOUND;
}
static void mem_open_writer(void *obj, const moor_call *call, moor_str path, uint32_t mode, uint64_t offset,
                            moor_bytes token, uint64_t size_hint, moor_done_writer done) {
    struct mem *m = obj;
    moor_error e;
    char details[64];
    struct pending *p = NULL;
    moor_code code = enter(m, call, path, false);
    (void)size_hint;
    if (!code && mode > MOOR_W_APPEND)
        code = MOOR_E_UNSUPPORTED;
    if (!code && mode == MOOR_W_CREATE && offset != 0)
        code = MOOR_E_INVALID_ARGUMENT;
    bool copy = false;
    struct object *o = code ? NULL : find(m, path);
    if (!code && mode == MOOR_W_APPEND) {
        code = find_pending(m, path, token, &p);
        copy = code && token.len == 0 && o;
        code = copy ? MOOR_OK : code;
        uint64_t end = code ? 0 : copy ? o->blob->len : p->len;
        snprintf(details, sizeof details, "{\"durable_offset\":%llu}", (unsigned long long)end);
        if (!code && offset != MOOR_UNKNOWN_SIZE && offset != end)
            code = MOOR_E_OFFSET;
    }
    if (!code && !p) {
        p = calloc(1, sizeof *p);
        *p = (struct pending){.next = m->pendings, .path = copy_str(path), .id = ++m->clock, .listed = true};
        m->pendings = p;
        if (copy && o->blob->len > 0) {
            p->bytes = memcpy(malloc(o->blob->len), o->blob->bytes, o->blob->len);
            p->len = o->blob->len;
        }
    }
    moor_writer out = {.struct_size = sizeof out, .write = mem_write, .sync_writer = mem_sync, .commit = mem_commit};
    uint64_t id = 0;
    if (!code) {
        struct mem_writer *w = malloc(sizeof *w);
        *w = (struct mem_writer){m, p, OPEN};
        p->open = true;
        id = p->id;
        out.durable_offset = p->len;
        out.resume_token = (moor_bytes){(const uint8_t *)&id, sizeof id};
        out.obj = w;
        out.cancel_writer = mem_cancel_writer;
        out.close_writer = mem_close_writer;
    }
    leave(m);
    const moor_error *err = error_of(&e, code);
    if (code == MOOR_E_OFFSET)
        e.details_json = (moor_bytes){(const uint8_t *)details, strlen(details)};
    done(call->done_ctx, err, &out);
}
