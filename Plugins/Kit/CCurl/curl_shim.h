/* curl_shim.h - libcurl's variadic setters, which Swift can't call, as functions of one type each. */
#ifndef MOORING_CURL_SHIM_H
#define MOORING_CURL_SHIM_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__clang__)
#define SHIM_SENDABLE __attribute__((swift_attr("@Sendable")))
#else
#define SHIM_SENDABLE
#endif

typedef size_t (*shim_transfer_fn)(char *_Nullable bytes, size_t size, size_t count,
                                   void *_Nullable context) SHIM_SENDABLE;
typedef int (*shim_seek_fn)(void *_Nullable context, curl_off_t offset, int origin) SHIM_SENDABLE;
typedef int (*shim_prereq_fn)(void *_Nullable context, char *_Nullable remote, char *_Nullable local, int remote_port,
                              int local_port) SHIM_SENDABLE;
typedef int (*shim_close_fn)(void *_Nullable context, curl_socket_t socket) SHIM_SENDABLE;
typedef curl_socket_t (*shim_open_fn)(void *_Nullable context, curlsocktype purpose,
                                      struct curl_sockaddr *_Nullable address) SHIM_SENDABLE;

static inline CURLcode shim_set_long(CURL *_Nonnull easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode shim_set_offset(CURL *_Nonnull easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
/** The text is copied. */
static inline CURLcode shim_set_text(CURL *_Nonnull easy, CURLoption option, const char *_Nullable value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode shim_set_pointer(CURL *_Nonnull easy, CURLoption option, void *_Nullable value) {
    return curl_easy_setopt(easy, option, value);
}
/** The list isn't copied. */
static inline CURLcode shim_set_list(CURL *_Nonnull easy, CURLoption option, struct curl_slist *_Nullable list) {
    return curl_easy_setopt(easy, option, list);
}
static inline CURLcode shim_set_transfer(CURL *_Nonnull easy, CURLoption option, shim_transfer_fn _Nullable function) {
    return curl_easy_setopt(easy, option, function);
}
static inline CURLcode shim_set_seek(CURL *_Nonnull easy, shim_seek_fn _Nullable function) {
    return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
}
static inline CURLcode shim_set_prereq(CURL *_Nonnull easy, shim_prereq_fn _Nullable function) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
}
static inline CURLcode shim_set_open(CURL *_Nonnull easy, shim_open_fn _Nullable function) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, function);
}
static inline CURLcode shim_set_close(CURL *_Nonnull easy, shim_close_fn _Nullable function) {
    return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, function);
}

static inline long shim_get_long(CURL *_Nonnull easy, CURLINFO info) {
    long value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}

static inline CURLMcode shim_multi_set_long(CURLM *_Nonnull multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

/** Lets the transfers of one thread share TLS sessions; so no locks. */
static inline CURLSHcode shim_share_sessions(CURLSH *_Nonnull share) {
    return curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

/** The result of a transfer that `curl_multi_info_read` reported; 0 if the message says something else. */
static inline int shim_finished(const CURLMsg *_Nonnull message, CURLcode *_Nonnull result) {
    if (message->msg != CURLMSG_DONE)
        return 0;
    *result = message->data.result;
    return 1;
}

/** A socket that no child process inherits. */
static inline curl_socket_t shim_socket(const struct curl_sockaddr *_Nonnull address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/** Names the calling thread; at most 15 bytes. */
static inline void shim_name_thread(const char *_Nonnull name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

#ifdef __cplusplus
}
#endif
#endif /* MOORING_CURL_SHIM_H */
