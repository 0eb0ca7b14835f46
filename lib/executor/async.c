/*
 * Cooperative: every worker is a coroutine of one event loop, which runs in one thread of its own.
 * A task gives way where it waits: the hooks see to that. Workers begin when there is a task for
 * them.
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

struct async {
    struct ovl_executor *executor;
    struct ovl__loop *loop;
    pthread_t thread;
    struct ovl__message spawn;
    struct ovl__message stop;
    /* Under the executor's lock: */
    unsigned workers; /* that run, or are wanted */
    unsigned wanted;  /* that the loop's thread has still to begin */
    unsigned numbers; /* given to workers so far */
    bool spawning;    /* `spawn` is on its way */
    bool ended;       /* the loop's thread touches nothing any more */
    bool abandoned;   /* nobody joins it, it frees what it needs itself */
};

static void worker_main(void *argument)
{
    struct ovl__worker *worker = argument;
    struct ovl_executor *executor = worker->executor;
    struct async *async = executor->own;
    ovl__worker_loop(worker);
    free(worker);
    pthread_mutex_lock(&executor->lock);
    async->workers--;
    pthread_mutex_unlock(&executor->lock);
}

static int spawn_worker(struct async *async)
{
    struct ovl__worker *worker = ovl__zalloc(sizeof *worker);
    if (!worker)
        return -ENOMEM;
    *worker = (struct ovl__worker){.executor = async->executor, .number = async->numbers};
    int error = ovl__loop_spawn(async->loop, worker_main, worker);
    if (error)
        free(worker);
    else
        async->numbers++;
    return error;
}

/* Fewer workers than wanted will do; without any, nothing would ever run. */
static void spawn_wanted(struct ovl__message *message)
{
    struct async *async = ovl__of(message, struct async, spawn);
    struct ovl_executor *executor = async->executor;
    pthread_mutex_lock(&executor->lock);
    async->spawning = false;
    int error = 0;
    while (async->wanted && !error) {
        error = spawn_worker(async);
        if (!error)
            async->wanted--;
    }
    async->workers -= async->wanted;
    async->wanted = 0;
    if (!async->workers)
        ovl__executor_refuse_all(executor, error);
    pthread_mutex_unlock(&executor->lock);
}

/* Whether there is a worker for one more task. */
static bool find_worker(struct async *async)
{
    if (ovl__wake_one(&async->executor->work))
        return true;
    if (async->workers == async->executor->workers)
        return false;
    async->workers++;
    async->wanted++;
    return true;
}

static void post_wanted(struct async *async)
{
    if (!async->wanted || async->spawning)
        return;
    async->spawning = true;
    ovl__loop_post(async->loop, &async->spawn);
}

static void async_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    if (ovl__executor_may_take(executor))
        find_worker(executor->own);
    post_wanted(executor->own);
}

static void async_queued_many(struct ovl_executor *executor)
{
    struct async *async = executor->own;
    size_t coming = async->wanted;
    size_t begin = executor->counts.queued;
    unsigned limit = atomic_load_explicit(&executor->limit, memory_order_relaxed);
    size_t room = limit > executor->active ? limit - executor->active : 0;
    if (begin > room)
        begin = room;
    for (; begin > coming && find_worker(async); begin--)
        ;
    post_wanted(async);
}

/* In the loop's thread: what the task waits for now, and whatever it waits for later, fails. */
static void interrupt_task(struct ovl__message *message)
{
    struct ovl__future_more *more = ovl__of(message, struct ovl__future_more, interrupt);
    if (more->scope)
        ovl__scope_cancel(more->scope, OVL_ECANCELED);
    ovl__future_drop(more->future);
}

static void async_cancel_running(struct ovl_executor *executor, struct ovl_future *future)
{
    struct async *async = executor->own;
    struct ovl__future_more *more = future->more;
    if (more->interrupting)
        return;
    more->interrupting = true;
    ovl__future_hold(future);
    more->interrupt.handle = interrupt_task;
    ovl__loop_post(async->loop, &more->interrupt);
}

static void stop_loop(struct ovl__message *message)
{
    ovl__loop_stop(ovl__of(message, struct async, stop)->loop);
}

static void async_free(struct async *async)
{
    ovl__loop_free(async->loop);
    free(async);
}

static void *loop_main(void *argument)
{
    struct async *async = argument;
    struct ovl_executor *executor = async->executor;
    pthread_setname_np(pthread_self(), "ovl-loop");
    struct ovl__watch watch;
    ovl__watch_begin(&watch, async->loop,
                     &(struct ovl__watch_options){
                         .stall_ns = executor->options.stall_ns,
                         .stalled = executor->options.stalled,
                         .context = executor->options.stall_context,
                     });
    ovl__loop_run(async->loop);
    ovl__watch_end(&watch);
    pthread_mutex_lock(&executor->lock);
    async->ended = true;
    bool abandoned = async->abandoned;
    pthread_mutex_unlock(&executor->lock);
    if (abandoned)
        async_free(async);
    ovl__executor_drop(executor);
    return NULL;
}

static int start_thread(struct async *async)
{
    ovl__executor_hold(async->executor);
    int error = -ovl__sys.pthread_create(&async->thread, NULL, loop_main, async);
    if (error)
        ovl__executor_drop(async->executor);
    return error;
}

static int async_open(struct ovl_executor *executor)
{
    struct async *async = ovl__zalloc(sizeof *async);
    if (!async)
        return -ENOMEM;
    if (executor->workers > COROUTINES_MAX)
        executor->workers = COROUTINES_MAX;
    async->executor = executor;
    async->spawn.handle = spawn_wanted;
    async->stop.handle = stop_loop;
    executor->own = async;
    int error = ovl__loop_new(executor->options.stack_bytes, &async->loop);
    if (!error)
        error = start_thread(async);
    if (error)
        async_free(async);
    return error;
}

static void async_close(struct ovl_executor *executor, bool abandon)
{
    struct async *async = executor->own;
    pthread_mutex_lock(&executor->lock);
    ovl__wake_all(&executor->work);
    bool join = async->ended || !abandon;
    async->abandoned = !join;
    pthread_t thread = async->thread;
    ovl__loop_post(async->loop, &async->stop);
    pthread_mutex_unlock(&executor->lock);
    if (join) {
        pthread_join(thread, NULL);
        async_free(async);
    } else {
        pthread_detach(thread);
    }
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
