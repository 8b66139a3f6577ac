/* mooring/plugin.h - the plugin ABI of Mooring, major version 1.
 *
 * One header, C11 and later or C++17; importable from Swift, Rust, Zig and Go. A plugin is a shared library that
 * exports exactly one function, moor_plugin_entry. Everything else travels through tables of function pointers.
 * Sources/PluginABI/README.md states the contract in prose: lifecycle, ownership, threads and versioning.
 *
 * Words used below
 *   caller       the side that calls a function pointer; the host for the tables a plugin fills, and the reverse
 *   object       whatever a table's `obj` stands for; passed back verbatim as the first argument of its functions
 *   borrowed     readable until the call that passes it returns; copy what you need
 *   lives until done
 *                valid and unchanged until the completion of that very call has been entered
 *   moves        ownership goes with the value; the receiver calls its release function exactly once
 *
 * Tags that close the comment of a function
 *   [any-thread]   may be called on every thread, also on several at once
 *   [one-at-a-time] never called while another call into the same object is outstanding
 *   [may-block]    may block if the object says MOOR_EXEC_BLOCKING, otherwise must return within about a millisecond
 *   [no-block]     must return at once, whatever the flags say
 *   [completes]    returns void and calls its `done` exactly once: before it returns, or later on any thread
 *
 * Targets: little-endian LP64 ELF. Text is UTF-8, given as pointer and length, and is not terminated by NUL.
 */
#ifndef MOORING_PLUGIN_H
#define MOORING_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-extension"
#define MOOR_NULLABLE _Nullable
#define MOOR_NONNULL _Nonnull
/* Completions and tasks run on any thread: without the attribute a Swift closure literal may be taken for main-actor
 * code and trap when it runs elsewhere. */
#define MOOR_SENDABLE __attribute__((swift_attr("@Sendable")))
#else
#define MOOR_NULLABLE
#define MOOR_NONNULL
#define MOOR_SENDABLE
#endif

#if defined(__GNUC__)
#define MOOR_EXPORT __attribute__((visibility("default")))
#else
#define MOOR_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================================================ 0. scalars */

#define MOOR_ABI_MAJOR 1u
#define MOOR_ABI_MINOR 0u
/** What `abi_rev` holds: major << 16 | minor. Both sides of one major version work with each other. */
#define MOOR_ABI_REV 0x10000u

/** A deadline that never comes. */
#define MOOR_NO_DEADLINE 0x7fffffffffffffffll
/** An unknown size, and "to the end" where a length is asked for. */
#define MOOR_UNKNOWN_SIZE 0xffffffffffffffffull

/** 0 is success. 1..999 belong to this header; a receiver treats a code it doesn't know as MOOR_E_INTERNAL. */
typedef int32_t moor_code;
enum {
    MOOR_OK = 0,
    MOOR_E_INTERNAL = 1,         /**< a bug, or a failure with no better name */
    MOOR_E_INVALID_ARGUMENT = 2, /**< the caller asked for something malformed */
    MOOR_E_UNSUPPORTED = 3,      /**< not implemented, and never will be by this object */
    MOOR_E_NOT_FOUND = 4,        /**< nothing at that path, no such thing */
    MOOR_E_ALREADY_EXISTS = 5,   /**< MOOR_IF_ABSENT and something is there */
    MOOR_E_PRECONDITION = 6,     /**< MOOR_IF_MATCH and the etag differs; a writer that was replaced */
    MOOR_E_PERMISSION = 7,       /**< the backend refuses these credentials */
    MOOR_E_UNAUTHENTICATED = 8,  /**< wrong or missing credential */
    MOOR_E_THROTTLED = 9,        /**< slow down; `retry_after_ms` says how long */
    MOOR_E_UNAVAILABLE = 10,     /**< the backend can't be reached now */
    MOOR_E_TIMEOUT = 11,         /**< the deadline passed */
    MOOR_E_CANCELLED = 12,       /**< the caller cancelled */
    MOOR_E_NO_SPACE = 13,        /**< disk full, quota reached */
    MOOR_E_CORRUPT = 14,         /**< stored bytes or a given checksum don't agree */
    MOOR_E_RANGE = 15,           /**< offset beyond the end, or larger than the limit given */
    MOOR_E_BUSY = 16,            /**< a local limit is reached; nothing was started */
    MOOR_E_CONFIG = 17,          /**< the configuration is wrong */
    MOOR_E_VERSION = 18,         /**< this host and this plugin can't work together */
    MOOR_E_OFFSET = 19,          /**< a writer can't go on there; details hold {"durable_offset":N} */
    MOOR_E_SHUTDOWN = 20         /**< the object was stopped */
};

/** Text, UTF-8, not terminated. `ptr` may be NULL when `len` is 0. Always borrowed. Frozen. */
typedef struct moor_str {
    const char *MOOR_NULLABLE ptr;
    size_t len;
} moor_str;

/** Bytes. `ptr` may be NULL when `len` is 0. Always borrowed. Frozen. */
typedef struct moor_bytes {
    const uint8_t *MOOR_NULLABLE ptr;
    size_t len;
} moor_bytes;

/** Bytes that move: whoever holds the struct calls release(release_ctx) exactly once, on any thread, at any later time,
 *  also after the object that made it was destroyed. A NULL `release` means static storage. The release function frees
 *  memory and does nothing else: it doesn't block, and calls no host service. Frozen. */
typedef struct MOOR_SENDABLE moor_buf {
    const uint8_t *MOOR_NULLABLE ptr;
    size_t len;
    void (*MOOR_NULLABLE release)(void *MOOR_NULLABLE release_ctx);
    void *MOOR_NULLABLE release_ctx;
} moor_buf;

/** A name and its value. Frozen. */
typedef struct moor_kv {
    moor_str key, value;
} moor_kv;

/** What went wrong. Borrowed during the completion; the receiver copies. No field ever holds a credential. */
typedef struct moor_error {
    uint32_t struct_size;
    moor_code code;          /**< never MOOR_OK */
    uint32_t flags;          /**< MOOR_ERR_* */
    int32_t os_errno;        /**< errno, or 0 */
    int64_t retry_after_ms;  /**< -1: no hint */
    moor_str message;        /**< one line for an operator, at most 1024 bytes */
    moor_str vendor_code;    /**< the backend's own code, such as "SlowDown"; may be empty */
    moor_bytes details_json; /**< a JSON object, or empty */
} moor_error;
/** The same call may succeed later. */
#define MOOR_ERR_RETRYABLE (1u << 0)
/** It is certain that nothing was changed. */
#define MOOR_ERR_NO_EFFECT (1u << 1)

/* ================================================================================================ 1. calls */

/** Called once when a call is cancelled or its deadline passes (`why`: MOOR_E_CANCELLED or MOOR_E_TIMEOUT).
 *  [any-thread] [no-block] */
typedef void (*MOOR_NONNULL moor_cancel_fn)(void *MOOR_NULLABLE ctx, moor_code why) MOOR_SENDABLE;

/** The cancellation token of one call; usable until that call's completion. Cancellation is advice: `done` still comes
 *  exactly once, and may report success if the work was finished first. */
typedef struct MOOR_SENDABLE moor_cancel {
    uint32_t struct_size;
    uint32_t reserved0;
    void *MOOR_NULLABLE obj;
    /** 0, or the moor_code of the cancellation. Cheap; ask between chunks. [any-thread] [no-block] */
    int32_t (*MOOR_NONNULL is_cancelled)(void *MOOR_NULLABLE obj);
    /** Registers fn; returns an id other than 0. If the call is cancelled already, fn runs before this returns.
     *  Returns 0 when no more can be registered (a host accepts at least one per call); poll then. [any-thread] */
    uint64_t (*MOOR_NONNULL on_cancel)(void *MOOR_NULLABLE obj, moor_cancel_fn fn, void *MOOR_NULLABLE ctx);
    /** Removes a registration. After it returns, fn isn't running and won't run. It waits for an fn that is running on
     *  another thread, and returns at once inside fn itself. Unknown ids and 0 are ignored. [any-thread] */
    void (*MOOR_NONNULL off_cancel)(void *MOOR_NULLABLE obj, uint64_t registration);
} moor_cancel;

