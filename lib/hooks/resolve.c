/*
 * Name look-ups. libc's own code does not come by the hooks, so that a look-up cannot be turned
 * into yields from within: it is made whole, by a helper thread.
 */
#include "base/memory.h"
#include "hooks/hooks.h"

#include "loop/offload.h"

#include <string.h>

OVL__HOOK_FILE(resolve);

/* Owns its arguments: a coroutine that was cancelled does not wait for the helper thread. */
struct lookup {
    struct ovl__offload offload;
    char *node; /* NULL: none was given */
    char *service;
    struct addrinfo hints;
    bool has_hints;
    struct addrinfo *list;
    int result;
    int error;
};

static void look_up(struct ovl__offload *offload)
{
    struct lookup *lookup = ovl__of(offload, struct lookup, offload);
    lookup->result = ovl__sys.getaddrinfo(lookup->node, lookup->service,
                                          lookup->has_hints ? &lookup->hints : NULL, &lookup->list);
    lookup->error = errno;
}

static void lookup_free(struct ovl__offload *offload)
{
    struct lookup *lookup = ovl__of(offload, struct lookup, offload);
    if (!lookup->result && lookup->list)
        freeaddrinfo(lookup->list);
    free(lookup->node);
    free(lookup->service);
    free(lookup);
}

static bool copy_name(const char *name, char **ret_copy)
{
    if (!name)
        return true;
    size_t size = strlen(name) + 1;
    *ret_copy = ovl__sys.malloc(size);
    return *ret_copy && memcpy(*ret_copy, name, size);
}

static struct lookup *lookup_new(const char *node, const char *service,
                                 const struct addrinfo *hints)
{
    struct lookup *lookup = ovl__zalloc(sizeof *lookup);
    if (!lookup)
        return NULL;
    lookup->offload = (struct ovl__offload){.run = look_up, .free = lookup_free};
    if (!copy_name(node, &lookup->node) || !copy_name(service, &lookup->service)) {
        lookup_free(&lookup->offload);
        return NULL;
    }
    lookup->has_hints = hints != NULL;
    if (hints)
        lookup->hints = *hints;
    return lookup;
}

static int yielding_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                                struct addrinfo **ret_list)
{
    struct lookup *lookup = lookup_new(node, service, hints);
    if (!lookup)
        return EAI_MEMORY;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    int error = ovl__offload(&lookup->offload);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_NETWORK, began);
    if (error) {
        ovl__fail(error);
        return EAI_SYSTEM;
    }
    int result = lookup->result;
    if (!result) {
        *ret_list = lookup->list;
        lookup->list = NULL;
    } else if (result == EAI_SYSTEM) {
        errno = lookup->error;
    }
    lookup_free(&lookup->offload);
    return result;
}

OVL__HOOK int getaddrinfo(const char *restrict node, const char *restrict service,
                          const struct addrinfo *restrict hints,
                          struct addrinfo **restrict ret_list)
{
    if (!ovl__in_task())
        return ovl__sys.getaddrinfo(node, service, hints, ret_list);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_NETWORK,
                            ovl__sys.getaddrinfo(node, service, hints, ret_list));
    return yielding_getaddrinfo(node, service, hints, ret_list);
}

/* --- the older look-ups --- */

/*
 * Each is made whole by a helper thread, which is waited for: the answer lies in the caller's
 * memory, or in libc's. h_errno is the thread's, and is carried over.
 */
struct host_call {
    const void *name; /* or an address */
    socklen_t length;
    int family;
    struct hostent *entry;
    char *buffer;
    size_t size;
    struct hostent **ret_entry;
    int *ret_error;
    struct hostent *found;
    int result;
    int error;
    int host_error;
};

static void run_host_call(struct host_call *call, void (*fn)(void *argument))
{
    ovl__hook_call_in_thread(fn, call, OVL_WAIT_NETWORK);
    h_errno = call->host_error;
    errno = call->error;
}

static void end_host_call(struct host_call *call)
{
    call->error = errno;
    call->host_error = h_errno;
}

static void call_gethostbyname2(void *argument)
{
    struct host_call *call = argument;
    call->found = ovl__sys.gethostbyname2(call->name, call->family);
    end_host_call(call);
}

static void call_gethostbyname(void *argument)
{
    struct host_call *call = argument;
    call->found = ovl__sys.gethostbyname(call->name);
    end_host_call(call);
}

static void call_gethostbyaddr(void *argument)
{
    struct host_call *call = argument;
    call->found = ovl__sys.gethostbyaddr(call->name, call->length, call->family);
    end_host_call(call);
}

static void call_gethostbyname_r(void *argument)
{
    struct host_call *call = argument;
    call->result = ovl__sys.gethostbyname_r(call->name, call->entry, call->buffer, call->size,
                                            call->ret_entry, call->ret_error);
    end_host_call(call);
}

static void call_gethostbyname2_r(void *argument)
{
    struct host_call *call = argument;
    call->result = ovl__sys.gethostbyname2_r(call->name, call->family, call->entry, call->buffer,
                                             call->size, call->ret_entry, call->ret_error);
    end_host_call(call);
}

