/*
 * Queries of the name system by the resolver's own calls, as Kerberos and LDAP make them. libc's
 * code does not come by the hooks: each is made whole by a helper thread, and waited for to its
 * end, since it uses what is the caller's.
 */
#include "hooks/hooks.h"

#include <resolv.h>
#include <string.h>

OVL__HOOK_FILE(dns);

/* What programs set in their thread's state, for a query to heed. */
struct settings {
    bool any;
    unsigned long options;
    int retrans;
    int retry;
    int count;
    struct sockaddr_in servers[MAXNS];
    unsigned dots;
};

/* One query, whichever it is: what it does not have is zero. */
struct query {
    int (*ask)(struct query *query);
    res_state state; /* NULL: a new one with the thread's settings */
    struct settings settings;
    const char *name;
    const char *domain;
    const unsigned char *message;
    int length;
    int class;
    int type;
    unsigned char *answer;
    int size;
    int result;
    int error;
    int host_error;
};

static int ask_query(struct query *query)
{
    return ovl__sys.res_nquery(query->state, query->name, query->class, query->type, query->answer,
                               query->size);
}

static int ask_search(struct query *query)
{
    return ovl__sys.res_nsearch(query->state, query->name, query->class, query->type, query->answer,
                                query->size);
}

static int ask_domain(struct query *query)
{
    return ovl__sys.res_nquerydomain(query->state, query->name, query->domain, query->class,
                                     query->type, query->answer, query->size);
}

static int ask_send(struct query *query)
{
    return ovl__sys.res_nsend(query->state, query->message, query->length, query->answer,
                              query->size);
}

static struct settings settings_of(const struct __res_state *state)
{
    struct settings settings = {
        .any = state->options & RES_INIT,
        .options = state->options,
        .retrans = state->retrans,
        .retry = state->retry,
        .count = state->nscount,
        .dots = state->ndots,
    };
    memcpy(settings.servers, state->nsaddr_list, sizeof settings.servers);
    return settings;
}

static void apply(const struct settings *settings, struct __res_state *state)
{
    if (!settings->any)
        return;
    state->options = settings->options;
    state->retrans = settings->retrans;
    state->retry = settings->retry;
    state->nscount = settings->count;
    state->ndots = settings->dots & 15;
    memcpy(state->nsaddr_list, settings->servers, sizeof settings->servers);
}

/* The thread's own state may be another coroutine's meanwhile. */
static int ask_anew(struct query *query)
{
    struct __res_state state = {0};
    h_errno = NETDB_INTERNAL;
    if (res_ninit(&state))
        return -1;
    apply(&query->settings, &state);
    query->state = &state;
    int result = query->ask(query);
    query->state = NULL;
    res_nclose(&state);
    return result;
}

static void run(void *argument)
{
    struct query *query = argument;
    query->result = query->state ? query->ask(query) : ask_anew(query);
    query->error = errno;
    query->host_error = h_errno;
}

static int run_in_thread(struct query query)
{
    int before = errno;
    if (!query.state)
        query.settings = settings_of(&_res);
    ovl__hook_call_in_thread(run, &query, OVL_WAIT_NETWORK);
    errno = query.result < 0 ? query.error : before;
    h_errno = query.host_error;
    return query.result;
}

#define ASK(call, ...)                                                                             \
    do {                                                                                           \
        if (!ovl__in_task())                                                                       \
            return call;                                                                           \
        if (!ovl__current->coroutine)                                                              \
            return OVL__METERED(int, -1, OVL_WAIT_NETWORK, call);                                  \
        return run_in_thread((struct query){__VA_ARGS__});                                         \
    } while (0)

OVL__HOOK int res_nquery(res_state state, const char *name, int class, int type,
                         unsigned char *answer, int size)
{
    ASK(ovl__sys.res_nquery(state, name, class, type, answer, size), .ask = ask_query,
        .state = state, .name = name, .class = class, .type = type, .answer = answer, .size = size);
}

OVL__HOOK int res_query(const char *name, int class, int type, unsigned char *answer, int size)
{
    ASK(ovl__sys.res_query(name, class, type, answer, size), .ask = ask_query, .name = name,
        .class = class, .type = type, .answer = answer, .size = size);
}

OVL__HOOK int res_nsearch(res_state state, const char *name, int class, int type,
                          unsigned char *answer, int size)
{
    ASK(ovl__sys.res_nsearch(state, name, class, type, answer, size), .ask = ask_search,
        .state = state, .name = name, .class = class, .type = type, .answer = answer, .size = size);
}

OVL__HOOK int res_search(const char *name, int class, int type, unsigned char *answer, int size)
{
    ASK(ovl__sys.res_search(name, class, type, answer, size), .ask = ask_search, .name = name,
        .class = class, .type = type, .answer = answer, .size = size);
}

OVL__HOOK int res_nquerydomain(res_state state, const char *name, const char *domain, int class,
                               int type, unsigned char *answer, int size)
{
    ASK(ovl__sys.res_nquerydomain(state, name, domain, class, type, answer, size),
        .ask = ask_domain, .state = state, .name = name, .domain = domain, .class = class,
        .type = type, .answer = answer, .size = size);
}

OVL__HOOK int res_querydomain(const char *name, const char *domain, int class, int type,
                              unsigned char *answer, int size)
{
    ASK(ovl__sys.res_querydomain(name, domain, class, type, answer, size), .ask = ask_domain,
        .name = name, .domain = domain, .class = class, .type = type, .answer = answer,
        .size = size);
}

OVL__HOOK int res_nsend(res_state state, const unsigned char *message, int length,
                        unsigned char *answer, int size)
{
    ASK(ovl__sys.res_nsend(state, message, length, answer, size), .ask = ask_send, .state = state,
        .message = message, .length = length, .answer = answer, .size = size);
}

OVL__HOOK int res_send(const unsigned char *message, int length, unsigned char *answer, int size)
{
    ASK(ovl__sys.res_send(message, length, answer, size), .ask = ask_send, .message = message,
        .length = length, .answer = answer, .size = size);
}