/** What every operation is given. The struct, what it points to, and every input argument of the operation live until
 *  done. Copy `done_ctx` before you call `done`, and touch nothing of the call afterwards. */
typedef struct MOOR_SENDABLE moor_call {
    uint32_t struct_size;
    uint32_t flags;      /**< MOOR_CALL_* */
    int64_t deadline_ns; /**< CLOCK_MONOTONIC, absolute, or MOOR_NO_DEADLINE */
    const moor_cancel *MOOR_NONNULL cancel;
    moor_str request_id;          /**< for log lines; may be empty */
    moor_str trace_parent;        /**< W3C traceparent; may be empty */
    void *MOOR_NULLABLE done_ctx; /**< first argument of `done`, verbatim */
} moor_call;
/** Garbage collection and the like: may be slowed in favour of others. */
#define MOOR_CALL_BACKGROUND (1u << 0)
/** The caller set a thread aside for this call, so it may block. */
#define MOOR_CALL_MAY_BLOCK (1u << 1)
/** The caller is on a thread that must not wait, and the object said MOOR_EXEC_NOWAIT: do it from memory (the page
 * cache, a table) or complete at once with MOOR_E_BUSY and MOOR_ERR_RETRYABLE, before anything was done. The caller
 * then asks again without this flag on a thread that may block. */
#define MOOR_CALL_NOWAIT (1u << 2)

/* Completions. Exactly one of `err` and the result counts: with an error the result is ignored and no object was made.
 * The receiver stores and schedules; it never runs unbounded work inside. Hold no lock while you call one.
 * [any-thread] [no-block] */
typedef void (*MOOR_NONNULL moor_done_void)(void *MOOR_NULLABLE done_ctx,
                                            const moor_error *MOOR_NULLABLE err) MOOR_SENDABLE;
/** `owned` moves. */
typedef void (*MOOR_NONNULL moor_done_buf)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                           const moor_buf *MOOR_NULLABLE owned) MOOR_SENDABLE;
/** `value` counts also beside an error where the operation says so. */
typedef void (*MOOR_NONNULL moor_done_u64)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                           uint64_t value) MOOR_SENDABLE;

/* ================================================================================================ 2. host */

/** The host, as the plugin sees it. It and every service live until teardown() has returned. */
typedef struct MOOR_SENDABLE moor_host {
    uint32_t struct_size;
    uint32_t abi_rev; /**< MOOR_ABI_REV the host was compiled with */
    moor_str product, version;
    void *MOOR_NULLABLE obj;
    /** A pointer to the service table of that id, the same for every call, or NULL if this host has none.
     *  [any-thread] [no-block] */
    const void *MOOR_NULLABLE (*MOOR_NONNULL get_service)(void *MOOR_NULLABLE obj, moor_str service_id);
} moor_host;

#define MOOR_SVC_LOG "moor.host.log/1"
#define MOOR_SVC_METRICS "moor.host.metrics/1"
#define MOOR_SVC_EXEC "moor.host.exec/1"
#define MOOR_SVC_TIMER "moor.host.timer/1"
#define MOOR_SVC_SECRET "moor.host.secret/1"

/** Log lines. The host adds the plugin's name. */
typedef struct moor_svc_log {
    uint32_t struct_size;
    int32_t min_level; /**< MOOR_LOG_*; lines below it are dropped. May change at any time: read it without a lock. */
    void *MOOR_NULLABLE obj;
    /** Writes a line. All arguments are borrowed; a text that isn't UTF-8 is repaired. [any-thread] [no-block] */
    void (*MOOR_NONNULL write)(void *MOOR_NULLABLE obj, int32_t level, moor_str target, moor_str message,
                               const moor_kv *MOOR_NULLABLE fields, size_t nfields);
} moor_svc_log;
enum { MOOR_LOG_TRACE = 0, MOOR_LOG_DEBUG = 1, MOOR_LOG_INFO = 2, MOOR_LOG_WARN = 3, MOOR_LOG_ERROR = 4 };

/** Metrics. Define them inside create(), record anywhere. */
typedef struct moor_svc_metrics {
    uint32_t struct_size;
    uint32_t reserved0;
    void *MOOR_NULLABLE obj;
    /** Defines a metric; the id goes to *out_id. `name` is [a-z_][a-z0-9_]*, `unit` a word such as "seconds" or empty.
     *  The same definition again gives the same id; a different one under the same name, or a bad name, is
     *  MOOR_E_INVALID_ARGUMENT; MOOR_E_BUSY when the host takes no more. [any-thread] [no-block] */
    moor_code (*MOOR_NONNULL define)(void *MOOR_NULLABLE obj, uint32_t kind, moor_str name, moor_str unit,
                                     const moor_str *MOOR_NULLABLE label_names, size_t nlabels,
                                     uint64_t *MOOR_NONNULL out_id);
    /** Counter: adds value (not negative). Gauge: sets it. Histogram: observes it. A wrong id or number of labels is
     *  ignored and counted. [any-thread] [no-block] */
    void (*MOOR_NONNULL record)(void *MOOR_NULLABLE obj, uint64_t id, double value,
                                const moor_str *MOOR_NULLABLE labels, size_t nlabels);
} moor_svc_metrics;
enum { MOOR_METRIC_COUNTER = 0, MOOR_METRIC_GAUGE = 1, MOOR_METRIC_HISTOGRAM = 2 };

/** Runs once. [may-block] on MOOR_LANE_BLOCKING, [no-block] elsewhere. */
typedef void (*MOOR_NONNULL moor_task_fn)(void *MOOR_NULLABLE ctx) MOOR_SENDABLE;

/** The host's threads, so that a plugin needs none of its own. */
typedef struct moor_svc_exec {
    uint32_t struct_size;
    uint32_t reserved0;
    void *MOOR_NULLABLE obj;
    /** Queues fn(ctx). MOOR_LANE_CPU has as many threads as the machine has cores; another lane counts as
     *  MOOR_LANE_BLOCKING. MOOR_E_BUSY: it won't run and ctx is still yours. fn may start before this returns.
     *  [any-thread] [no-block] */
    moor_code (*MOOR_NONNULL submit)(void *MOOR_NULLABLE obj, uint32_t lane, moor_task_fn fn, void *MOOR_NULLABLE ctx);
} moor_svc_exec;
enum { MOOR_LANE_BLOCKING = 0, MOOR_LANE_CPU = 1 };

/** Timers. */
typedef struct moor_svc_timer {
    uint32_t struct_size;
    uint32_t reserved0;
    void *MOOR_NULLABLE obj;
    /** Calls fn(ctx) once, after delay_ns or a little later, on a thread of the host; fn must not block. Returns an id
     *  other than 0. [any-thread] [no-block] */
    uint64_t (*MOOR_NONNULL after)(void *MOOR_NULLABLE obj, int64_t delay_ns, moor_task_fn fn, void *MOOR_NULLABLE ctx);
    /** 1: fn won't run. 0: it has run, or the id is unknown. It waits for an fn that is running on another thread, and
     *  returns 0 at once inside fn itself. [any-thread] */
    int32_t (*MOOR_NONNULL stop_timer)(void *MOOR_NULLABLE obj, uint64_t id);
} moor_svc_timer;

/** Secrets named in a configuration ("file:/run/secrets/key", "env:NAME"). Which schemes there are is the host's
 * matter. */
