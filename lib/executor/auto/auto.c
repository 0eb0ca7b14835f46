/* The model that finds the others: opening, closing, and what is queued. */
#include "executor/auto/auto.h"

#include "base/processor.h"
#include "hooks/hooks.h"

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

/* Of tiny tasks so many run for one that is measured: measuring costs as much as they take. One
 * that takes long beyond doubt is the monitor's to see. */
#define LOOK_EVERY 32

static void release(struct ovl__auto *own)
{
    for (unsigned i = 0; i < own->loop_count; i++)
        ovl__loop_free(own->loops[i].loop);
    for (struct ovl__auto_thread *thread = own->all_threads; thread;) {
        struct ovl__auto_thread *next = thread->next;
        free(thread);
        thread = next;
    }
    ovl_tuner_close(own->loop_tuner);
    ovl_tuner_close(own->thread_tuner);
    ovl__buffer_release(&own->free_numbers);
    free(own->place_of);
    free(own->loops);
    free(own);
}

void ovl__auto_drop(struct ovl__auto *own)
{
    struct ovl_executor *executor = own->executor;
    if (atomic_fetch_sub_explicit(&own->references, 1, memory_order_acq_rel) > 1)
        return;
    release(own);
    ovl__executor_drop(executor);
}

static struct ovl__auto *auto_new(struct ovl_executor *executor)
{
    struct ovl__auto *own = ovl__zalloc(sizeof *own);
    if (!own)
        return NULL;
    own->executor = executor;
    own->cores = ovl__processors();
    own->loops_most = own->cores < OVL__LOOPS_MAX ? own->cores : OVL__LOOPS_MAX;
    if (own->loops_most > executor->workers)
        own->loops_most = executor->workers;
    own->loops = ovl__zalloc(own->loops_most * sizeof *own->loops);
    own->place_of = ovl__zalloc(executor->workers * sizeof *own->place_of);
    own->threads.own = own;
    own->caller.executor = executor;
    ovl__wait_list_init(&own->threads.idle);
    ovl__wait_list_init(&own->attention);
    atomic_init(&own->references, 1);
    if (own->loops && own->place_of)
        return own;
    release(own);
    return NULL;
}

static int auto_open(struct ovl_executor *executor)
{
    if (executor->workers > COROUTINES_MAX)
        executor->workers = COROUTINES_MAX;
    executor->metered = true;
    struct ovl__auto *own = auto_new(executor);
    if (!own)
        return -ENOMEM;
    executor->own = own;
    ovl__executor_hold(executor);
    ovl__auto_begin(own);
    ovl__park_lock(&executor->lock); /* the loop's thread looks at what there is */
    int error = ovl__auto_start_loop(own);
    ovl__park_unlock(&executor->lock);
    if (error)
        ovl__auto_drop(own);
    return error;
}

/* --- tasks --- */

static bool has_caller_number(struct ovl__auto *own)
{
    if (!own->has_caller) {
        own->caller.number = ovl__auto_take_number(own, NULL);
        own->has_caller = own->caller.number != OVL_NO_WORKER;
    }
    return own->has_caller;
}

/* In the thread that called a map, which would have nothing else to do. */
static bool begin_in_place(struct ovl__auto *own, struct ovl_future *future)
{
    struct ovl_executor *executor = own->executor;
    if (own->kind != OVL__TINY_WORK || own->caller_busy || executor->closing ||
        !ovl__executor_has_room(executor) || ovl__task_here(executor) || !has_caller_number(own))
        return false;
    own->caller_busy = true;
    own->caller.unmetered = own->in_place++ % LOOK_EVERY && !own->grown && !executor->ledger;
    ovl__future_begin_in_place(future);
    ovl__auto_notice(own);
    return true;
}

static void end_in_place(struct ovl__auto *own, struct ovl_future *future)
{
    own->caller_busy = false;
    if (own->caller.unmetered)
        own->ended++;
    else
        ovl__auto_judge(own, NULL, future);
    ovl__future_end_in_place(future);
}

static bool auto_run_in_place(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl__auto *own = executor->own;
    ovl__park_lock(&executor->lock);
    bool begins = begin_in_place(own, future);
    ovl__park_unlock(&executor->lock);
    if (!begins)
        return false;
    ovl__worker_run(&own->caller, future);
    ovl__park_lock(&executor->lock);
    end_in_place(own, future);
    bool abandoned = own->abandoned;
    ovl__park_unlock(&executor->lock);
    if (abandoned) {
        ovl__worker_release(&own->caller);
        ovl__auto_drop(own);
    }
    return true;
}

static void auto_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    ovl__auto_hand_out(executor->own);
    ovl__auto_notice(executor->own);
}

static void auto_queued_many(struct ovl_executor *executor)
{
    ovl__auto_hand_out(executor->own);
    ovl__auto_notice(executor->own);
}

/* A task in a thread has its flag; one in a coroutine is reached in what it waits for. */
static void auto_cancel_running(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl__auto *own = executor->own;
    unsigned number = future->outcome.worker;
    struct ovl__place *place = number == OVL_NO_WORKER ? NULL : own->place_of[number];
    if (place && place != &own->threads)
        ovl__future_interrupt(future, ovl__of(place, struct ovl__auto_loop, place)->loop);
}

/* --- closing --- */

static void wake_everyone(struct ovl__auto *own)
{
    ovl__wake_all(&own->attention);
    ovl__wake_all(&own->threads.idle);
    for (unsigned i = 0; i < own->loop_count; i++) {
        ovl__wake_all(&own->loops[i].place.idle);
        ovl__loop_post(own->loops[i].loop, &own->loops[i].stop);
    }
}

/* Joins a thread that ends, or leaves one that may not alone. */
static void end_thread(struct ovl__auto *own, pthread_t id, const bool *ended, bool abandon)
{
    ovl__park_lock(&own->executor->lock);
    bool join = *ended || !abandon;
    ovl__park_unlock(&own->executor->lock);
    if (join)
        pthread_join(id, NULL);
    else
        pthread_detach(id);
}

static void auto_close(struct ovl_executor *executor, bool abandon)
{
    struct ovl__auto *own = executor->own;
    ovl__park_lock(&executor->lock);
    own->closing = true;
    own->abandoned = abandon;
    if (abandon && own->caller_busy) /* what its task leaves behind is its caller's to free */
        atomic_fetch_add_explicit(&own->references, 1, memory_order_relaxed);
    wake_everyone(own);
    bool has_monitor = own->has_monitor;
    ovl__park_unlock(&executor->lock);
    for (unsigned i = 0; i < own->loop_count; i++)
        end_thread(own, own->loops[i].thread, &own->loops[i].ended, abandon);
    for (struct ovl__auto_thread *thread = own->all_threads; thread; thread = thread->next)
        end_thread(own, thread->id, &thread->ended, abandon);
    if (has_monitor || own->has_monitor)
        pthread_join(own->monitor, NULL);
    if (!abandon)
        ovl__worker_release(&own->caller);
    ovl__auto_drop(own);
}

const struct ovl__model_ops ovl__model_auto = {
    .model = OVL_AUTO,
    .judges = true,
    .core = &ovl__core_queue,
    .workers_max = OVL_COROUTINES_MAX,
    .open = auto_open,
    .queued = auto_queued,
    .queued_many = auto_queued_many,
    .cancel_running = auto_cancel_running,
    .run_in_place = auto_run_in_place,
    .close = auto_close,
};
