/*
 * libcurl finds the two functions here before those of libc, as it finds the hooks, since the
 * program comes first. While a handle is made they refuse: then libcurl goes without, up to
 * versions that give up instead, which are given what they want.
 */
#include "fetch/frugal.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define EXPORTED __attribute__((visibility("default")))

/* A pair of sockets; newer ones have one eventfd. */
#define WAKING_DESCRIPTORS 2

static struct {
    pthread_once_t once;
    int (*socketpair)(int, int, int, int *);
    int (*eventfd)(unsigned, int);
} next = {.once = PTHREAD_ONCE_INIT};

static _Thread_local bool refusing;
static _Thread_local bool refused;
static atomic_bool needed; /* this libcurl gives up without */

static void find_next(void)
{
    void *address = dlsym(RTLD_NEXT, "socketpair");
    memcpy(&next.socketpair, &address, sizeof address);
    address = dlsym(RTLD_NEXT, "eventfd");
    memcpy(&next.eventfd, &address, sizeof address);
}

static bool refuse(void)
{
    pthread_once(&next.once, find_next);
    if (!refusing)
        return false;
    refused = true;
    errno = EMFILE;
    return true;
}

EXPORTED int socketpair(int domain, int type, int protocol, int fds[2])
{
    return refuse() ? -1 : next.socketpair(domain, type, protocol, fds);
}

EXPORTED int eventfd(unsigned count, int flags)
{
    return refuse() ? -1 : next.eventfd(count, flags);
}

static CURLM *init_without(void)
{
    refused = false;
    refusing = true;
    CURLM *multi = curl_multi_init();
    refusing = false;
    if (!multi && refused)
        atomic_store_explicit(&needed, true, memory_order_relaxed);
    return multi;
}

CURLM *frugal_multi_init(void)
{
    CURLM *multi = NULL;
    if (!atomic_load_explicit(&needed, memory_order_relaxed))
        multi = init_without();
    return multi ? multi : curl_multi_init();
}

size_t frugal_multi_descriptors(void)
{
    CURLM *multi = frugal_multi_init();
    bool without = multi && refused && !atomic_load_explicit(&needed, memory_order_relaxed);
    curl_multi_cleanup(multi);
    return without ? 0 : WAKING_DESCRIPTORS;
}