typedef struct moor_svc_secret {
    uint32_t struct_size;
    uint32_t reserved0;
    void *MOOR_NULLABLE obj;
    /** The secret's bytes; they move and are wiped when released. MOOR_E_NOT_FOUND: no such secret.
     *  MOOR_E_UNSUPPORTED: unknown scheme. [any-thread] [completes] */
    void (*MOOR_NONNULL resolve)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str reference,
                                 moor_done_buf done);
    /** Calls changed(ctx) each time the secret may have changed; returns an id, or 0 if it can't be watched. May be
     *  NULL. [any-thread] [no-block] */
    uint64_t (*MOOR_NULLABLE watch)(void *MOOR_NULLABLE obj, moor_str reference, moor_task_fn changed,
                                    void *MOOR_NULLABLE ctx);
    /** Ends a watch and waits for a running `changed`. May be NULL. [any-thread] */
    void (*MOOR_NULLABLE unwatch)(void *MOOR_NULLABLE obj, uint64_t id);
} moor_svc_secret;

/* ================================================================================================ 3. plugin, factory,
 * instance
 *
 * How a table is filled: the caller allocates and zeroes it and sets struct_size to its capacity in bytes. The callee
 * writes at most min(capacity, its own sizeof) bytes and stores the number it filled in struct_size. A member beyond
 * struct_size, or NULL, is not offered. */

/** The plugin. */
typedef struct moor_plugin {
    uint32_t struct_size;
    uint32_t abi_rev;     /**< MOOR_ABI_REV the plugin was compiled with */
    moor_bytes info_json; /**< static storage; see README.md for its members */
    void *MOOR_NULLABLE obj;
    /** Fills out_table, whose type the id names (today: MOOR_IF_FACTORY). An id that isn't offered to the letter:
     *  MOOR_E_UNSUPPORTED, table untouched. May be called again. [any-thread] [no-block] */
    moor_code (*MOOR_NULLABLE get_interface)(void *MOOR_NULLABLE obj, moor_str iface_id, void *MOOR_NONNULL out_table);
    /** Last call into the plugin, after the last destroy(); the library stays mapped. [one-at-a-time] */
    void (*MOOR_NULLABLE teardown)(void *MOOR_NULLABLE obj);
} moor_plugin;

#define MOOR_ENTRY_NAME "moor_plugin_entry"
typedef moor_code (*MOOR_NONNULL moor_entry_fn)(const moor_host *MOOR_NONNULL host, moor_plugin *MOOR_NONNULL out);

/* How an object wants to be called: exec_flags. None set: asynchronous. Operations are called on any thread, event
 * loops too, also several at once; each starts its work and returns within about a millisecond. What waits or computes
 * for longer is BLOCKING. */
/** Every operation may block: the host calls it on worker threads only. The simplest plugin sets this and is plain C.
 */
#define MOOR_EXEC_BLOCKING (1u << 0)
/** Never two calls at once into the object. */
#define MOOR_EXEC_SERIAL (1u << 1)
/** Called like an object without flags. Says besides that every operation has completed when it returns, within 50
 * microseconds, so that nobody need prepare to wait for it. Not with BLOCKING. */
#define MOOR_EXEC_INLINE (1u << 2)
/** With BLOCKING: get_content, open_reader and stat_path heed MOOR_CALL_NOWAIT, so the host may try them on an event
 * loop first. What is warm then costs no change of thread. */
#define MOOR_EXEC_NOWAIT (1u << 3)

/** One configured instance of a component. `start` to `destroy` are never concurrent with each other; `destroy` comes
 *  when no operation is outstanding. Every member but `obj`, `get_interface` and `destroy` may be NULL: nothing to do.
 */
typedef struct moor_instance {
    uint32_t struct_size;
    uint32_t exec_flags;      /**< MOOR_EXEC_*, for the functions of this table */
    uint32_t max_concurrency; /**< the most operations the host may have outstanding in the instance; 0: no limit */
    uint32_t reserved0;
    void *MOOR_NULLABLE obj;
    /** As moor_plugin.get_interface, for the role of the instance (MOOR_IF_STORAGE and so on). [any-thread] [no-block]
     */
    moor_code (*MOOR_NULLABLE get_interface)(void *MOOR_NULLABLE obj, moor_str iface_id, void *MOOR_NONNULL out_table);
    /** Opens for business: first call after create. Fails: only destroy follows. [completes] [may-block] */
    void (*MOOR_NULLABLE start)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_done_void done);
    /** Takes another configuration wholly or not at all. MOOR_E_UNSUPPORTED: make a new instance. [completes]
     * [may-block] */
    void (*MOOR_NULLABLE reconfigure)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                      moor_bytes config_json, moor_done_void done);
    /** A JSON object {"status":"ok"|"degraded"|"down", ...}. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE health)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_done_buf done);
    /** No new work will come soon; finish what is in flight. Operations are still legal. [completes] [may-block] */
    void (*MOOR_NULLABLE drain)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_done_void done);
    /** Completes what is in flight (MOOR_E_SHUTDOWN if need be), stops threads and timers. Later operations complete
     * with MOOR_E_SHUTDOWN. A second stop succeeds and does nothing. [completes] [may-block] */
    void (*MOOR_NULLABLE stop)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_done_void done);
    /** Frees the instance. Called exactly once, last, when all its readers and writers are closed. [one-at-a-time] */
    void (*MOOR_NULLABLE destroy)(void *MOOR_NULLABLE obj);
} moor_instance;
/** `inst` is copied by the receiver, which then owns the instance and calls destroy once. */
typedef void (*MOOR_NONNULL moor_done_instance)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                                const moor_instance *MOOR_NULLABLE inst) MOOR_SENDABLE;

#define MOOR_IF_FACTORY "moor.factory/1"
/** Makes instances. `component` is one of the names that info_json lists. */
typedef struct moor_factory {
    uint32_t struct_size;
    uint32_t exec_flags; /**< MOOR_EXEC_*, for the functions of this table */
    void *MOOR_NULLABLE obj;
    /** Looks at a configuration without any I/O. The buffer is JSON:
     *  {"errors":[{"pointer":"/key","code":"...","message":"..."}],"warnings":[...]}. May be NULL.
     *  [any-thread] [completes] */
    void (*MOOR_NULLABLE validate)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str component,
                                   moor_bytes config_json, moor_done_buf done);
    /** The JSON Schema of the component's configuration object. The host refuses keys that it doesn't list. May be
     *  NULL: then the host can check nothing and passes everything. [any-thread] [completes] */
    void (*MOOR_NULLABLE config_schema)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str component,
                                        moor_done_buf done);
    /** Makes an instance; may do I/O. Any number of instances of a component, with different configurations, live side
     *  by side. Failing leaves nothing behind; MOOR_E_CONFIG names the key. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE create)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str component,
                                 moor_str instance_name, moor_bytes config_json, moor_done_instance done);
} moor_factory;

/* ================================================================================================ 4. storage driver */

#define MOOR_IF_STORAGE "moor.storage/1"