static void call_gethostbyaddr_r(void *argument)
{
    struct host_call *call = argument;
    call->result =
        ovl__sys.gethostbyaddr_r(call->name, call->length, call->family, call->entry, call->buffer,
                                 call->size, call->ret_entry, call->ret_error);
    end_host_call(call);
}

OVL__HOOK struct hostent *gethostbyname(const char *name)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyname(name);
    if (!ovl__current->coroutine)
        return OVL__METERED(struct hostent *, -1, OVL_WAIT_NETWORK, ovl__sys.gethostbyname(name));
    struct host_call call = {.name = name};
    run_host_call(&call, call_gethostbyname);
    return call.found;
}

OVL__HOOK struct hostent *gethostbyname2(const char *name, int family)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyname2(name, family);
    if (!ovl__current->coroutine)
        return OVL__METERED(struct hostent *, -1, OVL_WAIT_NETWORK,
                            ovl__sys.gethostbyname2(name, family));
    struct host_call call = {.name = name, .family = family};
    run_host_call(&call, call_gethostbyname2);
    return call.found;
}

OVL__HOOK struct hostent *gethostbyaddr(const void *address, socklen_t length, int family)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyaddr(address, length, family);
    if (!ovl__current->coroutine)
        return OVL__METERED(struct hostent *, -1, OVL_WAIT_NETWORK,
                            ovl__sys.gethostbyaddr(address, length, family));
    struct host_call call = {.name = address, .length = length, .family = family};
    run_host_call(&call, call_gethostbyaddr);
    return call.found;
}

OVL__HOOK int gethostbyname_r(const char *restrict name, struct hostent *restrict entry,
                              char *restrict buffer, size_t size,
                              struct hostent **restrict ret_entry, int *restrict ret_error)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyname_r(name, entry, buffer, size, ret_entry, ret_error);
    if (!ovl__current->coroutine)
        return OVL__METERED(
            int, -1, OVL_WAIT_NETWORK,
            ovl__sys.gethostbyname_r(name, entry, buffer, size, ret_entry, ret_error));
    struct host_call call = {name, 0, 0, entry, buffer, size, ret_entry, ret_error, NULL, 0, 0, 0};
    run_host_call(&call, call_gethostbyname_r);
    return call.result;
}

OVL__HOOK int gethostbyname2_r(const char *restrict name, int family,
                               struct hostent *restrict entry, char *restrict buffer, size_t size,
                               struct hostent **restrict ret_entry, int *restrict ret_error)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyname2_r(name, family, entry, buffer, size, ret_entry, ret_error);
    if (!ovl__current->coroutine)
        return OVL__METERED(
            int, -1, OVL_WAIT_NETWORK,
            ovl__sys.gethostbyname2_r(name, family, entry, buffer, size, ret_entry, ret_error));
    struct host_call call = {name,      0,         family, entry, buffer, size,
                             ret_entry, ret_error, NULL,   0,     0,      0};
    run_host_call(&call, call_gethostbyname2_r);
    return call.result;
}

OVL__HOOK int gethostbyaddr_r(const void *restrict address, socklen_t length, int family,
                              struct hostent *restrict entry, char *restrict buffer, size_t size,
                              struct hostent **restrict ret_entry, int *restrict ret_error)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyaddr_r(address, length, family, entry, buffer, size, ret_entry,
                                        ret_error);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_NETWORK,
                            ovl__sys.gethostbyaddr_r(address, length, family, entry, buffer, size,
                                                     ret_entry, ret_error));
    struct host_call call = {address,   length,    family, entry, buffer, size,
                             ret_entry, ret_error, NULL,   0,     0,      0};
    run_host_call(&call, call_gethostbyaddr_r);
    return call.result;
}

struct name_call {
    const struct sockaddr *address;
    socklen_t length;
    char *node;
    socklen_t node_size;
    char *service;
    socklen_t service_size;
    int flags;
    int result;
    int error;
};

static void call_getnameinfo(void *argument)
{
    struct name_call *call = argument;
    call->result = ovl__sys.getnameinfo(call->address, call->length, call->node, call->node_size,
                                        call->service, call->service_size, call->flags);
    call->error = errno;
}

OVL__HOOK int getnameinfo(const struct sockaddr *restrict address, socklen_t length,
                          char *restrict node, socklen_t node_size, char *restrict service,
                          socklen_t service_size, int flags)
{
    bool by_number = flags & NI_NUMERICHOST && flags & NI_NUMERICSERV;
    if (!ovl__in_task() || by_number)
        return ovl__sys.getnameinfo(address, length, node, node_size, service, service_size, flags);
    if (!ovl__current->coroutine)
        return OVL__METERED(
            int, -1, OVL_WAIT_NETWORK,
            ovl__sys.getnameinfo(address, length, node, node_size, service, service_size, flags));
    struct name_call call = {
        .address = address,
        .length = length,
        .node = node,
        .node_size = node_size,
        .service = service,
        .service_size = service_size,
        .flags = flags,
    };
    ovl__hook_call_in_thread(call_getnameinfo, &call, OVL_WAIT_NETWORK);
    if (call.result == EAI_SYSTEM)
        errno = call.error;
    return call.result;
}
