// libcurl, loaded when it is first needed.
//
// If it were linked, every start of the program would load thirty other libraries (14 ms; a query on the command line takes
// 35). Its interface and that of libcurl.so.4 have been stable since 2006: https://curl.se/libcurl/abi.html. Functions have
// libcurl's names with another prefix, and those that take any type have one name for each type here, since Swift calls no
// variadic function.
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/// Loads the library, once; returns whether it was found. Call nothing else before.
int libcurl_load(void);

/// Makes a handle that uses HTTP/1.1 with the server of its URL and nothing else: no other protocol, redirect, proxy, login or
/// cookie. Certificates are verified, signals are not touched, and child processes do not inherit sockets. NULL: no memory.
CURL *libcurl_easy_init(void);
void libcurl_easy_cleanup(CURL *handle);
CURLcode libcurl_easy_pause(CURL *handle, int bits);
const char *libcurl_easy_strerror(CURLcode code);

CURLcode libcurl_set_long(CURL *handle, CURLoption option, long value);
CURLcode libcurl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
/// The text is copied; NULL: the option's default, or nothing.
CURLcode libcurl_set_text(CURL *handle, CURLoption option, const char *value);
/// The pointed-to memory is not copied.
CURLcode libcurl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode libcurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode libcurl_set_callback(
    CURL *handle, CURLoption option, size_t (*callback)(char *bytes, size_t size, size_t count, void *context));
CURLcode libcurl_get_long(CURL *handle, CURLINFO info, long *value);
CURLcode libcurl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value);

/// Returns the list with one more text, or NULL if there is no memory; then the list is unchanged.
struct curl_slist *libcurl_slist_append(struct curl_slist *list, const char *text);
void libcurl_slist_free_all(struct curl_slist *list);

CURLM *libcurl_multi_init(void);
void libcurl_multi_cleanup(CURLM *multi);
CURLMcode libcurl_multi_set_long(CURLM *multi, CURLMoption option, long value);
CURLMcode libcurl_multi_add_handle(CURLM *multi, CURL *handle);
CURLMcode libcurl_multi_remove_handle(CURLM *multi, CURL *handle);
CURLMcode libcurl_multi_perform(CURLM *multi);
/// Waits until there is something to do, `libcurl_multi_wakeup` was called, or some milliseconds have passed.
CURLMcode libcurl_multi_poll(CURLM *multi, int milliseconds);
/// May be called from any thread.
CURLMcode libcurl_multi_wakeup(CURLM *multi);
/// Returns a finished handle and its result; NULL if there is none.
CURL *libcurl_multi_take_done(CURLM *multi, CURLcode *code);