/* What a driver can do: caps. An optional operation is offered only if its bit is set and its pointer isn't NULL. */
#define MOOR_CAP_PUT_IF_ABSENT (1ull << 0) /**< MOOR_IF_ABSENT, atomic also against other processes */
#define MOOR_CAP_IF_MATCH (1ull << 1)      /**< MOOR_IF_MATCH, likewise */
#define MOOR_CAP_ATOMIC_MOVE (1ull << 2)   /**< move_path is one step: both or neither, seen by all */
#define MOOR_CAP_COPY (1ull << 3)          /**< copy_path */
#define MOOR_CAP_BATCH_REMOVE (1ull << 4)  /**< remove_batch */
#define MOOR_CAP_CHECKSUM (1ull << 5)      /**< checksum_path */
#define MOOR_CAP_REDIRECT_GET (1ull << 6)  /**< redirect_url for GET and HEAD */
#define MOOR_CAP_REDIRECT_PUT (1ull << 7)  /**< redirect_url for PUT */
#define MOOR_CAP_RESUME (1ull << 8)        /**< open_writer with MOOR_W_APPEND, also after a restart */
#define MOOR_CAP_FD_READ (1ull << 9)       /**< readers may carry a descriptor */
#define MOOR_CAP_FD_WRITE (1ull << 10)     /**< write_fd */
#define MOOR_CAP_WALK (1ull << 11)         /**< walk_page */
#define MOOR_CAP_STRONG_LIST (1ull << 12)  /**< a listing shows every write that completed before it */
#define MOOR_CAP_REMOVE_TREE (1ull << 13)  /**< MOOR_REMOVE_TREE */
#define MOOR_CAP_TAKE (1ull << 14)         /**< open_writer with MOOR_W_TAKE */
#define MOOR_CAP_WALK_BY_KEY (1ull << 15)  /**< walk_page orders whole paths bytewise, `/` being a byte like others */
#define MOOR_CAP_ADOPT (1ull << 16)        /**< MOOR_W_APPEND goes on with what a writer at another path suspended */

/** A condition on what stands at the path that an operation writes (for a move or copy: dst); NULL where it is passed
 * means none. Frozen. */
typedef struct moor_precond {
    uint32_t flags; /**< exactly one of MOOR_IF_ABSENT, MOOR_IF_MATCH; an unknown bit: MOOR_E_UNSUPPORTED */
    uint32_t reserved0;
    moor_str etag;
} moor_precond;
#define MOOR_IF_ABSENT (1u << 0)
#define MOOR_IF_MATCH (1u << 1)

enum { MOOR_KIND_OBJECT = 1, MOOR_KIND_PREFIX = 2 };

/** What stands at a path. A prefix is a path with objects below it; its size is 0. A driver on a file system may also
 *  report a directory without objects as a prefix, and treat it as one. */
typedef struct moor_stat {
    uint32_t struct_size;
    uint32_t kind; /**< MOOR_KIND_* */
    uint64_t size;
    int64_t mtime_ns;  /**< CLOCK_REALTIME, last change of the content; 0: unknown */
    moor_str path;     /**< as asked for; in pages the full path of the entry */
    moor_str etag;     /**< changes with the content and only then; may be empty */
    moor_str checksum; /**< "sha256:<hex>", or empty */
} moor_stat;
/** `st` is borrowed. */
typedef void (*MOOR_NONNULL moor_done_stat)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                            const moor_stat *MOOR_NULLABLE st) MOOR_SENDABLE;

/** One page of a listing, in bytewise ascending order of path. */
typedef struct moor_page {
    uint32_t struct_size;
    uint32_t flags; /**< MOOR_PAGE_LAST */
    /** Pointers, because moor_stat may grow. */
    const moor_stat *const MOOR_NULLABLE *MOOR_NULLABLE entries;
    size_t nentries;
    /** Opaque, at most 4096 bytes; goes on behind the last entry, also after a restart; empty on the last page. What
     *  0x00 at its beginning means is said at list_page. */
    moor_bytes next_token;
} moor_page;
#define MOOR_PAGE_LAST (1u << 0)
/** `page` is borrowed. */
typedef void (*MOOR_NONNULL moor_done_page)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                            const moor_page *MOOR_NULLABLE page) MOOR_SENDABLE;

/** Bytes of an object: as a descriptor, by read_next, or both. It serves the content as it was when it was opened, also
 *  if the object is replaced or removed meanwhile (or fails with MOOR_E_NOT_FOUND; never a mix). */
typedef struct MOOR_SENDABLE moor_reader {
    uint32_t struct_size;
    uint32_t flags;       /**< MOOR_FD_* */
    uint64_t object_size; /**< of the whole object */
    uint64_t offset;      /**< what the reader serves: */
    uint64_t length;      /**< `length` bytes from `offset`; both lie inside the object */
    /** -1, or a descriptor that moves to the receiver, which close()s it. Opened with O_CLOEXEC. The receiver reads
     * with explicit offsets only, so a duplicate of a cached descriptor is fine. */
    int32_t fd;
    uint32_t reserved0;
    uint64_t fd_offset; /**< where `offset` lies in fd */
    moor_str etag;      /**< borrowed during the completion */
    void *MOOR_NULLABLE obj;
    /** The next 1 to max_len bytes (max_len is at least 1); length 0 at the end, and again at every later call. NULL
     *  only if fd is given. After an error only close_reader follows. [one-at-a-time] [completes] [may-block] */
    void (*MOOR_NULLABLE read_next)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, size_t max_len,
                                    moor_done_buf done);
    /** Frees the reader. Exactly once, last; buffers it gave stay valid. May be NULL. [one-at-a-time] [no-block] */
    void (*MOOR_NULLABLE close_reader)(void *MOOR_NULLABLE obj);
} moor_reader;
/** The descriptor is a regular file: pread, sendfile and copy_file_range work. */
#define MOOR_FD_REGULAR (1u << 0)
/** The descriptor is a pipe or socket: read and splice only. */
#define MOOR_FD_STREAM (1u << 1)
/** `owned` moves. */
typedef void (*MOOR_NONNULL moor_done_reader)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                              const moor_reader *MOOR_NULLABLE owned) MOOR_SENDABLE;

/** Writes an object from its first byte to its last. Nothing is visible at the path before commit. */
typedef struct MOOR_SENDABLE moor_writer {
    uint32_t struct_size;
    uint32_t flags;
    uint64_t durable_offset;  /**< where this writer starts: bytes kept from earlier sessions */
    uint32_t min_chunk;       /**< every write but the last brings at least this many bytes; 0: any */
    uint32_t preferred_chunk; /**< what works best; 0: no wish */
    moor_bytes resume_token;  /**< borrowed during the completion; opaque, at most 1024 bytes, kept by the host */
    void *MOOR_NULLABLE obj;
    /** Appends all parts or none; value: the offset reached, beside an error the offset still known good. The parts
     * live until done. [one-at-a-time] [completes] [may-block] */
    void (*MOOR_NULLABLE write)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                const moor_bytes *MOOR_NONNULL parts, size_t nparts, moor_done_u64 done);
    /** As write, from a regular file; fd stays the caller's and its position untouched. With MOOR_CAP_FD_WRITE.
     *  [one-at-a-time] [completes] [may-block] */
    void (*MOOR_NULLABLE write_fd)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, int32_t fd,
                                   uint64_t fd_offset, uint64_t len, moor_done_u64 done);
    /** Makes what was accepted survive a power cut; value: the offset from which a crashed upload resumes.
     *  [one-at-a-time] [completes] [may-block] */
    void (*MOOR_NULLABLE sync_writer)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_done_u64 done);
    /** Publishes the object in one step and durably. Onto a prefix, or below an object: MOOR_E_INVALID_ARGUMENT.
     *  `checksum` ("sha256:<hex>" of all bytes) may be empty; a driver that can check it does and answers
     *  MOOR_E_CORRUPT. No capability says so, and a host that must be sure hashes for itself. After success only
     *  close_writer follows; after an error the bytes are kept. A second commit: MOOR_E_INVALID_ARGUMENT.
     *  [one-at-a-time] [completes] [may-block] */
    void (*MOOR_NULLABLE commit)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                 const moor_precond *MOOR_NULLABLE cond, moor_str checksum, moor_done_stat done);
    /** Discards the bytes; only close_writer follows. A second cancel succeeds; after commit:
     *  MOOR_E_INVALID_ARGUMENT. [one-at-a-time] [completes] [may-block] */
    void (*MOOR_NULLABLE cancel_writer)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                        moor_done_void done);
    /** Frees the writer. Exactly once, last. Without commit or cancel: suspends, the bytes are kept (a driver without
     *  MOOR_CAP_RESUME drops them). [one-at-a-time] [may-block] */
    void (*MOOR_NULLABLE close_writer)(void *MOOR_NULLABLE obj);
} moor_writer;
/** `owned` moves. */
typedef void (*MOOR_NONNULL moor_done_writer)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                              const moor_writer *MOOR_NULLABLE owned) MOOR_SENDABLE;
/** Start from nothing. Suspended bytes of other writers at the path are left alone. `offset` is 0. */
#define MOOR_W_CREATE 0u
/** Go on exactly at `offset`: with resume_token on that suspended writer; without, on the newest suspended one, else on
 *  a copy of the object at the path. Does the content end elsewhere: MOOR_E_OFFSET, with {"durable_offset":N}. With
 *  offset MOOR_UNKNOWN_SIZE: wherever it ends. Nothing there: MOOR_E_NOT_FOUND. A token that means nothing (any more):
 *  MOOR_E_NOT_FOUND. Two writers are never open on the same suspended bytes: MOOR_E_BUSY where the driver can tell,
 * also without a token, if another writer has the only suspended bytes open. With MOOR_CAP_ADOPT the token of a writer
 * at another path is good too: a commit publishes the bytes at this path, and without one they stay where they were. */
