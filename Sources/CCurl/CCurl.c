#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // for SOCK_CLOEXEC
#endif
#include "CCurl.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>

// Options that were renamed in 7.85; older releases don't have the new names.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

// F(returned type, libcurl's name without its prefix, parameters)
#define FUNCTIONS(F)                                                                                                          \
    F(CURLcode, global_init, (long flags))                                                                                    \
    F(CURL *, easy_init, (void))                                                                                              \
    F(void, easy_cleanup, (CURL * handle))                                                                                    \
    F(CURLcode, easy_setopt, (CURL * handle, CURLoption option, ...))                                                         \
    F(CURLcode, easy_getinfo, (CURL * handle, CURLINFO info, ...))                                                            \
    F(CURLcode, easy_pause, (CURL * handle, int bits))                                                                        \
    F(const char *, easy_strerror, (CURLcode code))                                                                           \
    F(struct curl_slist *, slist_append, (struct curl_slist * list, const char *text))                                        \
    F(void, slist_free_all, (struct curl_slist * list))                                                                       \
    F(CURLM *, multi_init, (void))                                                                                            \
    F(CURLMcode, multi_cleanup, (CURLM * multi))                                                                              \
    F(CURLMcode, multi_setopt, (CURLM * multi, CURLMoption option, ...))                                                      \
    F(CURLMcode, multi_add_handle, (CURLM * multi, CURL * handle))                                                            \
    F(CURLMcode, multi_remove_handle, (CURLM * multi, CURL * handle))                                                         \
    F(CURLMcode, multi_perform, (CURLM * multi, int *running))                                                                \
    F(CURLMcode, multi_poll, (CURLM * multi, struct curl_waitfd * others, unsigned int count, int milliseconds, int *ready))   \
    F(CURLMcode, multi_wakeup, (CURLM * multi))                                                                               \
    F(CURLMsg *, multi_info_read, (CURLM * multi, int *left))

#define FIELD(type, name, parameters) type(*name) parameters;
static struct {
    FUNCTIONS(FIELD)
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_loaded = 0;

static void load(void) {
    // The last two are Debian's builds with another TLS library, which have the same interface.
    static const char *const names[] = {"libcurl.so.4", "libcurl.4.dylib", "libcurl-gnutls.so.4", "libcurl.so"};
    void *handle = NULL;
    for (size_t index = 0; handle == NULL && index < sizeof names / sizeof *names; index++) {
        handle = dlopen(names[index], RTLD_NOW | RTLD_LOCAL);
    }
    if (handle == NULL) return;
#define LOOK_UP(type, name, parameters)                                                                                       \
    if ((library.name = (type(*) parameters)dlsym(handle, "curl_" #name)) == NULL) return;
    FUNCTIONS(LOOK_UP)
    is_loaded = library.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int libcurl_load(void) {
    pthread_once(&once, load);
    return is_loaded;
}

// MARK: Handles

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context, (void)purpose;
#ifdef SOCK_CLOEXEC
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
#else
    int descriptor = socket(address->family, address->socktype, address->protocol);
    if (descriptor >= 0) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return descriptor;
#endif
}

// A body is never sent twice: it is unknown what a server has done with the first one.
static int refuse_seek(void *context, curl_off_t offset, int origin) {
    (void)context, (void)offset, (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static int set_up(CURL *handle) {
    CURLcode (*set)(CURL *, CURLoption, ...) = library.easy_setopt;
    long http = CURLPROTO_HTTP | CURLPROTO_HTTPS;
    int is_set = set(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && set(handle, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
        && set(handle, CURLOPT_PROTOCOLS, http) == CURLE_OK
        // Empty: no proxy, whatever the environment says.
        && set(handle, CURLOPT_PROXY, "") == CURLE_OK && set(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK
        && set(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK
        && set(handle, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK && set(handle, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK
        && set(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK
        // The target that was signed.
        && set(handle, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK && set(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK
        && set(handle, CURLOPT_SEEKFUNCTION, refuse_seek) == CURLE_OK;
    // Options that older releases don't support only make them slower.
    set(handle, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    set(handle, CURLOPT_BUFFERSIZE, 256L << 10);
    set(handle, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
#if LIBCURL_VERSION_NUM >= 0x075700
    // A cancelled request does not wait for a slow lookup.
    set(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
    return is_set;
}

CURL *libcurl_easy_init(void) {
    CURL *handle = library.easy_init();
    if (handle == NULL || set_up(handle)) return handle;
    library.easy_cleanup(handle);
    return NULL;
}

void libcurl_easy_cleanup(CURL *handle) { library.easy_cleanup(handle); }
CURLcode libcurl_easy_pause(CURL *handle, int bits) { return library.easy_pause(handle, bits); }
const char *libcurl_easy_strerror(CURLcode code) { return library.easy_strerror(code); }

CURLcode libcurl_set_long(CURL *handle, CURLoption option, long value) { return library.easy_setopt(handle, option, value); }

CURLcode libcurl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return library.easy_setopt(handle, option, value);
}

CURLcode libcurl_set_text(CURL *handle, CURLoption option, const char *value) {
    return library.easy_setopt(handle, option, value);
}

CURLcode libcurl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return library.easy_setopt(handle, option, value);
}

CURLcode libcurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return library.easy_setopt(handle, option, value);
}

CURLcode libcurl_set_callback(
    CURL *handle, CURLoption option, size_t (*callback)(char *bytes, size_t size, size_t count, void *context)) {
    return library.easy_setopt(handle, option, callback);
}

CURLcode libcurl_get_long(CURL *handle, CURLINFO info, long *value) { return library.easy_getinfo(handle, info, value); }

CURLcode libcurl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return library.easy_getinfo(handle, info, value);
}

struct curl_slist *libcurl_slist_append(struct curl_slist *list, const char *text) { return library.slist_append(list, text); }
void libcurl_slist_free_all(struct curl_slist *list) { library.slist_free_all(list); }

// MARK: Concurrent transfers

CURLM *libcurl_multi_init(void) { return library.multi_init(); }
void libcurl_multi_cleanup(CURLM *multi) { library.multi_cleanup(multi); }

CURLMcode libcurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return library.multi_setopt(multi, option, value);
}

CURLMcode libcurl_multi_add_handle(CURLM *multi, CURL *handle) { return library.multi_add_handle(multi, handle); }
CURLMcode libcurl_multi_remove_handle(CURLM *multi, CURL *handle) { return library.multi_remove_handle(multi, handle); }

CURLMcode libcurl_multi_perform(CURLM *multi) {
    int running;
    return library.multi_perform(multi, &running);
}

CURLMcode libcurl_multi_poll(CURLM *multi, int milliseconds) {
    return library.multi_poll(multi, NULL, 0, milliseconds, NULL);
}

CURLMcode libcurl_multi_wakeup(CURLM *multi) { return library.multi_wakeup(multi); }

CURL *libcurl_multi_take_done(CURLM *multi, CURLcode *code) {
    int left;
    for (CURLMsg *message; (message = library.multi_info_read(multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) continue;
        *code = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}
