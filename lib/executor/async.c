/*
 * Cooperative: every worker is a coroutine of an event loop, which runs in a thread of its own. A
 * task gives way where it waits: the hooks see to that. Workers begin when there is a task for
 * them.
 *
 * There is one loop, or as many as were asked for: then a task goes to the one that has least to
 * do, and stays there.
 */
#include "base/system.h"
#include "executor/queue.h"
#include "hooks/hooks.h"
#include "loop/loop.h"
#include "watch/watch.h"

#include <errno.h>
#include <overlap/error.h>

/* Whoever links the static library with a program that opens executors gets the hooks with it. */
__attribute__((used)) static const char *const *const hooks = ovl__hooks;

/* ThreadSanitizer ends the process when it has no more room for fibers, at some 8,000 of them. */
#ifdef OVL__TSAN
#define COROUTINES_MAX 1000
#else
#define COROUTINES_MAX OVL_COROUTINES_MAX
#endif

struct async;

/* All but what never changes is under the executor's lock. */
struct async_loop {
    struct async *async;
    struct ovl__loop *loop;
    pthread_t thread;
    struct ovl__message spawn;
    struct ovl__message stop;
    struct ovl__wait_list idle; /* its workers without a task */
    unsigned room;              /* how many workers it may have */
    unsigned begun;             /* workers, so far: their numbers are known by it */
    unsigned wanted;            /* that its thread has still to begin */
    unsigned load;              /* workers that have a task, or were called for one */
    bool spawning;              /* `spawn` is on its way */
};

struct async {
    struct ovl_executor *executor;
    unsigned count;   /* of loops */
    unsigned workers; /* in all loops, that run, or are wanted */
    unsigned running; /* loops whose threads may still touch something */
    bool abandoned;   /* nobody joins them, the last one frees what they need */
    struct async_loop loops[];
};

/* A coroutine of the loop that is here; the worker comes first. */
struct async_worker {
    struct ovl__worker worker;
    struct async_loop *at;
};

/*
 * Whether there is a worker for one more task: one of the loop which has least to do, and where it
 * `may_begin`, a new one.
 */
static bool find_worker(struct async *async, bool may_begin)
{
    struct async_loop *best = NULL;
    for (unsigned i = 0; i < async->count; i++) {
        struct async_loop *at = &async->loops[i];
        bool has_one =
            !ovl__list_empty(&at->idle.waiters) || (may_begin && at->begun + at->wanted < at->room);
        if (has_one && (!best || at->load < best->load))
            best = at;
    }
    if (!best)
        return false;
    best->load++;
    if (!ovl__wake_one(&best->idle)) {
        best->wanted++;
        async->workers++;
    }
    return true;
}

static void post_wanted(struct async *async)
{
    for (unsigned i = 0; i < async->count; i++) {
        struct async_loop *at = &async->loops[i];
        if (!at->wanted || at->spawning)
            continue;
        at->spawning = true;
        ovl__loop_post(at->loop, &at->spawn);
    }
}

/* A worker's life: tasks until the executor closes. The lock is held. */
static void take_tasks(struct async_worker *self)
{
    struct async *async = self->at->async;
    struct ovl_executor *executor = async->executor;
    for (;;) {
        struct ovl_future *future = ovl__executor_take(executor);
        if (future) {
            future->outcome.worker = self->worker.number; /* for whoever cancels it */
            if (ovl__executor_may_take(executor)) /* whoever called this one may not get to it */
                find_worker(async, false);
            ovl__park_unlock(&executor->lock);
            ovl__worker_run(&self->worker, future);
            ovl__park_lock(&executor->lock);
            ovl__future_finish(future);
        } else if (!executor->closing || !ovl__list_empty(&executor->queue)) {
            self->at->load--;
            ovl__waits_for("work", -1);
            ovl__wait(&self->at->idle, &executor->lock, OVL_FOREVER);
        } else {
            return;
        }
    }
}

static void worker_main(void *argument)
{
    struct async_worker *self = argument;
    struct async *async = self->at->async;
    struct ovl_executor *executor = async->executor;
    ovl__park_lock(&executor->lock);
    take_tasks(self);
    ovl__park_unlock(&executor->lock);
    ovl__worker_release(&self->worker);
    free(self);
    ovl__park_lock(&executor->lock);
    async->workers--;
    ovl__park_unlock(&executor->lock);
}

/* The loops' workers take turns with the numbers, so that a worker's tells its loop. */
static int spawn_worker(struct async_loop *at)
{
    struct async *async = at->async;
    struct async_worker *self = ovl__zalloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    unsigned number = at->begun * async->count + (unsigned)(at - async->loops);
    *self = (struct async_worker){
        .worker = {.executor = async->executor, .number = number},
        .at = at,
    };
    int error = ovl__loop_spawn(at->loop, worker_main, self);
    if (error)
        free(self);
    else
        at->begun++;
    return error;
}

/*
 * Fewer workers than wanted will do: idle ones of other loops are called, and the others find the
 * task once they have ended theirs. Without any, nothing would ever run.
 */
static void spawn_wanted(struct ovl__message *message)
{
    struct async_loop *at = ovl__of(message, struct async_loop, spawn);
    struct async *async = at->async;
    struct ovl_executor *executor = async->executor;
    ovl__park_lock(&executor->lock);
    at->spawning = false;
    int error = 0;
    while (at->wanted && !error) {
        error = spawn_worker(at);
        if (!error)
            at->wanted--;
    }
    async->workers -= at->wanted;
    at->load -= at->wanted;
    for (; at->wanted; at->wanted--)
        find_worker(async, false);
    if (!async->workers)
        ovl__executor_refuse_all(executor, error);
    ovl__park_unlock(&executor->lock);
}

