#include "coroutine/local.h"

#include "base/memory.h"
#include "coroutine/coroutine.h"

#include <errno.h>
#include <overlap/local.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ovl__locals {
    void *values[OVL_LOCALS_MAX];
};

static void (*destructors[OVL_LOCALS_MAX])(void *value);
static atomic_uint keys; /* in use; a destructor is stored before its key counts */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_key_t thread_locals;

static void free_of_thread(void *locals)
{
    ovl__locals_free(locals);
}

static void prepare(void)
{
    pthread_key_create(&thread_locals, free_of_thread);
}

int ovl_local_new(void (*destroy)(void *value), unsigned *ret_key)
{
    pthread_once(&prepared, prepare);
    pthread_mutex_lock(&lock);
    unsigned key = atomic_load(&keys);
    if (key < OVL_LOCALS_MAX) {
        destructors[key] = destroy;
        atomic_store(&keys, key + 1);
    }
    pthread_mutex_unlock(&lock);
    if (key == OVL_LOCALS_MAX)
        return -EAGAIN;
    *ret_key = key;
    return 0;
}

static struct ovl__locals *find(void)
{
    struct ovl__coroutine *coroutine = ovl__current ? ovl__current->coroutine : NULL;
    return coroutine ? coroutine->locals : pthread_getspecific(thread_locals);
}

static struct ovl__locals *find_or_add(void)
{
    struct ovl__locals *locals = find();
    if (locals)
        return locals;
    locals = ovl__zalloc(sizeof *locals);
    struct ovl__coroutine *coroutine = ovl__current ? ovl__current->coroutine : NULL;
    if (coroutine)
        coroutine->locals = locals;
    else if (locals && pthread_setspecific(thread_locals, locals)) {
        free(locals);
        return NULL;
    }
    return locals;
}

void *ovl_local_get(unsigned key)
{
    if (key >= atomic_load(&keys))
        return NULL;
    struct ovl__locals *locals = find();
    return locals ? locals->values[key] : NULL;
}

int ovl_local_set(unsigned key, void *value)
{
    if (key >= atomic_load(&keys))
        return -EINVAL;
    struct ovl__locals *locals = find_or_add();
    if (!locals)
        return -ENOMEM;
    locals->values[key] = value;
    return 0;
}

/* A destructor may look at other values, but those that it sets are dropped. */
void ovl__locals_free(struct ovl__locals *locals)
{
    if (!locals)
        return;
    for (unsigned key = 0; key < atomic_load(&keys); key++) {
        void *value = locals->values[key];
        locals->values[key] = NULL;
        if (value && destructors[key])
            destructors[key](value);
    }
    free(locals);
}
