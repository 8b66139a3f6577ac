/* template.c - a complete storage driver in plain C, to learn from and to start from: objects are files below a
 * directory. It blocks, needs libc alone, and is built by one command (README.md).
 *
 *   template.c   the plugin as the host meets it; read it from its end: entry, factory, instance, operations
 *   streams.h    readers and writers
 *   call.h       what every operation does first and last: count, check the path, report a failure
 *   files.h      chores with files and directories; nothing of the plugin ABI */
#define _GNU_SOURCE /* renameat2 */
#include "streams.h"

enum { PAGE = 1000 };
/* Where bytes wait for their commit. The name is the driver's own, so no object can be in the way; and it lies inside
 * the directory, because a rename is atomic only within one file system. */
#define STAGE ".00000000000000000000000000000000.tmp"

/* ================================================================ operations */

static uint32_t kind_of(int dir, const char *rel, const struct stat *st) {
    if (S_ISREG(st->st_mode))
        return MOOR_KIND_OBJECT;
    return S_ISDIR(st->st_mode) && holds_object(dir, rel) ? MOOR_KIND_PREFIX : 0;
}
/* What stands at the path of the call. */
static bool look(struct op *o, moor_stat *out) {
    struct stat st;
    if (fstatat(o->s->root, o->rel, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_reading(o, "can't look at the path");
    uint32_t kind = o->rel[0] == '.' && !o->rel[1] ? MOOR_KIND_PREFIX : kind_of(o->s->root, o->rel, &st);
    *out = describe(o->path, kind, &st);
    return kind ? true : fail(o, MOOR_E_NOT_FOUND, "nothing there");
}
static void stat_path(void *obj, const moor_call *call, moor_str path, moor_done_stat done) {
    struct op o;
    moor_stat st;
    (void)(begin(&o, obj, call) && locate(&o, path, true) && look(&o, &st));
    done(o.ctx, error_of(&o), &st); /* beside an error the result is ignored */
    end(&o);
}

static bool read_whole(struct op *o, uint64_t max_len, moor_buf *out) {
    struct stat st;
    int fd = open_file(o->s->root, o->rel, &st);
    if (fd < 0)
        return fail_reading(o, "can't open the object");
    size_t size = (size_t)st.st_size;
    if (size > max_len)
        fail(o, MOOR_E_RANGE, "the object is larger than asked for");
    uint8_t *bytes = o->error.code ? NULL : malloc(size + 1);
    if (!o->error.code && (!bytes || !read_at(fd, bytes, size, 0)))
        fail_errno(o, "can't read the object");
    close(fd);
    /* The buffer moves: its receiver calls free(bytes) when it likes. */
    *out = (moor_buf){bytes, size, free, bytes};
    if (o->error.code)
        free(bytes);
    return !o->error.code;
}
static void get_content(void *obj, const moor_call *call, moor_str path, uint64_t max_len, moor_done_buf done) {
    struct op o;
    moor_buf buf;
    bool good = begin_at(&o, obj, call, path) && read_whole(&o, max_len, &buf);
    done(o.ctx, error_of(&o), good ? &buf : NULL);
    end(&o);
}

static bool write_whole(struct op *o, moor_bytes body, const moor_precond *cond, moor_stat *out) {
    char temp[ROOM] = ".", id[33];
    struct stat st;
    if (!random_id(id))
        return fail_errno(o, "no random numbers");
    snprintf(temp, sizeof temp, ".%s.tmp", id);
    int fd = openat(o->s->stage, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_errno(o, "can't make a file");
    bool good = write_at(fd, body.ptr, body.len, 0) && fsync(fd) == 0 && fstat(fd, &st) == 0 &&
                publish(o->s->stage, temp, o->s->root, o->rel, if_absent(cond));
    if (!good) {
        fail_errno(o, "can't write the object");
        unlinkat(o->s->stage, temp, 0);
    }
    close(fd);
    *out = describe(o->path, MOOR_KIND_OBJECT, &st);
    return good;
}
static void put_content(void *obj, const moor_call *call, moor_str path, moor_bytes body, const moor_precond *cond,
                        moor_done_stat done) {
    struct op o;
    moor_stat st;
    bool good = begin_at(&o, obj, call, path) && accepts(&o, cond) && write_whole(&o, body, cond, &st);
    done(o.ctx, error_of(&o), good ? &st : NULL);
    end(&o);
}

/* A page: the children's names behind the token, sorted, until the limit is reached. The token is the last name that
 * was given out, not a position: so it survives restarts, and whatever others add or remove meanwhile. */
typedef char name_t[256];
struct listing {
    name_t *names;
    size_t n;
    struct {
        moor_stat st;
        char path[ROOM];
    } * entries;
    const moor_stat **pointers;
    moor_page page;
    uint8_t token[1 + sizeof(name_t)];
};
static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static bool behind(const char *name, moor_bytes token) {
    size_t n = strlen(name), len = token.len ? token.len - 1 : 0;
    int order = len ? memcmp(name, token.ptr + 1, n < len ? n : len) : 1;
    return order > 0 || (order == 0 && n > len);
}
static bool collect(struct op *o, struct listing *l, moor_bytes token) {
    DIR *d = open_directory(o->s->root, o->rel);
    if (!d)
        return absent(errno) || fail_errno(o, "can't list");
    size_t room = 0;
    errno = 0;
    for (struct dirent *e; (e = readdir(d)); errno = 0) {
        if (!is_segment(e->d_name, strlen(e->d_name)) || !behind(e->d_name, token))
            continue;
        if (l->n == room) {
            room = room ? 2 * room : 64;
            name_t *more = realloc(l->names, room * sizeof *more);
            if (!more)
                break;
            l->names = more;
        }
        snprintf(l->names[l->n++], sizeof(name_t), "%s", e->d_name);
    }
    bool good = errno == 0 || fail_errno(o, "can't list");
    closedir(d);
    if (l->n)
        qsort(l->names, l->n, sizeof *l->names, by_name);
    return good;
}
static bool choose(struct op *o, struct listing *l, size_t limit) {
    limit = limit && limit < PAGE ? limit : PAGE;
    limit = limit < l->n ? limit : l->n;
    l->entries = calloc(limit + 1, sizeof *l->entries);
    l->pointers = calloc(limit + 1, sizeof *l->pointers);
    if (!l->entries || !l->pointers)
        return fail_errno(o, "no memory");
    l->page = (moor_page){.struct_size = sizeof l->page, .flags = MOOR_PAGE_LAST, .entries = l->pointers};
    for (size_t i = 0; i < l->n; i++) {
        char *path = l->entries[l->page.nentries].path;
        struct stat st;
        int len = snprintf(path, ROOM, "%s/%s", o->path[1] ? o->path : "", l->names[i]);
        if (len > PATH_LIMIT || fstatat(o->s->root, path + 1, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* not ours, or removed meanwhile */
        uint32_t kind = kind_of(o->s->root, path + 1, &st);
        if (kind && l->page.nentries == limit) { /* there is more: go on behind the last one given */
            l->page.flags = 0;
            l->page.next_token = (moor_bytes){l->token, 1 + strlen((char *)l->token + 1)};
            break;
        }
        if (kind) {
            l->entries[l->page.nentries].st = describe(path, kind, &st);
            l->pointers[l->page.nentries] = &l->entries[l->page.nentries].st;
            l->page.nentries++;
            snprintf((char *)l->token + 1, sizeof(name_t), "%s", l->names[i]);
        }
    }
    return true;
}
static void list_page(void *obj, const moor_call *call, moor_str path, moor_bytes token, uint32_t limit,
                      moor_done_page done) {
    struct op o;
    struct listing l = {0};
    bool good = begin(&o, obj, call) && locate(&o, path, true) &&
                (!token.len || !token.ptr[0] || fail(&o, MOOR_E_INVALID_ARGUMENT, "not a token of this driver")) &&
                collect(&o, &l, token) && choose(&o, &l, limit);
    done(o.ctx, error_of(&o), good ? &l.page : NULL);
    free(l.names);
    free(l.entries);
    free(l.pointers);
    end(&o);
}

static bool rename_object(struct op *o, const char *to, const moor_precond *cond) {
    int root = o->s->root;
    moor_stat st;
    if (!look(o, &st) || (st.kind != MOOR_KIND_OBJECT && !fail(o, MOOR_E_INVALID_ARGUMENT, "a prefix can't be moved")))
        return false;
    if (strcmp(o->path, to) == 0)
        return true;
    if (!publish(root, o->rel, root, to + 1, if_absent(cond)))
        return fail_errno(o, "can't move the object");
    prune_parents(root, o->rel);
    return sync_parents(root, o->rel) || fail_errno(o, "can't flush the directory");
}
static void move_path(void *obj, const moor_call *call, moor_str src, moor_str dst, const moor_precond *cond,
                      moor_done_void done) {
    struct op o;
    char to[ROOM];
    if (begin_at(&o, obj, call, dst) && accepts(&o, cond)) {
        strcpy(to, o.path);
        (void)(locate(&o, src, false) && rename_object(&o, to, cond));
    }
    done(o.ctx, error_of(&o));
    end(&o);
}

static bool remove_object(struct op *o, bool tree) {
    int root = o->s->root;
    moor_stat st;
    if (tree) {
        size_t n = remove_tree(root, o->rel, false);
        if (errno != 0)
            return fail_errno(o, "can't remove all");
        n += remove_tree(o->s->stage, o->rel, false); /* suspended bytes of writers, too */
        if (n == 0)
            return fail(o, MOOR_E_NOT_FOUND, "nothing there");
    } else {
        if (!look(o, &st) || (st.kind != MOOR_KIND_OBJECT && !fail(o, MOOR_E_INVALID_ARGUMENT, "a prefix is there")))
            return false;
        if (unlinkat(root, o->rel, 0) != 0)
            return fail_reading(o, "can't remove the object");
    }
    prune_parents(root, o->rel);
    prune_parents(o->s->stage, o->rel);
    return sync_parents(root, o->rel) || fail_errno(o, "can't flush the directory");
}
static void remove_path(void *obj, const moor_call *call, moor_str path, uint32_t flags, moor_done_void done) {
    struct op o;
    (void)(begin_at(&o, obj, call, path) && remove_object(&o, flags & MOOR_REMOVE_TREE));
    done(o.ctx, error_of(&o));
    end(&o);
}

static void redirect_url(void *obj, const moor_call *call, const moor_redirect_req *req, moor_done_buf done) {
    struct op o;
    moor_buf serve_it_yourself = {0};
    (void)begin_at(&o, obj, call, req->path);
    done(o.ctx, error_of(&o), &serve_it_yourself);
    end(&o);
}

/* ================================================================ instance */

/* A table is filled up to the capacity that the host wrote into its first member: an older host knows fewer members. */
static moor_code fill(void *table, const void *mine, uint32_t size) {
    uint32_t capacity;
    memcpy(&capacity, table, sizeof capacity);
    size = size < capacity ? size : capacity;
    memcpy(table, mine, size);
    memcpy(table, &size, sizeof size);
    return MOOR_OK;
}
static bool is(moor_str s, const char *t) {
    return s.len == strlen(t) && memcmp(s.ptr, t, s.len) == 0;
}

static moor_code instance_interface(void *obj, moor_str id, void *table) {
    moor_storage t = {
        .struct_size = sizeof t,
        .exec_flags = MOOR_EXEC_BLOCKING,
        .caps = MOOR_CAP_PUT_IF_ABSENT | MOOR_CAP_ATOMIC_MOVE | MOOR_CAP_RESUME | MOOR_CAP_STRONG_LIST |
                MOOR_CAP_REMOVE_TREE,
        .max_list_page = PAGE,
        .obj = obj,
        .get_content = get_content,
        .put_content = put_content,
        .open_reader = open_reader,
        .open_writer = open_writer,
        .stat_path = stat_path,
        .list_page = list_page,
        .move_path = move_path,
        .remove_path = remove_path,
        .redirect_url = redirect_url,
    };
    return is(id, MOOR_IF_STORAGE) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}
static void stop(void *obj, const moor_call *call, moor_done_void done) {
    struct store *s = obj;
    pthread_mutex_lock(&s->lock);
    s->stopped = true;
    while (s->running > 0)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    done(call->done_ctx, NULL);
}
static void destroy(void *obj) {
    count(obj, 0, -1);
}

/* ================================================================ factory */

static const char schema[] = "{\"type\":\"object\",\"properties\":{\"directory\":{\"type\":\"string\","
                             "\"description\":\"Where objects are kept: an absolute path.\"}},"
                             "\"required\":[\"directory\"],\"additionalProperties\":false}";

static void config_schema(void *obj, const moor_call *call, moor_str component, moor_done_buf done) {
    (void)obj, (void)component;
    moor_buf buf = {(const uint8_t *)schema, sizeof schema - 1, NULL, NULL}; /* no release: static storage */
    done(call->done_ctx, NULL, &buf);
}

/* Just enough JSON for one string. Everything else is refused rather than half understood. */
static bool take(moor_bytes *in, char c) {
    while (in->len > 0 && strchr(" \t\r\n", in->ptr[0]) && in->ptr[0])
        in->ptr++, in->len--;
    if (c == 0 || in->len == 0 || in->ptr[0] != c)
        return c == 0 && in->len == 0;
    in->ptr++, in->len--;
    return true;
}
static bool take_string(moor_bytes *in, char out[PATH_LIMIT]) {
    size_t n = 0;
    for (bool open = take(in, '"'); open && in->len > 0 && n < PATH_LIMIT - 1;) {
        uint8_t c = *in->ptr++;
        in->len--;
        out[n] = 0;
        if (c == '"')
            return true;
        if (c == '\\') { /* \" \\ \/ are themselves; \u and the rest are refused */
            if (in->len == 0 || !strchr("\"\\/", in->ptr[0]) || in->ptr[0] == 0)
                return false;
            c = *in->ptr++;
            in->len--;
        } else if (c < ' ') {
            return false;
        }
        out[n++] = (char)c;
    }
    return false;
}
static bool configure(struct op *o, moor_bytes json, struct store *s) {
    char key[PATH_LIMIT], dir[PATH_LIMIT];
    if (!take(&json, '{') || !take_string(&json, key) || strcmp(key, "directory") != 0 || !take(&json, ':') ||
        !take_string(&json, dir) || !take(&json, '}') || !take(&json, 0) || dir[0] != '/')
        return fail(o, MOOR_E_CONFIG, "directory: an absolute path is required, and no other option");
    s->root = mkdir(dir, 0777) == 0 || errno == EEXIST ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (s->root >= 0 && (mkdirat(s->root, STAGE, 0777) == 0 || errno == EEXIST))
        s->stage = openat(s->root, STAGE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (s->stage >= 0)
        return true;
    fail_errno(o, "directory: can't be used");
    o->error.code = MOOR_E_CONFIG;
    return false;
}
static void create(void *obj, const moor_call *call, moor_str component, moor_str name, moor_bytes config,
                   moor_done_instance done) {
    (void)obj, (void)name;
    struct op o = {.ctx = call->done_ctx};
    struct store *s = calloc(1, sizeof *s);
    if (s)
        *s = (struct store){.root = -1, .stage = -1, .holders = 1};
    bool good = (s || fail_errno(&o, "no memory")) &&
                (is(component, "template") || fail(&o, MOOR_E_INVALID_ARGUMENT, "no such component")) &&
                configure(&o, config, s);
    moor_instance out = {.struct_size = sizeof out, .exec_flags = MOOR_EXEC_BLOCKING, .obj = s};
    if (good) {
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->idle, NULL);
        out.get_interface = instance_interface;
        out.stop = stop;
        out.destroy = destroy;
    } else if (s) {
        if (s->root >= 0)
            close(s->root);
        free(s);
    }
    done(o.ctx, error_of(&o), good ? &out : NULL);
}

/* ================================================================ entry */

static moor_code plugin_interface(void *obj, moor_str id, void *table) {
    moor_factory t = {.struct_size = sizeof t, .exec_flags = MOOR_EXEC_BLOCKING, .obj = obj};
    t.config_schema = config_schema;
    t.create = create;
    return is(id, MOOR_IF_FACTORY) ? fill(table, &t, sizeof t) : MOOR_E_UNSUPPORTED;
}

static const char info[] = "{\"name\":\"template\",\"version\":\"1.0.0\",\"license\":\"Apache-2.0\","
                           "\"components\":[{\"name\":\"template\",\"interface\":\"moor.storage/1\"}]}";

moor_code moor_plugin_entry(const moor_host *host, moor_plugin *out) {
    if (host->abi_rev >> 16 != MOOR_ABI_MAJOR)
        return MOOR_E_VERSION;
    moor_plugin t = {.struct_size = sizeof t, .abi_rev = MOOR_ABI_REV, .get_interface = plugin_interface};
    t.info_json = (moor_bytes){(const uint8_t *)info, sizeof info - 1};
    return fill(out, &t, sizeof t);
}
