#include "fetch/wire.h"

#include "fetch/body.h"
#include "fetch/carrier.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A name that was looked up is good for so long: a list is soon worked off. */
#define NAMES_SECONDS 3600L

static long milliseconds(ovl_time ns)
{
    return (long)(ns / OVL_MILLISECOND);
}

/* --- what all share --- */

static void lock(CURL *handle, curl_lock_data data, curl_lock_access access, void *context)
{
    pthread_mutex_t *mutexes = context;
    (void)handle, (void)access;
    pthread_mutex_lock(&mutexes[data]);
}

static void unlock(CURL *handle, curl_lock_data data, void *context)
{
    pthread_mutex_t *mutexes = context;
    (void)handle;
    pthread_mutex_unlock(&mutexes[data]);
}

/* Under async one thread runs all, and libcurl never waits while it holds a lock. */
static int share_locks(struct transfer_context *context, CURLSH *share)
{
    pthread_mutex_t *mutexes = calloc(CURL_LOCK_DATA_LAST, sizeof(pthread_mutex_t));
    if (!mutexes)
        return -ENOMEM;
    for (int n = 0; n < CURL_LOCK_DATA_LAST; n++)
        pthread_mutex_init(&mutexes[n], NULL);
    curl_share_setopt(share, CURLSHOPT_LOCKFUNC, lock);
    curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock);
    curl_share_setopt(share, CURLSHOPT_USERDATA, mutexes);
    context->locks = mutexes;
    return 0;
}

static struct curl_slist *make_list(const struct words *words)
{
    struct curl_slist *list = NULL;
    for (size_t n = 0; n < words->count; n++) {
        struct curl_slist *more = curl_slist_append(list, words->list[n]);
        if (!more) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = more;
    }
    return list;
}

static bool wants_cookies(const struct settings *settings)
{
    return settings->cookie_jar || settings->cookies.count > 0;
}

/* Transfers of one thread go together, unless a limit of the rate makes some of them wait. */
static bool may_share(const struct transfer_context *context)
{
    const struct settings *settings = context->settings;
    return context->model == OVL_ASYNC && !settings->rate_each && !settings->rate_total &&
           settings->http >= CURL_HTTP_VERSION_2_0;
}

bool wire_shares(const struct transfer_context *context, const char *url)
{
    bool known = context->settings->http == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    return context->carrier && (known || strncasecmp(url, "https:", 6) == 0);
}

int transfer_context_init(struct transfer_context *context)
{
    const struct settings *settings = context->settings;
    context->headers = make_list(&settings->headers);
    context->resolve = make_list(&settings->resolve);
    context->connect_to = make_list(&settings->connect_to);
    CURLSH *share = curl_share_init();
    if (!share || (!context->headers && settings->headers.count > 0))
        return -ENOMEM;
    context->share = share;
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    if (wants_cookies(settings))
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    if (context->model == OVL_THREADS)
        return share_locks(context, share);
    return may_share(context) ? carrier_new(&context->carrier) : 0;
}

void transfer_context_release(struct transfer_context *context)
{
    carrier_free(context->carrier);
    if (context->share)
        curl_share_cleanup(context->share);
    curl_slist_free_all(context->headers);
    curl_slist_free_all(context->resolve);
    curl_slist_free_all(context->connect_to);
    free(context->locks);
}

/* --- of all transfers --- */

static void set_limits(CURL *handle, const struct settings *settings)
{
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings->connect_ns));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, milliseconds(settings->total_ns));
    if (settings->stall_rate) {
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)settings->stall_rate);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)(settings->stall_ns / OVL_SECOND));
    }
    curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)settings->size_most);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, settings->location ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, (long)settings->redirects_most);
    curl_easy_setopt(handle, CURLOPT_DEFAULT_PROTOCOL, "http");
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
}

static void set_text(CURL *handle, CURLoption option, const char *text)
{
    if (text)
        curl_easy_setopt(handle, option, text);
}

static void set_tls(CURL *handle, const struct settings *settings)
{
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, settings->insecure ? 0L : 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, settings->insecure ? 0L : 2L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)settings->tls_least);
    set_text(handle, CURLOPT_CAINFO, settings->ca_file);
    set_text(handle, CURLOPT_CAPATH, settings->ca_path);
    set_text(handle, CURLOPT_SSLCERT, settings->certificate);
    set_text(handle, CURLOPT_SSLCERTTYPE, settings->certificate_type);
    set_text(handle, CURLOPT_SSLKEY, settings->key);
    set_text(handle, CURLOPT_SSLKEYTYPE, settings->key_type);
    set_text(handle, CURLOPT_KEYPASSWD, settings->key_password);
    set_text(handle, CURLOPT_SSL_CIPHER_LIST, settings->ciphers);
    set_text(handle, CURLOPT_TLS13_CIPHERS, settings->ciphers_13);
    set_text(handle, CURLOPT_PINNEDPUBLICKEY, settings->pinned_key);
}

static bool may_have_proxy(const struct settings *settings)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};
    bool named = settings->proxy;
    for (size_t n = 0; n < sizeof names / sizeof *names && !named; n++)
        named = getenv(names[n]);
    return named;
}