#define MOOR_W_APPEND 1u
/** Needs MOOR_CAP_TAKE. Go on with the object at the path itself, without a copy: it isn't there any more until commit.
 *  What lies behind `offset` is dropped, with MOOR_UNKNOWN_SIZE nothing; does the object end before: MOOR_E_OFFSET.
 *  resume_token holds the etag that the object must have (else MOOR_E_PRECONDITION), or nothing. No object there:
 *  MOOR_E_NOT_FOUND. Another writer has its bytes open: MOOR_E_BUSY. After an error the object stays as it is.
 * Suspended, the bytes are those of any writer. Readers that were opened before serve what is undefined. */
#define MOOR_W_TAKE 2u

/** The result of one item of a batch; MOOR_OK: done. Frozen. */
typedef struct moor_item_result {
    moor_code code;
    uint32_t flags;         /**< MOOR_ERR_* */
    int64_t retry_after_ms; /**< -1: no hint */
    moor_str message;       /**< as in moor_error */
    moor_str vendor_code;   /**< as in moor_error */
} moor_item_result;
/** One result per item, same order; borrowed. */
typedef void (*MOOR_NONNULL moor_done_items)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                             const moor_item_result *MOOR_NULLABLE items, size_t n) MOOR_SENDABLE;

/** What a client should be sent elsewhere for. */
typedef struct moor_redirect_req {
    uint32_t struct_size;
    uint32_t method; /**< MOOR_METHOD_* */
    /** Of the client: address without port, and User-Agent; of the answer: headers that the URL should bring. All but
     *  path may be empty. */
    moor_str path, client_addr, user_agent, content_type, content_disposition;
    int64_t ttl_ms;                      /**< the URL must expire within this time */
    uint64_t range_offset, range_length; /**< what the client wants; 0 and MOOR_UNKNOWN_SIZE: all. Advice */
} moor_redirect_req;
enum { MOOR_METHOD_GET = 1, MOOR_METHOD_HEAD = 2, MOOR_METHOD_PUT = 3 };

#define MOOR_REMOVE_TREE (1u << 0)

/** A storage driver.
 *
 *  Paths: `/` then segments joined by `/`; a segment is 1 to 255 of [A-Za-z0-9._-] and neither `.` nor `..`; at most
 *  1024 bytes, or max_key_len if that is less and not 0. `/` alone is legal in stat_path, list_page and walk_page only.
 *  Any other path: MOOR_E_INVALID_ARGUMENT. Paths are case sensitive. Names that begin with `.` and end in `.` 32
 *  lower-case hexadecimal digits and `.tmp` are the driver's own: never listed, refused as a path. Objects right below
 *  `/mooring/` are the host's secrets: where objects have permissions, only the user that the driver runs as may read
 *  them.
 *
 *  Below an object, and onto a prefix, nothing can be written. A driver over a backend whose keys are independent of
 * each other, as those of object stores are, need not look for that, and then takes what is written there.
 *
 *  Atomic means: every reader, also in another process, sees the old content or the new, whole. Durable means: after
 *  done the effect survives a power cut, where the backend can promise that. */
typedef struct MOOR_SENDABLE moor_storage {
    uint32_t struct_size;
    uint32_t exec_flags;    /**< MOOR_EXEC_*; also for its readers and writers */
    uint64_t caps;          /**< MOOR_CAP_* */
    uint64_t blocking_ops;  /**< bit n: the n-th operation below may block although BLOCKING isn't set. Readers and
                               writers have no bits: they don't block then */
    uint32_t max_key_len;   /**< bytes of a path; 0: 1024 */
    uint32_t max_list_page; /**< entries of a page; 0: 1000 */
    void *MOOR_NULLABLE obj;

    /* Required: operations 0 to 8. */

    /** 0. The whole object. Larger than max_len: MOOR_E_RANGE. Nothing, or a prefix: MOOR_E_NOT_FOUND.
     *  [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE get_content)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                      uint64_t max_len, moor_done_buf done);
    /** 1. Creates or replaces the object; atomic and durable. Onto a prefix, or below an object:
     *  MOOR_E_INVALID_ARGUMENT. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE put_content)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                      moor_bytes body, const moor_precond *MOOR_NULLABLE cond, moor_done_stat done);
    /** 2. Opens `length` bytes from `offset`, cut at the end of the object; MOOR_UNKNOWN_SIZE: to the end. At the end:
     *  length 0. Beyond: MOOR_E_RANGE. flags: 0. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE open_reader)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                      uint64_t offset, uint64_t length, uint32_t flags, moor_done_reader done);
    /** 3. Opens a writer: MOOR_W_*. An unknown mode: MOOR_E_UNSUPPORTED. A path that commit would refuse may be refused
     *  here already. size_hint: the final size, or MOOR_UNKNOWN_SIZE. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE open_writer)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                      uint32_t mode, uint64_t offset, moor_bytes resume_token, uint64_t size_hint,
                                      moor_done_writer done);
    /** 4. What stands at the path; suspended bytes of writers don't count. `/` is a prefix, in an empty store too.
     *  [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE stat_path)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                    moor_done_stat done);
    /** 5. Up to `limit` direct children, objects and prefixes (0: as many as the driver likes). An empty token starts.
     *  A token made by start_after is legal everywhere: the bytes 0x00 followed by a child's name begin behind that
     *  name, whether there is such a child or not. A driver's own token that begins with 0x00 means just that. Size and
     * mtime of an entry may be 0 if finding them out costs a call each. A missing prefix, and the path of an object:
     * an empty last page. While others write, entries may be missed or seen, but none twice. [any-thread] [completes]
     * [may-block] */
    void (*MOOR_NULLABLE list_page)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                    moor_bytes token, uint32_t limit, moor_done_page done);
    /** 6. Renames an object, replacing what stands at dst unless cond forbids; durable. src missing, also because it is
     *  below an object: MOOR_E_NOT_FOUND, dst untouched. src equal to dst: nothing. src or dst a prefix, or dst below
     * an object: MOOR_E_INVALID_ARGUMENT. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE move_path)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str src,
                                    moor_str dst, const moor_precond *MOOR_NULLABLE cond, moor_done_void done);
    /** 7. Removes an object; with MOOR_REMOVE_TREE (needs the capability) an object or all below a prefix, suspended
     * bytes too; it succeeds also where there are only those. Missing: MOOR_E_NOT_FOUND. A prefix without the flag:
     * MOOR_E_INVALID_ARGUMENT. Paths that merely begin alike are safe. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE remove_path)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                      uint32_t flags, moor_done_void done);
    /** 8. A URL at which the client gets the object itself; length 0: serve it yourself. [any-thread] [completes]
     *  [may-block] */
    void (*MOOR_NULLABLE redirect_url)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                       const moor_redirect_req *MOOR_NONNULL req, moor_done_buf done);

    /* Optional: each with its capability bit. */

    /** 9. As list_page, but all objects at any depth below prefix, and no prefixes. A start_after token holds 0x00 and
     * a path relative to prefix. Order: bytewise by path, `/` sorting before every other byte, with
     * MOOR_CAP_WALK_BY_KEY among them. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE walk_page)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str prefix,
                                    moor_bytes token, uint32_t limit, moor_done_page done);
    /** 10. Copies an object inside the store; atomic and durable at dst. What can't be copied, and where nothing can be
     *  copied to, fails as in move_path. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE copy_path)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str src,
                                    moor_str dst, const moor_precond *MOOR_NULLABLE cond, moor_done_stat done);
    /** 11. Removes up to 1000 objects, each as remove_path without flags, in any order; a result for each. Where the
     *  backend doesn't tell what was missing, that counts as removed. An error of the whole means that any of them may
     * be gone. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE remove_batch)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                       const moor_str *MOOR_NONNULL paths, size_t n, moor_done_items done);
    /** 12. The digest of an object as "<algorithm>:<hex>". Unknown algorithm: MOOR_E_UNSUPPORTED.
     *  [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE checksum_path)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call, moor_str path,
                                        moor_str algorithm, moor_done_buf done);
    /* Later minor versions append below this line. */
} moor_storage;

