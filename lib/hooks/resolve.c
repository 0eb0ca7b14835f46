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
    int error = ovl__hook_offload(&lookup->offload, OVL_WAIT_NETWORK);
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

/* --- the other way round --- */

/* Owns its arguments and what it finds, likewise. */
struct reverse_lookup {
    struct ovl__offload offload;
    struct sockaddr_storage address;
    socklen_t length;
    char node[NI_MAXHOST];
    char service[NI_MAXSERV];
    socklen_t node_size; /* 0: it is not asked for */
    socklen_t service_size;
    int flags;
    int result;
    int error;
};

static void look_up_address(struct ovl__offload *offload)
{
    struct reverse_lookup *lookup = ovl__of(offload, struct reverse_lookup, offload);
    lookup->result = ovl__sys.getnameinfo((struct sockaddr *)&lookup->address, lookup->length,
                                          lookup->node, lookup->node_size, lookup->service,
                                          lookup->service_size, lookup->flags);
    lookup->error = errno;
}

static void reverse_lookup_free(struct ovl__offload *offload)
{
    free(ovl__of(offload, struct reverse_lookup, offload));
}

static socklen_t size_within(const char *wanted, socklen_t size, size_t most)
{
    return !wanted ? 0 : size < most ? size : (socklen_t)most;
}

static int yielding_getnameinfo(struct reverse_lookup *lookup, char *node, char *service)
{
    int error = ovl__hook_offload(&lookup->offload, OVL_WAIT_NETWORK);
    if (error) {
        ovl__fail(error);
        return EAI_SYSTEM;
    }
    int result = lookup->result;
    if (!result && lookup->node_size)
        memcpy(node, lookup->node, strlen(lookup->node) + 1);
    if (!result && lookup->service_size)
        memcpy(service, lookup->service, strlen(lookup->service) + 1);
    if (result == EAI_SYSTEM)
        errno = lookup->error;
    free(lookup);
    return result;
}

OVL__HOOK int getnameinfo(const struct sockaddr *restrict address, socklen_t length,
                          char *restrict node, socklen_t node_size, char *restrict service,
                          socklen_t service_size, int flags)
{
    bool by_number = flags & NI_NUMERICHOST && flags & NI_NUMERICSERV;
    if (!ovl__in_task() || by_number || length > sizeof(struct sockaddr_storage))
        return ovl__sys.getnameinfo(address, length, node, node_size, service, service_size, flags);
    if (!ovl__current->coroutine)
        return OVL__METERED(
            int, -1, OVL_WAIT_NETWORK,
            ovl__sys.getnameinfo(address, length, node, node_size, service, service_size, flags));
    struct reverse_lookup *lookup = ovl__zalloc(sizeof *lookup);
    if (!lookup)
        return EAI_MEMORY;
    lookup->offload = (struct ovl__offload){.run = look_up_address, .free = reverse_lookup_free};
    memcpy(&lookup->address, address, length);
    lookup->length = length;
    lookup->node_size = size_within(node, node_size, sizeof lookup->node);
    lookup->service_size = size_within(service, service_size, sizeof lookup->service);
    lookup->flags = flags;
    return yielding_getnameinfo(lookup, node, service);
}