/* Where there is no proxy, libcurl need not look for one before each transfer. */
static void set_way(CURL *handle, const struct transfer_context *context)
{
    const struct settings *settings = context->settings;
    set_text(handle, CURLOPT_PROXY, settings->proxy);
    set_text(handle, CURLOPT_NOPROXY, may_have_proxy(settings) ? settings->no_proxy : "*");
    set_text(handle, CURLOPT_PROXYUSERPWD, settings->proxy_user);
    set_text(handle, CURLOPT_INTERFACE, settings->interface);
    set_text(handle, CURLOPT_UNIX_SOCKET_PATH, settings->unix_socket);
    curl_easy_setopt(handle, CURLOPT_IPRESOLVE, (long)settings->family);
    curl_easy_setopt(handle, CURLOPT_DNS_CACHE_TIMEOUT, NAMES_SECONDS);
    if (context->resolve)
        curl_easy_setopt(handle, CURLOPT_RESOLVE, context->resolve);
    if (context->connect_to)
        curl_easy_setopt(handle, CURLOPT_CONNECT_TO, context->connect_to);
}

/* As curl's -b: with a '=' it is cookies, and otherwise a file of them. */
static void set_cookies(CURL *handle, const struct settings *settings)
{
    for (size_t n = 0; n < settings->cookies.count; n++) {
        const char *word = settings->cookies.list[n];
        curl_easy_setopt(handle, strchr(word, '=') ? CURLOPT_COOKIE : CURLOPT_COOKIEFILE, word);
    }
    if (settings->cookie_jar) {
        curl_easy_setopt(handle, CURLOPT_COOKIEFILE, "");
        curl_easy_setopt(handle, CURLOPT_COOKIEJAR, settings->cookie_jar);
    }
}

static void set_identity(CURL *handle, const struct settings *settings)
{
    curl_easy_setopt(handle, CURLOPT_USERAGENT,
                     settings->user_agent ? settings->user_agent : "overlap/" OVL_VERSION);
    set_text(handle, CURLOPT_REFERER, settings->referer);
    set_text(handle, CURLOPT_USERPWD, settings->user);
    if (settings->authentication)
        curl_easy_setopt(handle, CURLOPT_HTTPAUTH, (long)settings->authentication);
    if (settings->bearer) {
        curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(handle, CURLOPT_XOAUTH2_BEARER, settings->bearer);
    }
    if (settings->netrc || settings->netrc_optional || settings->netrc_file)
        curl_easy_setopt(handle, CURLOPT_NETRC,
                         settings->netrc_optional ? CURL_NETRC_OPTIONAL : CURL_NETRC_REQUIRED);
    set_text(handle, CURLOPT_NETRC_FILE, settings->netrc_file);
}

void wire_set_all(CURL *handle, const struct transfer_context *context)
{
    const struct settings *settings = context->settings;
    set_limits(handle, settings);
    set_tls(handle, settings);
    set_way(handle, context);
    set_cookies(handle, settings);
    set_identity(handle, settings);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)settings->http);
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, (long)context->buffer_bytes);
    curl_easy_setopt(handle, CURLOPT_SHARE, context->share);
    if (context->headers)
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, context->headers);
    if (settings->compressed)
        curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
}

/* --- of one request --- */

bool wire_is_special(const struct order *order)
{
    return order->head || order->own_headers || order->conditional || order->resume ||
           order->method || order->data || order->agent || order->referer;
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);
    if (more)
        *list = more;
    return more;
}

static bool append_pair(struct curl_slist **list, const char *name, const char *value)
{
    char *line;
    if (!value)
        return true;
    if (asprintf(&line, "%s: %s", name, value) < 0)
        return false;
    bool good = append(list, line);
    free(line);
    return good;
}

static bool append_lines(struct curl_slist **list, const char *lines)
{
    bool good = true;
    char *copy = strdup(lines);
    char *rest = copy;
    for (char *line; copy && good && (line = strsep(&rest, "\n"));)
        good = !*line || append(list, line);
    free(copy);
    return copy && good;
}

/* If-Range wants a mark that changes with every byte: a weak ETag is none. */
static bool append_marks(struct curl_slist **list, const struct order *order)
{
    const char *etag = block_text(order, order->etag);
    const char *modified = block_text(order, order->modified);
    if (order->conditional)
        return append_pair(list, "If-None-Match", etag) &&
               (etag || append_pair(list, "If-Modified-Since", modified));
    if (order->resume)
        return append_pair(list, "If-Range", etag && *etag == '"' ? etag : modified);
    return true;
}

static bool make_headers(const struct transfer_context *context, const struct order *order,
                         struct curl_slist **list)
{
    const struct words *words = &context->settings->headers;
    bool good = true;
    for (size_t n = 0; n < words->count && good; n++)
        good = append(list, words->list[n]);
    if (order->headers)
        good = good && append_lines(list, block_text(order, order->headers));
    return good && append_marks(list, order);
}

bool wire_set_request(CURL *handle, const struct transfer_context *context,
                      const struct order *order, struct curl_slist **ret_headers)
{
    const struct settings *settings = context->settings;
    const char *data = block_text(order, order->data);
    const char *agent = block_text(order, order->agent);
    const char *referer = block_text(order, order->referer);
    char range[32];
    if (!make_headers(context, order, ret_headers))
        return false;
    snprintf(range, sizeof range, "%llu-", (unsigned long long)order->resume);
    curl_easy_setopt(handle, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    if (data) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(data));
        curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, data);
    }
    if (order->head)
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST,
                     order->head ? NULL : block_text(order, order->method));
    curl_easy_setopt(handle, CURLOPT_RANGE, order->resume ? range : NULL);
    if (!agent)
        agent = settings->user_agent ? settings->user_agent : "overlap/" OVL_VERSION;
    curl_easy_setopt(handle, CURLOPT_USERAGENT, agent);
    curl_easy_setopt(handle, CURLOPT_REFERER, referer ? referer : settings->referer);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, *ret_headers);
    return true;
}