/* ================================================================================================ 5. storage
 * middleware */

#define MOOR_IF_MIDDLEWARE "moor.storage-middleware/1"
/** Wraps one storage in another. */
typedef struct moor_middleware {
    uint32_t struct_size;
    uint32_t flags; /**< MOOR_MW_* */
    void *MOOR_NULLABLE obj;
    /** Fills `out` with the wrapped storage, once per instance. `inner` lives until this instance's destroy(); the
     *  middleware never frees or closes it, and may return its readers and writers as they are. out->caps is a subset
     *  of inner->caps plus what the middleware itself provides. If inner blocks, the host treats `out` as blocking. An
     *  operation left NULL is refused for the whole stack. [no-block] */
    moor_code (*MOOR_NULLABLE wrap)(void *MOOR_NULLABLE obj, const moor_storage *MOOR_NONNULL inner,
                                    moor_storage *MOOR_NONNULL out);
} moor_middleware;
/** Operations that this middleware leaves NULL may be passed to inner: that is harmless. */
#define MOOR_MW_TRANSPARENT (1u << 0)

/* ================================================================================================ 6. auth backend */

#define MOOR_IF_AUTH "moor.auth/1"

enum { MOOR_CRED_ANONYMOUS = 0, MOOR_CRED_BASIC = 1, MOOR_CRED_BEARER = 2, MOOR_CRED_CERTIFICATE = 3 };
/** What a client presents. `secret` is never logged and not kept after done. A kind the backend doesn't know: deny. */
typedef struct moor_credential {
    uint32_t struct_size;
    uint32_t kind; /**< MOOR_CRED_* */
    moor_str username;
    moor_bytes secret;         /**< password or token */
    moor_bytes cert_chain_der; /**< the leaf first, concatenated */
    moor_str client_addr, audience;
} moor_credential;

/** Who it is. */
typedef struct moor_identity {
    uint32_t struct_size;
    uint32_t flags;
    moor_str subject, tenant;
    const moor_str *MOOR_NULLABLE groups;
    size_t ngroups;
    int64_t expires_unix_ms; /**< 0: never */
    int64_t cache_ttl_ms;    /**< how long the host may remember the answer; 0: not at all */
    moor_bytes claims_json;  /**< handed back verbatim to authorize and issue_token */
} moor_identity;

/** What is asked for: "repository", "team/app", {"pull"}; at most 64 actions. Frozen. */
typedef struct moor_access {
    moor_str resource_class, resource_name;
    const moor_str *MOOR_NULLABLE actions;
    size_t nactions;
} moor_access;

/** What is granted: bit i stands for the i-th action asked. Frozen. */
typedef struct moor_grant {
    uint64_t action_mask;
    uint32_t reason; /**< 0; no other value has a meaning yet */
    uint32_t reserved0;
} moor_grant;

/** One grant per item asked, same order; anything else denies all. */
typedef struct moor_decision {
    uint32_t struct_size;
    uint32_t flags; /**< MOOR_DECISION_* */
    const moor_grant *MOOR_NULLABLE grants;
    size_t ngrants;
    int64_t cache_ttl_ms;
    moor_str challenge_scheme; /**< "Bearer" or "Basic" */
    const moor_kv *MOOR_NULLABLE challenge_params;
    size_t nparams;
} moor_decision;
/** Answer 404, not 403: don't tell that it exists. */
#define MOOR_DECISION_HIDE (1u << 0)

/** A token; the buffers move. */
typedef struct moor_token {
    uint32_t struct_size;
    uint32_t flags;
    moor_buf token, refresh_token;
    int64_t issued_unix_ms, expires_unix_ms;
} moor_token;

/** `who` is borrowed. */
typedef void (*MOOR_NONNULL moor_done_identity)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                                const moor_identity *MOOR_NULLABLE who) MOOR_SENDABLE;
/** `dec` is borrowed. */
typedef void (*MOOR_NONNULL moor_done_decision)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                                const moor_decision *MOOR_NULLABLE dec) MOOR_SENDABLE;
/** The buffers of `tok` move. */
typedef void (*MOOR_NONNULL moor_done_token)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                             const moor_token *MOOR_NULLABLE tok) MOOR_SENDABLE;

/** An auth backend. Whatever goes wrong, the host denies; trouble in the backend (MOOR_E_UNAVAILABLE) is answered 503
 * and is never anonymous access. */
