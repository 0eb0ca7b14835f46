/*
 * Name look-ups. libc's own code does not come by the hooks, so that a look-up cannot be turned
 * into yields from within: it is made whole, by a helper thread.
 */
#include "hooks/hooks.h"

#include "loop/offload.h"

struct lookup {
    const char *node;
    const char *service;
    const struct addrinfo *hints;
    struct addrinfo **ret_list;
    int result;
    int error;
};

static void look_up(void *argument)
{
    struct lookup *lookup = argument;
    lookup->result =
        ovl__sys.getaddrinfo(lookup->node, lookup->service, lookup->hints, lookup->ret_list);
    lookup->error = errno;
}

static int yielding_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                                struct addrinfo **ret_list)
{
    struct lookup lookup = {
        .node = node,
        .service = service,
        .hints = hints,
        .ret_list = ret_list,
    };
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    ovl__offload(look_up, &lookup);
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_NETWORK, began);
    if (lookup.result == EAI_SYSTEM)
        errno = lookup.error;
    return lookup.result;
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