static void async_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    if (ovl__executor_may_take(executor))
        find_worker(executor->own, true);
    post_wanted(executor->own);
}

static void async_queued_many(struct ovl_executor *executor)
{
    struct async *async = executor->own;
    size_t coming = 0;
    for (unsigned i = 0; i < async->count; i++)
        coming += async->loops[i].wanted;
    size_t begin = executor->counts.queued;
    unsigned limit = atomic_load_explicit(&executor->limit, memory_order_relaxed);
    size_t room = limit > executor->active ? limit - executor->active : 0;
    if (begin > room)
        begin = room;
    for (; begin > coming && find_worker(async, true); begin--)
        ;
    post_wanted(async);
}

static void async_cancel_running(struct ovl_executor *executor, struct ovl_future *future)
{
    struct async *async = executor->own;
    ovl__future_interrupt(future, async->loops[future->outcome.worker % async->count].loop);
}

static void stop_loop(struct ovl__message *message)
{
    ovl__loop_stop(ovl__of(message, struct async_loop, stop)->loop);
}

static void async_free(struct async *async)
{
    for (unsigned i = 0; i < async->count; i++)
        ovl__loop_free(async->loops[i].loop);
    free(async);
}

static void *loop_main(void *argument)
{
    struct async_loop *at = argument;
    struct async *async = at->async;
    struct ovl_executor *executor = async->executor;
    pthread_setname_np(pthread_self(), "ovl-loop");
    struct ovl__watch watch;
    ovl__watch_begin(&watch, at->loop,
                     &(struct ovl__watch_options){
                         .stall_ns = executor->options.stall_ns,
                         .stalled = executor->options.stalled,
                         .context = executor->options.stall_context,
                     });
    ovl__loop_run(at->loop);
    ovl__watch_end(&watch);
    ovl__park_lock(&executor->lock);
    bool is_to_free = !--async->running && async->abandoned;
    ovl__park_unlock(&executor->lock);
    if (is_to_free)
        async_free(async);
    ovl__executor_drop(executor);
    return NULL;
}

static void stop_loops(struct async *async)
{
    for (unsigned i = 0; i < async->count; i++) {
        ovl__wake_all(&async->loops[i].idle);
        ovl__loop_post(async->loops[i].loop, &async->loops[i].stop);
    }
}

static int start_thread(struct async_loop *at)
{
    struct async *async = at->async;
    ovl__executor_hold(async->executor);
    ovl__park_lock(&async->executor->lock);
    async->running++;
    ovl__park_unlock(&async->executor->lock);
    int error = -ovl__sys.pthread_create(&at->thread, NULL, loop_main, at);
    if (error) {
        ovl__park_lock(&async->executor->lock);
        async->running--;
        ovl__park_unlock(&async->executor->lock);
        ovl__executor_drop(async->executor);
    }
    return error;
}

static int loop_open(struct async *async)
{
    struct ovl_executor *executor = async->executor;
    struct async_loop *at = &async->loops[async->count];
    at->async = async;
    at->spawn.handle = spawn_wanted;
    at->stop.handle = stop_loop;
    ovl__wait_list_init(&at->idle);
    int error = ovl__loop_new(executor->options.stack_bytes, &at->loop);
    if (!error)
        error = start_thread(at);
    if (error)
        ovl__loop_free(at->loop);
    else
        async->count++;
    return error;
}

/* As many loops as there are threads and descriptors for; one is enough. */
static int loops_open(struct async *async, unsigned count)
{
    int error = 0;
    while (async->count < count && !error)
        error = loop_open(async);
    for (unsigned i = 0; i < async->count; i++)
        async->loops[i].room = (async->executor->workers + async->count - 1 - i) / async->count;
    return async->count ? 0 : error;
}

static int async_open(struct ovl_executor *executor)
{
    if (executor->workers > COROUTINES_MAX)
        executor->workers = COROUTINES_MAX;
    unsigned count = executor->options.loops ? executor->options.loops : 1;
    if (count > executor->workers)
        count = executor->workers;
    struct async *async = ovl__zalloc(sizeof *async + count * sizeof *async->loops);
    if (!async)
        return -ENOMEM;
    async->executor = executor;
    executor->own = async;
    int error = loops_open(async, count);
    if (error)
        free(async);
    return error;
}

static void async_close(struct ovl_executor *executor, bool abandon)
{
    struct async *async = executor->own;
    ovl__park_lock(&executor->lock);
    stop_loops(async);
    bool join = !async->running || !abandon;
    async->abandoned = !join;
    for (unsigned i = 0; !join && i < async->count; i++)
        pthread_detach(async->loops[i].thread);
    ovl__park_unlock(&executor->lock);
    if (!join)
        return;
    for (unsigned i = 0; i < async->count; i++)
        pthread_join(async->loops[i].thread, NULL);
    async_free(async);
}

const struct ovl__model_ops ovl__model_async = {
    .model = OVL_ASYNC,
    .workers_max = OVL_COROUTINES_MAX,
    .core = &ovl__core_queue,
    .open = async_open,
    .queued = async_queued,
    .queued_many = async_queued_many,
    .cancel_running = async_cancel_running,
    .close = async_close,
};
