/*
 * The older name look-ups: each is made whole by a helper thread, by those of them that take a
 * buffer. The look-up owns it, so that a coroutine that was cancelled does not wait for the thread;
 * what was found is moved to where the caller wants it.
 */
#include "base/memory.h"
#include "hooks/hooks.h"

#include "loop/offload.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

OVL__HOOK_FILE(host);

/* What libc begins with, where the buffer is its own. */
#define FIRST_SIZE 1024

/* Pointers lie within a buffer as they lie in the caller's, modulo this. */
#define ALIGNMENT 16

/* What is asked for: a name, or the address `key` of `length` bytes. */
struct question {
    const void *key;
    socklen_t length;
    bool by_address;
    int family; /* 0: as libc chooses for a name */
};

struct lookup {
    struct ovl__offload offload;
    struct question question; /* whose key is its own */
    char *memory;
    char *buffer; /* within it */
    size_t size;
    bool grows; /* as libc's own buffer does; else one that is too small is an answer */
    struct hostent entry;
    struct hostent *found;
    int result;
    int error;
    int host_error;
};

static void lookup_free(struct ovl__offload *offload)
{
    struct lookup *lookup = ovl__of(offload, struct lookup, offload);
    free((void *)lookup->question.key);
    free(lookup->memory);
    free(lookup);
}

static bool make_buffer(struct lookup *lookup, size_t size, size_t alignment)
{
    char *memory = ovl__sys.realloc(lookup->memory, size + 2 * ALIGNMENT);
    if (!memory)
        return false;
    lookup->memory = memory;
    lookup->buffer = memory + ((alignment - (uintptr_t)memory) & (ALIGNMENT - 1));
    lookup->size = size;
    return true;
}

static int ask(struct lookup *lookup)
{
    const struct question *question = &lookup->question;
    if (question->by_address)
        return ovl__sys.gethostbyaddr_r(question->key, question->length, question->family,
                                        &lookup->entry, lookup->buffer, lookup->size,
                                        &lookup->found, &lookup->host_error);
    if (question->family)
        return ovl__sys.gethostbyname2_r(question->key, question->family, &lookup->entry,
                                         lookup->buffer, lookup->size, &lookup->found,
                                         &lookup->host_error);
    return ovl__sys.gethostbyname_r(question->key, &lookup->entry, lookup->buffer, lookup->size,
                                    &lookup->found, &lookup->host_error);
}

static void look_up(struct ovl__offload *offload)
{
    struct lookup *lookup = ovl__of(offload, struct lookup, offload);
    do
        lookup->result = ask(lookup);
    while (lookup->result == ERANGE && lookup->grows && make_buffer(lookup, lookup->size * 2, 0));
    lookup->error = errno;
}

static struct lookup *lookup_new(const struct question *question)
{
    struct lookup *lookup = ovl__zalloc(sizeof *lookup);
    size_t size = question->by_address ? question->length : strlen(question->key) + 1;
    void *key = ovl__sys.malloc(size);
    if (!lookup || !key) {
        free(lookup);
        free(key);
        return NULL;
    }
    lookup->offload = (struct ovl__offload){.run = look_up, .free = lookup_free};
    lookup->question = *question;
    lookup->question.key = memcpy(key, question->key, size);
    return lookup;
}

/* Waits for the answer. False with errno set: there is no look-up any more. */
static bool lookup_run(struct lookup *lookup)
{
    int error = ovl__hook_offload(&lookup->offload, OVL_WAIT_NETWORK);
    if (error)
        ovl__fail(error);
    return !error;
}

/* --- into the caller's memory --- */

static char *moved(char *at, const struct lookup *lookup, char *buffer)
{
    bool inside = at >= lookup->buffer && at < lookup->buffer + lookup->size;
    return inside ? buffer + (at - lookup->buffer) : at;
}

/* A list that ends in NULL, which was copied with the buffer: it still tells of the old places. */
static char **moved_list(char **list, const struct lookup *lookup, char *buffer)
{
    char **to = (char **)(void *)moved((char *)list, lookup, buffer);
    for (char **at = to; at && *at; at++)
        *at = moved(*at, lookup, buffer);
    return to;
}

