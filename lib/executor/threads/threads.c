/* Pre-emptive: a pool of threads, between which the operating system switches. */
#include "base/fork.h"
#include "base/system.h"
#include "executor/threads/pool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

static void *thread_main(void *argument)
{
    struct ovl__thread *self = argument;
    struct ovl_executor *executor = self->worker.executor;
    char name[16]; /* a thread names itself without a descriptor */
    ovl__worker_name(&self->worker, name);
    pthread_setname_np(pthread_self(), name);
    ovl__pool_work(self);
    ovl__worker_release(&self->worker);
    ovl__park_lock(&executor->lock);
    self->ended = true;
    ovl__park_unlock(&executor->lock);
    ovl__executor_drop(executor);
    return NULL;
}

/* A sandbox may refuse to have threads placed, and the processor may just have been taken away. */
static int create(struct ovl__thread *thread, pthread_attr_t *attributes)
{
    thread->place = ovl__processor_place(thread->worker.number);
    if (thread->place.known) {
        pthread_attr_setaffinity_np(attributes, sizeof thread->place.one, &thread->place.one);
        int error = ovl__sys.pthread_create(&thread->id, attributes, thread_main, thread);
        if (error != EPERM && error != EINVAL)
            return error;
        thread->place.known = false;
        pthread_attr_setaffinity_np(attributes, 0, &thread->place.one); /* anywhere */
    }
    return ovl__sys.pthread_create(&thread->id, attributes, thread_main, thread);
}

static int start(struct ovl_executor *executor, struct ovl__thread *thread)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    size_t least = (size_t)PTHREAD_STACK_MIN;
    size_t stack_bytes = executor->options.stack_bytes;
    if (stack_bytes)
        pthread_attr_setstacksize(&attributes, stack_bytes < least ? least : stack_bytes);
    ovl__executor_hold(executor);
    int error = -create(thread, &attributes);
    pthread_attr_destroy(&attributes);
    if (error)
        ovl__executor_drop(executor);
    return error;
}

static int thread_init(struct ovl__pool *pool, struct ovl__thread *thread, unsigned number)
{
    thread->worker.executor = pool->executor;
    thread->worker.thread = thread;
    thread->worker.number = number;
    thread->pool = pool;
    thread->random = 2463534242u + number;
    if (pool->executor->options.waits_are_free)
        ovl__pool_free_waits(thread);
    return ovl__deque_init(&thread->deque);
}

/* Before any of them starts: they steal from each other. Fewer than wanted will do. */
static int threads_init(struct ovl__pool *pool, unsigned count)
{
    int error = 0;
    while (pool->count < count &&
           !(error = thread_init(pool, &pool->threads[pool->count], pool->count)))
        pool->count++;
    return pool->count ? 0 : error;
}

static int pool_new(struct ovl_executor *executor, struct ovl__pool **ret_pool)
{
    struct ovl__pool *pool = ovl__lines_zalloc(sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->executor = executor;
    pool->idle.forks = ovl__forks;
    pool->threads = ovl__lines_zalloc(executor->workers * sizeof *pool->threads);
    int error = pool->threads ? ovl__injector_init(&pool->injector) : -ENOMEM;
    if (!error)
        error = threads_init(pool, executor->workers);
    if (error) {
        ovl__injector_release(&pool->injector);
        ovl__lines_free(pool->threads);
        ovl__lines_free(pool);
        return error;
    }
    *ret_pool = pool;
    return 0;
}

static void threads_free(struct ovl_executor *executor)
{
    struct ovl__pool *pool = executor->own;
    if (!pool)
        return;
    ovl__pool_release(pool);
    ovl__lines_free(pool->threads);
    ovl__lines_free(pool);
}

/* Starts those that the limit lets work; one that is never let need not exist. The lock is held. */
static int start_wanted(struct ovl_executor *executor)
{
    struct ovl__pool *pool = executor->own;
    unsigned limit = atomic_load_explicit(&executor->limit, memory_order_relaxed);
    if (executor->options.waits_are_free)
        limit = pool->count;
    unsigned wanted = limit < pool->count ? limit : pool->count;
    int error = 0;
    while (pool->started < wanted && !(error = start(executor, &pool->threads[pool->started])))
        pool->started++;
    return error;
}

static void threads_limited(struct ovl_executor *executor)
{
    start_wanted(executor);
    ovl__pool_limit(executor->own);
}

/* Fewer than asked for will do, where the system gives no more. */
static int threads_open(struct ovl_executor *executor)
{
    struct ovl__pool *pool = NULL;
    int error = pool_new(executor, &pool);
    if (error)
        return error;
    executor->own = pool;
    ovl__park_lock(&executor->lock);
    ovl__pool_limit(pool);
    error = start_wanted(executor);
    executor->workers = error ? pool->started : pool->count;
    ovl__park_unlock(&executor->lock);
    return pool->started ? 0 : error;
}

/* Whether the thread is to be joined; otherwise it ends by itself. */
static bool claim_end(struct ovl_executor *executor, struct ovl__thread *thread, bool abandon)
{
    ovl__park_lock(&executor->lock);
    bool join = thread->ended || !abandon;
    ovl__park_unlock(&executor->lock);
    return join;
}

static void threads_close(struct ovl_executor *executor, bool abandon)
{
    struct ovl__pool *pool = executor->own;
    if (ovl__pool_is_copy(pool))
        return;
    ovl__store(&pool->ending, true, seq_cst);
    ovl__fence_heavy();
    ovl__idle_wake_all(&pool->idle);
    for (unsigned i = 0; i < pool->started; i++) {
        struct ovl__thread *thread = &pool->threads[i];
        if (claim_end(executor, thread, abandon))
            pthread_join(thread->id, NULL);
        else
            pthread_detach(thread->id);
    }
}

const struct ovl__model_ops ovl__model_threads = {
    .model = OVL_THREADS,
    .workers_max = OVL_WORKERS_MAX,
    .core = &ovl__core_pool,
    .open = threads_open,
    .limited = threads_limited,
    .close = threads_close,
    .free = threads_free,
};