typedef struct MOOR_SENDABLE moor_auth {
    uint32_t struct_size;
    uint32_t exec_flags; /**< MOOR_EXEC_* */
    uint64_t caps;       /**< none defined yet */
    void *MOOR_NULLABLE obj;
    /** Wrong credential: MOOR_E_UNAUTHENTICATED, in a time that doesn't tell which part was wrong.
     *  [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE authenticate)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                       const moor_credential *MOOR_NONNULL cred, moor_done_identity done);
    /** `who` NULL: nobody in particular. Names are literal, also `*`. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE authorize)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                    const moor_identity *MOOR_NULLABLE who, const moor_access *MOOR_NULLABLE asked,
                                    size_t nasked, moor_done_decision done);
    /** May narrow what was granted, never widen it. May be NULL. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE issue_token)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                      const moor_identity *MOOR_NONNULL who, const moor_access *MOOR_NULLABLE granted,
                                      size_t ngranted, moor_str audience, int64_t ttl_ms, moor_done_token done);
    /** The keys that verify issued tokens, as JWKS. May be NULL. [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE verification_keys)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                            moor_done_buf done);
} moor_auth;

/* ================================================================================================ 7. notification sink
 */

#define MOOR_IF_SINK "moor.sink/1"

/** An event. Duplicates are normal; `event_id` is the key. */
typedef struct moor_event {
    uint32_t struct_size;
    uint32_t attempt; /**< 1: first delivery */
    moor_str event_id, action, ordering_key;
    uint64_t sequence;
    int64_t time_unix_ms;
    moor_str media_type;
    moor_bytes payload;
} moor_event;

/** What became of one event. Frozen. */
typedef struct moor_ack {
    uint32_t verdict; /**< MOOR_ACK*; anything else counts as MOOR_NACK_RETRY */
    moor_code code;
    int64_t retry_after_ms; /**< -1: no hint */
} moor_ack;
enum { MOOR_ACK = 1, MOOR_NACK_RETRY = 2, MOOR_NACK_DROP = 3 };
/** One verdict per event, same order; a missing one counts as MOOR_NACK_RETRY. Borrowed. */
typedef void (*MOOR_NONNULL moor_done_acks)(void *MOOR_NULLABLE done_ctx, const moor_error *MOOR_NULLABLE err,
                                            const moor_ack *MOOR_NULLABLE acks, size_t n) MOOR_SENDABLE;

/** A notification sink. */
typedef struct MOOR_SENDABLE moor_sink {
    uint32_t struct_size;
    uint32_t exec_flags;                                       /**< MOOR_EXEC_* */
    uint32_t max_batch_events, max_batch_bytes, max_in_flight; /**< 0: no limit */
    uint32_t flags;                                            /**< MOOR_SINK_* */
    void *MOOR_NULLABLE obj;
    /** Delivers a batch; events live until done. An error counts as MOOR_NACK_RETRY for all.
     *  [any-thread] [completes] [may-block] */
    void (*MOOR_NULLABLE deliver)(void *MOOR_NULLABLE obj, const moor_call *MOOR_NONNULL call,
                                  const moor_event *const MOOR_NULLABLE *MOOR_NONNULL events, size_t n,
                                  moor_done_acks done);
} moor_sink;
/** One batch per ordering_key in flight. */
#define MOOR_SINK_ORDERED (1u << 0)

/* ================================================================================================ 8. entry and layout
 */

/** The one symbol a plugin exports. Fills `out`; keeps `host`, which lives until teardown(). No I/O, no threads, under
 *  100 ms. MOOR_E_VERSION: this host lacks something the plugin can't do without. Called once per loaded file.
 *  [one-at-a-time] */
MOOR_EXPORT moor_code moor_plugin_entry(const moor_host *MOOR_NONNULL host, moor_plugin *MOOR_NONNULL out);

/** Whether a table offers a member: it lies inside struct_size and isn't NULL. */
#define MOOR_HAS(tbl, member)                                                                                          \
    ((tbl)->struct_size >= offsetof(__typeof__(*(tbl)), member) + sizeof((tbl)->member) && (tbl)->member)

#ifdef __cplusplus
#define MOOR_ASSERT(c) static_assert(c, #c)
#else
#define MOOR_ASSERT(c) _Static_assert(c, #c)
#endif
/** Frozen structs: their size. Sized tables: the offset of each member; they may only grow at the tail. */
#define MOOR_SIZE(type, bytes) MOOR_ASSERT(sizeof(type) == (bytes))
#define MOOR_AT(type, member, at) MOOR_ASSERT(offsetof(type, member) == (at))

/* clang-format off */
MOOR_ASSERT(sizeof(void *) == 8 && sizeof(size_t) == 8);
MOOR_SIZE(moor_str, 16);
MOOR_AT(moor_str, ptr, 0); MOOR_AT(moor_str, len, 8);
MOOR_SIZE(moor_bytes, 16);
MOOR_AT(moor_bytes, ptr, 0); MOOR_AT(moor_bytes, len, 8);
MOOR_SIZE(moor_buf, 32);
MOOR_AT(moor_buf, ptr, 0); MOOR_AT(moor_buf, len, 8); MOOR_AT(moor_buf, release, 16);
MOOR_AT(moor_buf, release_ctx, 24);
MOOR_SIZE(moor_kv, 32);
MOOR_AT(moor_kv, key, 0); MOOR_AT(moor_kv, value, 16);
MOOR_AT(moor_error, struct_size, 0); MOOR_AT(moor_error, code, 4); MOOR_AT(moor_error, flags, 8);
MOOR_AT(moor_error, os_errno, 12); MOOR_AT(moor_error, retry_after_ms, 16); MOOR_AT(moor_error, message, 24);
MOOR_AT(moor_error, vendor_code, 40); MOOR_AT(moor_error, details_json, 56);
MOOR_AT(moor_cancel, struct_size, 0); MOOR_AT(moor_cancel, obj, 8); MOOR_AT(moor_cancel, is_cancelled, 16);
MOOR_AT(moor_cancel, on_cancel, 24); MOOR_AT(moor_cancel, off_cancel, 32);
MOOR_AT(moor_call, struct_size, 0); MOOR_AT(moor_call, flags, 4); MOOR_AT(moor_call, deadline_ns, 8);
MOOR_AT(moor_call, cancel, 16); MOOR_AT(moor_call, request_id, 24); MOOR_AT(moor_call, trace_parent, 40);
MOOR_AT(moor_call, done_ctx, 56);
MOOR_AT(moor_host, struct_size, 0); MOOR_AT(moor_host, abi_rev, 4); MOOR_AT(moor_host, product, 8);
MOOR_AT(moor_host, version, 24); MOOR_AT(moor_host, obj, 40); MOOR_AT(moor_host, get_service, 48);
MOOR_AT(moor_svc_log, struct_size, 0); MOOR_AT(moor_svc_log, min_level, 4); MOOR_AT(moor_svc_log, obj, 8);
MOOR_AT(moor_svc_log, write, 16);
MOOR_AT(moor_svc_metrics, struct_size, 0); MOOR_AT(moor_svc_metrics, obj, 8);
MOOR_AT(moor_svc_metrics, define, 16); MOOR_AT(moor_svc_metrics, record, 24);
MOOR_AT(moor_svc_exec, struct_size, 0); MOOR_AT(moor_svc_exec, obj, 8); MOOR_AT(moor_svc_exec, submit, 16);
MOOR_AT(moor_svc_timer, struct_size, 0); MOOR_AT(moor_svc_timer, obj, 8); MOOR_AT(moor_svc_timer, after, 16);
MOOR_AT(moor_svc_timer, stop_timer, 24);
MOOR_AT(moor_svc_secret, struct_size, 0); MOOR_AT(moor_svc_secret, obj, 8); MOOR_AT(moor_svc_secret, resolve, 16);
MOOR_AT(moor_svc_secret, watch, 24); MOOR_AT(moor_svc_secret, unwatch, 32);
MOOR_AT(moor_plugin, struct_size, 0); MOOR_AT(moor_plugin, abi_rev, 4); MOOR_AT(moor_plugin, info_json, 8);
MOOR_AT(moor_plugin, obj, 24); MOOR_AT(moor_plugin, get_interface, 32); MOOR_AT(moor_plugin, teardown, 40);
MOOR_AT(moor_instance, struct_size, 0); MOOR_AT(moor_instance, exec_flags, 4);
MOOR_AT(moor_instance, max_concurrency, 8); MOOR_AT(moor_instance, obj, 16);
MOOR_AT(moor_instance, get_interface, 24); MOOR_AT(moor_instance, start, 32);
MOOR_AT(moor_instance, reconfigure, 40); MOOR_AT(moor_instance, health, 48); MOOR_AT(moor_instance, drain, 56);
MOOR_AT(moor_instance, stop, 64); MOOR_AT(moor_instance, destroy, 72);
MOOR_AT(moor_factory, struct_size, 0); MOOR_AT(moor_factory, exec_flags, 4); MOOR_AT(moor_factory, obj, 8);
MOOR_AT(moor_factory, validate, 16); MOOR_AT(moor_factory, config_schema, 24); MOOR_AT(moor_factory, create, 32);
MOOR_SIZE(moor_precond, 24);
MOOR_AT(moor_precond, flags, 0); MOOR_AT(moor_precond, etag, 8);
MOOR_AT(moor_stat, struct_size, 0); MOOR_AT(moor_stat, kind, 4); MOOR_AT(moor_stat, size, 8);
MOOR_AT(moor_stat, mtime_ns, 16); MOOR_AT(moor_stat, path, 24); MOOR_AT(moor_stat, etag, 40);
MOOR_AT(moor_stat, checksum, 56);
MOOR_AT(moor_page, struct_size, 0); MOOR_AT(moor_page, flags, 4); MOOR_AT(moor_page, entries, 8);
MOOR_AT(moor_page, nentries, 16); MOOR_AT(moor_page, next_token, 24);
MOOR_AT(moor_reader, struct_size, 0); MOOR_AT(moor_reader, flags, 4); MOOR_AT(moor_reader, object_size, 8);
MOOR_AT(moor_reader, offset, 16); MOOR_AT(moor_reader, length, 24); MOOR_AT(moor_reader, fd, 32);
MOOR_AT(moor_reader, fd_offset, 40); MOOR_AT(moor_reader, etag, 48); MOOR_AT(moor_reader, obj, 64);
MOOR_AT(moor_reader, read_next, 72); MOOR_AT(moor_reader, close_reader, 80);
MOOR_AT(moor_writer, struct_size, 0); MOOR_AT(moor_writer, flags, 4); MOOR_AT(moor_writer, durable_offset, 8);
MOOR_AT(moor_writer, min_chunk, 16); MOOR_AT(moor_writer, preferred_chunk, 20);
MOOR_AT(moor_writer, resume_token, 24); MOOR_AT(moor_writer, obj, 40); MOOR_AT(moor_writer, write, 48);
MOOR_AT(moor_writer, write_fd, 56); MOOR_AT(moor_writer, sync_writer, 64); MOOR_AT(moor_writer, commit, 72);
MOOR_AT(moor_writer, cancel_writer, 80); MOOR_AT(moor_writer, close_writer, 88);
MOOR_SIZE(moor_item_result, 48);
MOOR_AT(moor_item_result, code, 0); MOOR_AT(moor_item_result, flags, 4);
MOOR_AT(moor_item_result, retry_after_ms, 8); MOOR_AT(moor_item_result, message, 16);
MOOR_AT(moor_item_result, vendor_code, 32);
MOOR_AT(moor_redirect_req, struct_size, 0); MOOR_AT(moor_redirect_req, method, 4);
MOOR_AT(moor_redirect_req, path, 8); MOOR_AT(moor_redirect_req, client_addr, 24);
MOOR_AT(moor_redirect_req, user_agent, 40); MOOR_AT(moor_redirect_req, content_type, 56);
MOOR_AT(moor_redirect_req, content_disposition, 72); MOOR_AT(moor_redirect_req, ttl_ms, 88);
MOOR_AT(moor_redirect_req, range_offset, 96); MOOR_AT(moor_redirect_req, range_length, 104);
MOOR_AT(moor_storage, struct_size, 0); MOOR_AT(moor_storage, exec_flags, 4); MOOR_AT(moor_storage, caps, 8);
MOOR_AT(moor_storage, blocking_ops, 16); MOOR_AT(moor_storage, max_key_len, 24);
MOOR_AT(moor_storage, max_list_page, 28); MOOR_AT(moor_storage, obj, 32); MOOR_AT(moor_storage, get_content, 40);
MOOR_AT(moor_storage, put_content, 48); MOOR_AT(moor_storage, open_reader, 56);
MOOR_AT(moor_storage, open_writer, 64); MOOR_AT(moor_storage, stat_path, 72); MOOR_AT(moor_storage, list_page, 80);
MOOR_AT(moor_storage, move_path, 88); MOOR_AT(moor_storage, remove_path, 96);
MOOR_AT(moor_storage, redirect_url, 104); MOOR_AT(moor_storage, walk_page, 112);
MOOR_AT(moor_storage, copy_path, 120); MOOR_AT(moor_storage, remove_batch, 128);
MOOR_AT(moor_storage, checksum_path, 136);
MOOR_AT(moor_middleware, struct_size, 0); MOOR_AT(moor_middleware, flags, 4); MOOR_AT(moor_middleware, obj, 8);
MOOR_AT(moor_middleware, wrap, 16);
MOOR_AT(moor_credential, struct_size, 0); MOOR_AT(moor_credential, kind, 4); MOOR_AT(moor_credential, username, 8);
MOOR_AT(moor_credential, secret, 24); MOOR_AT(moor_credential, cert_chain_der, 40);
MOOR_AT(moor_credential, client_addr, 56); MOOR_AT(moor_credential, audience, 72);
MOOR_AT(moor_identity, struct_size, 0); MOOR_AT(moor_identity, flags, 4); MOOR_AT(moor_identity, subject, 8);
MOOR_AT(moor_identity, tenant, 24); MOOR_AT(moor_identity, groups, 40); MOOR_AT(moor_identity, ngroups, 48);
MOOR_AT(moor_identity, expires_unix_ms, 56); MOOR_AT(moor_identity, cache_ttl_ms, 64);
MOOR_AT(moor_identity, claims_json, 72);
MOOR_SIZE(moor_access, 48);
MOOR_AT(moor_access, resource_class, 0); MOOR_AT(moor_access, resource_name, 16);
MOOR_AT(moor_access, actions, 32); MOOR_AT(moor_access, nactions, 40);
MOOR_SIZE(moor_grant, 16);
MOOR_AT(moor_grant, action_mask, 0); MOOR_AT(moor_grant, reason, 8);
MOOR_AT(moor_decision, struct_size, 0); MOOR_AT(moor_decision, flags, 4); MOOR_AT(moor_decision, grants, 8);
MOOR_AT(moor_decision, ngrants, 16); MOOR_AT(moor_decision, cache_ttl_ms, 24);
MOOR_AT(moor_decision, challenge_scheme, 32); MOOR_AT(moor_decision, challenge_params, 48);
MOOR_AT(moor_decision, nparams, 56);
MOOR_AT(moor_token, struct_size, 0); MOOR_AT(moor_token, flags, 4); MOOR_AT(moor_token, token, 8);
MOOR_AT(moor_token, refresh_token, 40); MOOR_AT(moor_token, issued_unix_ms, 72);
MOOR_AT(moor_token, expires_unix_ms, 80);
MOOR_AT(moor_auth, struct_size, 0); MOOR_AT(moor_auth, exec_flags, 4); MOOR_AT(moor_auth, caps, 8);
MOOR_AT(moor_auth, obj, 16); MOOR_AT(moor_auth, authenticate, 24); MOOR_AT(moor_auth, authorize, 32);
MOOR_AT(moor_auth, issue_token, 40); MOOR_AT(moor_auth, verification_keys, 48);
MOOR_AT(moor_event, struct_size, 0); MOOR_AT(moor_event, attempt, 4); MOOR_AT(moor_event, event_id, 8);
MOOR_AT(moor_event, action, 24); MOOR_AT(moor_event, ordering_key, 40); MOOR_AT(moor_event, sequence, 56);
MOOR_AT(moor_event, time_unix_ms, 64); MOOR_AT(moor_event, media_type, 72); MOOR_AT(moor_event, payload, 88);
MOOR_SIZE(moor_ack, 16);
MOOR_AT(moor_ack, verdict, 0); MOOR_AT(moor_ack, code, 4); MOOR_AT(moor_ack, retry_after_ms, 8);
MOOR_AT(moor_sink, struct_size, 0); MOOR_AT(moor_sink, exec_flags, 4); MOOR_AT(moor_sink, max_batch_events, 8);
MOOR_AT(moor_sink, max_batch_bytes, 12); MOOR_AT(moor_sink, max_in_flight, 16); MOOR_AT(moor_sink, flags, 20);
MOOR_AT(moor_sink, obj, 24); MOOR_AT(moor_sink, deliver, 32);
/* clang-format on */

#ifdef __cplusplus
}
#endif
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
#endif /* MOORING_PLUGIN_H */
