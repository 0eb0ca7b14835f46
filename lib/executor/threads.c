/* Pre-emptive: a pool of threads, between which the operating system switches. */
#include "base/processor.h"
#include "base/system.h"
#include "executor/executor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

struct thread {
    struct ovl__worker worker;
    pthread_t id;
    struct ovl__processor_place place;
    bool ended;     /* under the executor's lock: touches nothing any more */
    bool abandoned; /* under the executor's lock: nobody joins it, it frees itself */
};

struct threads {
    struct thread **all; /* executor->workers of them */
};

/* Until there is something to do, each stays on a processor of its own: there it begins. */
static void await_first_task(struct thread *thread)
{
    struct ovl_executor *executor = thread->worker.executor;
    pthread_mutex_lock(&executor->lock);
    if (ovl__list_empty(&executor->queue) && !executor->closing)
        ovl__wait(&executor->work, &executor->lock, OVL_FOREVER);
    pthread_mutex_unlock(&executor->lock);
    ovl__processor_let_go(&thread->place);
}

static void *thread_main(void *argument)
{
    struct thread *thread = argument;
    struct ovl_executor *executor = thread->worker.executor;
    char name[16]; /* a thread names itself without a descriptor */
    snprintf(name, sizeof name, "ovl-%u", thread->worker.number);
    pthread_setname_np(pthread_self(), name);
    await_first_task(thread);
    ovl__worker_loop(&thread->worker);
    pthread_mutex_lock(&executor->lock);
    thread->ended = true;
    bool abandoned = thread->abandoned;
    pthread_mutex_unlock(&executor->lock);
    if (abandoned)
        free(thread);
    ovl__executor_drop(executor);
    return NULL;
}

static int start(struct ovl_executor *executor, struct thread *thread)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    size_t least = (size_t)PTHREAD_STACK_MIN;
    size_t stack_bytes = executor->options.stack_bytes;
    if (stack_bytes)
        pthread_attr_setstacksize(&attributes, stack_bytes < least ? least : stack_bytes);
    thread->place = ovl__processor_place(thread->worker.number);
    if (thread->place.known)
        pthread_attr_setaffinity_np(&attributes, sizeof thread->place.one, &thread->place.one);
    ovl__executor_hold(executor);
    int error = -ovl__sys.pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    if (error)
        ovl__executor_drop(executor);
    return error;
}

static int start_next(struct ovl_executor *executor, struct threads *threads, unsigned number)
{
    struct thread *thread = ovl__zalloc(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    thread->worker = (struct ovl__worker){.executor = executor, .number = number};
    int error = start(executor, thread);
    if (error) {
        free(thread);
        return error;
    }
    threads->all[number] = thread;
    return 0;
}

static int threads_open(struct ovl_executor *executor)
{
    struct threads *threads = ovl__zalloc(sizeof *threads);
    struct thread **all = ovl__zalloc(executor->workers * sizeof *all);
    if (!threads || !all) {
        free(threads);
        free(all);
        return -ENOMEM;
    }
    threads->all = all;
    executor->own = threads;
    unsigned started = 0;
    int error = 0;
    while (started < executor->workers && !(error = start_next(executor, threads, started)))
        started++;
    if (!started) {
        free(all);
        free(threads);
        return error;
    }
    executor->workers = started;
    return 0;
}

static void threads_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    if (ovl__executor_may_take(executor))
        ovl__wake_one(&executor->work);
}

static void threads_queued_many(struct ovl_executor *executor)
{
    for (size_t n = executor->counts.queued; n && ovl__wake_one(&executor->work); n--)
        ;
}

/* Whether the thread is to be joined; otherwise it ends by itself. */
static bool claim_end(struct ovl_executor *executor, struct thread *thread, bool abandon)
{
    pthread_mutex_lock(&executor->lock);
    bool join = thread->ended || !abandon;
    thread->abandoned = !join;
    pthread_mutex_unlock(&executor->lock);
    return join;
}

static void threads_close(struct ovl_executor *executor, bool abandon)
{
    struct threads *threads = executor->own;
    pthread_mutex_lock(&executor->lock);
    ovl__wake_all(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    for (unsigned i = 0; i < executor->workers; i++) {
        struct thread *thread = threads->all[i];
        pthread_t id = thread->id;
        if (claim_end(executor, thread, abandon)) {
            pthread_join(id, NULL);
            free(thread);
        } else {
            pthread_detach(id);
        }
    }
    free(threads->all);
    free(threads);
}

const struct ovl__model_ops ovl__model_threads = {
    .model = OVL_THREADS,
    .workers_max = OVL_WORKERS_MAX,
    .open = threads_open,
    .queued = threads_queued,
    .queued_many = threads_queued_many,
    .close = threads_close,
};