static void move_answer(const struct lookup *lookup, struct hostent *entry, char *buffer)
{
    memcpy(buffer, lookup->buffer, lookup->size);
    *entry = lookup->entry;
    entry->h_name = moved(entry->h_name, lookup, buffer);
    entry->h_aliases = moved_list(entry->h_aliases, lookup, buffer);
    entry->h_addr_list = moved_list(entry->h_addr_list, lookup, buffer);
}

static int refuse(int error, struct hostent **ret_entry, int *ret_error)
{
    *ret_entry = NULL;
    *ret_error = NETDB_INTERNAL;
    errno = error;
    return error;
}

static int look_up_into(const struct question *question, struct hostent *entry, char *buffer,
                        size_t size, struct hostent **ret_entry, int *ret_error)
{
    struct lookup *lookup = lookup_new(question);
    if (!lookup || !make_buffer(lookup, size, (uintptr_t)buffer)) {
        if (lookup)
            lookup_free(&lookup->offload);
        return refuse(ENOMEM, ret_entry, ret_error);
    }
    if (!lookup_run(lookup))
        return refuse(errno, ret_entry, ret_error);
    *ret_entry = NULL;
    if (lookup->found) {
        move_answer(lookup, entry, buffer);
        *ret_entry = entry;
    }
    int result = lookup->result;
    *ret_error = lookup->host_error;
    errno = lookup->error;
    lookup_free(&lookup->offload);
    return result;
}

/* --- into memory of ours, which the next such call overwrites --- */

static struct lookup *_Atomic latest;

static struct hostent *look_up_static(const struct question *question)
{
    struct lookup *lookup = lookup_new(question);
    if (!lookup || !make_buffer(lookup, FIRST_SIZE, 0)) {
        if (lookup)
            lookup_free(&lookup->offload);
        h_errno = NETDB_INTERNAL;
        errno = ENOMEM;
        return NULL;
    }
    lookup->grows = true;
    if (!lookup_run(lookup)) {
        h_errno = NETDB_INTERNAL;
        return NULL;
    }
    struct hostent *found = lookup->found;
    h_errno = lookup->host_error;
    errno = lookup->error;
    struct lookup *before = atomic_exchange(&latest, lookup);
    if (before)
        lookup_free(&before->offload);
    return found;
}

/* --- the hooks --- */

OVL__HOOK struct hostent *gethostbyname(const char *name)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyname(name);
    if (!ovl__current->coroutine)
        return OVL__METERED(struct hostent *, -1, OVL_WAIT_NETWORK, ovl__sys.gethostbyname(name));
    return look_up_static(&(struct question){.key = name});
}

OVL__HOOK struct hostent *gethostbyname2(const char *name, int family)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyname2(name, family);
    if (!ovl__current->coroutine)
        return OVL__METERED(struct hostent *, -1, OVL_WAIT_NETWORK,
                            ovl__sys.gethostbyname2(name, family));
    return look_up_static(&(struct question){.key = name, .family = family});
}

OVL__HOOK struct hostent *gethostbyaddr(const void *address, socklen_t length, int family)
{
    if (!ovl__in_task())
        return ovl__sys.gethostbyaddr(address, length, family);
    if (!ovl__current->coroutine)
        return OVL__METERED(struct hostent *, -1, OVL_WAIT_NETWORK,
                            ovl__sys.gethostbyaddr(address, length, family));
    return look_up_static(&(struct question){
        .key = address,
        .length = length,
        .by_address = true,
        .family = family,
    });
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
    return look_up_into(&(struct question){.key = name}, entry, buffer, size, ret_entry, ret_error);
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
    return look_up_into(&(struct question){.key = name, .family = family}, entry, buffer, size,
                        ret_entry, ret_error);
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
    struct question question = {
        .key = address,
        .length = length,
        .by_address = true,
        .family = family,
    };
    return look_up_into(&question, entry, buffer, size, ret_entry, ret_error);
}
