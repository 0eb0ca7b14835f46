/* libcurl's functions, which load it where the first of them is called. */
#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION

#include "late.h"

#include <curl/curl.h>
#include <stdarg.h>

static struct late libcurl = LATE("libcurl", LIBCURL_SONAME);

#define REAL(name) LATE_FUNCTION(&libcurl, name)

/* What follows the options: one argument, a pointer, a long or a curl_off_t, of one size all. */
_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *),
               "an option's argument fits into a pointer");

#define PASS_ARGUMENT(name, handle, option)                                                        \
    va_list arguments;                                                                             \
    va_start(arguments, option);                                                                   \
    void *argument = va_arg(arguments, void *);                                                    \
    va_end(arguments);                                                                             \
    return REAL(name)(handle, option, argument)

CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
    PASS_ARGUMENT(curl_easy_setopt, handle, option);
}

CURLcode curl_easy_getinfo(CURL *handle, CURLINFO info, ...)
{
    PASS_ARGUMENT(curl_easy_getinfo, handle, info);
}

CURLSHcode curl_share_setopt(CURLSH *share, CURLSHoption option, ...)
{
    PASS_ARGUMENT(curl_share_setopt, share, option);
}

CURLcode curl_global_init(long flags)
{
    return REAL(curl_global_init)(flags);
}

void curl_global_cleanup(void)
{
    REAL(curl_global_cleanup)();
}

CURL *curl_easy_init(void)
{
    return REAL(curl_easy_init)();
}

void curl_easy_cleanup(CURL *handle)
{
    REAL(curl_easy_cleanup)(handle);
}

void curl_easy_reset(CURL *handle)
{
    REAL(curl_easy_reset)(handle);
}

CURLcode curl_easy_perform(CURL *handle)
{
    return REAL(curl_easy_perform)(handle);
}

const char *curl_easy_strerror(CURLcode code)
{
    return REAL(curl_easy_strerror)(code);
}

CURLHcode curl_easy_header(CURL *handle, const char *name, size_t index, unsigned origin,
                           int request, struct curl_header **header)
{
    return REAL(curl_easy_header)(handle, name, index, origin, request, header);
}

void curl_free(void *memory)
{
    REAL(curl_free)(memory);
}

time_t curl_getdate(const char *text, const time_t *unused)
{
    return REAL(curl_getdate)(text, unused);
}

CURLM *curl_multi_init(void)
{
    return REAL(curl_multi_init)();
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
    return REAL(curl_multi_cleanup)(multi);
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    PASS_ARGUMENT(curl_multi_setopt, multi, option);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle)
{
    return REAL(curl_multi_add_handle)(multi, handle);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle)
{
    return REAL(curl_multi_remove_handle)(multi, handle);
}

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int events, int *running)
{
    return REAL(curl_multi_socket_action)(multi, fd, events, running);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
    return REAL(curl_multi_perform)(multi, running);
}

CURLMcode curl_multi_wait(CURLM *multi, struct curl_waitfd *extra, unsigned count, int milliseconds,
                          int *events)
{
    return REAL(curl_multi_wait)(multi, extra, count, milliseconds, events);
}

CURLMcode curl_multi_timeout(CURLM *multi, long *milliseconds)
{
    return REAL(curl_multi_timeout)(multi, milliseconds);
}

CURLMcode curl_multi_fdset(CURLM *multi, fd_set *reads, fd_set *writes, fd_set *exceptions,
                           int *most)
{
    return REAL(curl_multi_fdset)(multi, reads, writes, exceptions, most);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
    return REAL(curl_multi_info_read)(multi, left);
}

CURLSH *curl_share_init(void)
{
    return REAL(curl_share_init)();
}

CURLSHcode curl_share_cleanup(CURLSH *share)
{
    return REAL(curl_share_cleanup)(share);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return REAL(curl_slist_append)(list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
    REAL(curl_slist_free_all)(list);
}

CURLU *curl_url(void)
{
    return REAL(curl_url)();
}

void curl_url_cleanup(CURLU *url)
{
    REAL(curl_url_cleanup)(url);
}

/* It takes a CURLU or a const one, by libcurl's version: so it has another name in C. */
CURLUcode url_get(CURLU *url, CURLUPart part, char **text, unsigned flags) __asm__("curl_url_get");
CURLUcode url_get(CURLU *url, CURLUPart part, char **text, unsigned flags)
{
    return REAL(curl_url_get)(url, part, text, flags);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
    return REAL(curl_url_set)(url, part, text, flags);
}

const char *curl_url_strerror(CURLUcode code)
{
    return REAL(curl_url_strerror)(code);
}

curl_version_info_data *curl_version_info(CURLversion version)
{
    return REAL(curl_version_info)(version);
}

char *curl_version(void)
{
    return REAL(curl_version)();
}
