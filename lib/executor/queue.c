#include "executor/queue.h"

#include "base/clock.h"
#include "loop/loop.h"

#include <errno.h>
#include <overlap/error.h>

/* --- taking and ending --- */

bool ovl__future_try_take(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    if (ovl__state_now(&future->state) != OVL__QUEUED)
        return false;
    if (future->deadline != OVL_FOREVER && ovl_now() >= future->deadline) {
        ovl__future_refuse(future, OVL_ETIMEDOUT);
        return false;
    }
    ovl__state_claim(&future->state);
    ovl__list_remove(&future->link);
    ovl__list_append(&executor->running, &future->link);
    future->outcome.attempts++;
    executor->counts.queued--;
    executor->counts.running++;
    ovl__wake_one(&executor->room);
    return true;
}

bool ovl__executor_has_room(const struct ovl_executor *executor)
{
    return executor->active < atomic_load_explicit(&executor->limit, memory_order_relaxed);
}

bool ovl__executor_may_take(const struct ovl_executor *executor)
{
    return !ovl__list_empty(&executor->queue) && ovl__executor_has_room(executor);
}

bool ovl__future_take(struct ovl_future *future)
{
    if (!ovl__future_try_take(future))
        return false;
    future->counted = true;
    future->executor->active++;
    return true;
}

struct ovl_future *ovl__executor_take(struct ovl_executor *executor)
{
    while (ovl__executor_may_take(executor)) {
        struct ovl_future *future = ovl__of(executor->queue.next, struct ovl_future, link);
        if (ovl__future_take(future))
            return future;
    }
    return NULL;
}

/* Where it was: tasks begin in the order of their submits, whoever comes back in what order. */
static struct ovl__link *place_in_queue(const struct ovl_future *future)
{
    struct ovl__link *queue = &future->executor->queue;
    struct ovl__link *link = queue->next;
    size_t task = future->more->meter.record.task;
    while (link != queue && ovl__of(link, struct ovl_future, link)->more->meter.record.task < task)
        link = link->next;
    return link;
}

void ovl__future_requeue(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    ovl__list_remove(&future->link);
    ovl__list_append(place_in_queue(future), &future->link);
    ovl__state_requeue(&future->state);
    executor->active -= future->counted;
    future->counted = false;
    executor->counts.running--;
    executor->counts.queued++;
    executor->ops->queued(executor, future);
}

static void wake_if_quiet(struct ovl_executor *executor)
{
    if (!executor->counts.queued && !executor->counts.running)
        ovl__wake_all(&executor->quiet);
}

static void end(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    if (future->more && future->more->notify)
        future->more->notify(future->more->notify_context, future);
    if (ovl__state_complete(&future->state, false) == OVL__WAKE_WAITERS)
        ovl__wake_all(&future->waiters);
    wake_if_quiet(executor);
    ovl__future_drop(future);
}

/* It does not run any more. */
static void leave(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    ovl__list_remove(&future->link);
    executor->counts.running--;
    executor->active -= future->counted;
    if (future->outcome.error)
        executor->counts.failed++;
    else
        executor->counts.done++;
}

void ovl__future_finish(struct ovl_future *future)
{
    leave(future);
    end(future);
}

void ovl__future_begin_in_place(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    atomic_store_explicit(&future->cancel, 0, memory_order_relaxed);
    future->more->meter.record.task = executor->counts.submitted++;
    ovl__list_append(&executor->running, &future->link);
    executor->counts.running++;
    future->counted = true;
    executor->active++;
}

void ovl__future_end_in_place(struct ovl_future *future)
{
    leave(future);
    wake_if_quiet(future->executor);
}

void ovl__future_refuse(struct ovl_future *future, int error)
{
    struct ovl_executor *executor = future->executor;
    ovl__state_claim(&future->state);
    ovl__list_remove(&future->link);
    executor->counts.queued--;
    executor->counts.cancelled++;
    future->outcome.error = error;
    ovl__wake_one(&executor->room);
    end(future);
}

void ovl__executor_refuse_all(struct ovl_executor *executor, int error)
{
    while (!ovl__list_empty(&executor->queue))
        ovl__future_refuse(ovl__of(executor->queue.next, struct ovl_future, link), error);
}

/* --- submitting --- */

/* The caller is a task of the executor: it runs the task itself, on its own worker. */
static void run_here(struct ovl_task *outer, struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    if (!ovl__future_try_take(future))
        return;
    future->outcome.worker = outer->worker->number; /* for whoever cancels it */
    ovl__park_unlock(&executor->lock);
    ovl__worker_run(outer->worker, future);
    ovl__park_lock(&executor->lock);
    ovl__future_finish(future);
}

static bool is_full(const struct ovl_executor *executor)
{
    return executor->counts.queued >= executor->options.queue_limit;
}

static int wait_for_room(struct ovl_executor *executor, const struct ovl_submit_options *options)
{
    ovl_time deadline = options && options->wait_ns ? ovl_after(options->wait_ns) : OVL_FOREVER;
    while (!executor->closing && is_full(executor)) {
        if (options && options->nowait)
            return OVL_EFULL;
        if (executor->ops->queued_many) /* some of what fills it may have been submitted quietly */
            executor->ops->queued_many(executor);
        if (executor->closing || !is_full(executor))
            break;
        ovl__waits_for("room in a queue", -1);
        int error = ovl__wait(&executor->room, &executor->lock, deadline);
        if (error)
            return error;
    }
    return executor->closing ? OVL_ECLOSED : 0;
}

/* One that begins at once is stamped when it does. */
static void stamp(struct ovl_future *future)
{
    const struct ovl_executor *executor = future->executor;
    if (executor->ledger && !executor->ops->begins_at_once)
        future->more->meter.record.submitted = ovl__stamp();
}

static void enqueue(struct ovl_executor *executor, struct ovl_future *future)
{
    ovl__list_append(&executor->queue, &future->link);
    future->more->meter.record.task = executor->counts.submitted++;
    executor->counts.queued++;
}

/* A closing executor still takes what its own running tasks submit. */
static int submit(struct ovl_executor *executor, struct ovl_future *future,
                  const struct ovl_submit_options *options, bool quietly)
{
    struct ovl_task *outer = ovl__task_here(executor);
    if (!outer && (executor->closing || is_full(executor))) {
        int error = wait_for_room(executor, options);
        if (error)
            return error;
        stamp(future);
    }
    bool full = is_full(executor);
    enqueue(executor, future);
    if (outer && full)
        run_here(outer, future);
    else if (!quietly || !executor->ops->queued_many)
        executor->ops->queued(executor, future);
    return 0;
}

static int queue_submit(struct ovl_future *future, const struct ovl_submit_options *options,
                        bool quietly)
{
    struct ovl_executor *executor = future->executor;
    if (ovl__executor_is_copy(executor))
        return OVL_ECLOSED;
    stamp(future);
    ovl__park_lock(&executor->lock);
    int error = submit(executor, future, options, quietly);
    ovl__park_unlock(&executor->lock);
    return error;
}

static void queue_announce(struct ovl_executor *executor)
{
    if (ovl__executor_is_copy(executor))
        return;
    ovl__park_lock(&executor->lock);
    if (executor->ops->queued_many && executor->counts.queued)
        executor->ops->queued_many(executor);
    ovl__park_unlock(&executor->lock);
}

static void queue_run_inside(struct ovl_task *here, struct ovl_future *future)
{
    ovl__park_lock(&future->executor->lock);
    run_here(here, future);
    ovl__park_unlock(&future->executor->lock);
}

/* --- in a child of fork --- */

/* The lists are as the parent's threads happened to have them: they are let alone. */
static void end_in_copy(struct ovl_future *future, int error)
{
    future->outcome.error = error;
    ovl__state_claim(&future->state);
    ovl__state_complete(&future->state, false);
    ovl__future_drop(future);
}

static bool queue_give_up(struct ovl_future *future)
{
    bool copy = !ovl_future_done(future) && ovl__executor_is_copy(future->executor);
    if (copy)
        end_in_copy(future, OVL_ECLOSED);
    return copy;
}

/* --- cancelling --- */

static void cancel_running(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    atomic_store(&future->cancel, OVL_ECANCELED);
    if (executor->ops->cancel_running)
        executor->ops->cancel_running(executor, future);
}

static void cancel_all_running(struct ovl_executor *executor)
{
    struct ovl__link *next;
    for (struct ovl__link *link = executor->running.next; link != &executor->running; link = next) {
        next = link->next;
        struct ovl_future *future = ovl__of(link, struct ovl_future, link);
        if (executor->ops->cancel_all)
            atomic_store(&future->cancel, OVL_ECANCELED);
        else
            cancel_running(future);
    }
    if (executor->ops->cancel_all)
        executor->ops->cancel_all(executor);
}

static void queue_cancel(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    if (ovl__executor_is_copy(executor)) {
        if (!ovl_future_done(future))
            end_in_copy(future, OVL_ECANCELED);
        return;
    }
    ovl__park_lock(&executor->lock);
    enum ovl__future_state state = ovl__state_now(&future->state);
    if (state == OVL__QUEUED)
        ovl__future_refuse(future, OVL_ECANCELED);
    else if (state == OVL__RUNNING)
        cancel_running(future);
    ovl__park_unlock(&executor->lock);
}

static void queue_cancel_all(struct ovl_executor *executor)
{
    if (ovl__executor_is_copy(executor))
        return;
    ovl__park_lock(&executor->lock);
    cancel_all_running(executor);
    ovl__executor_refuse_all(executor, OVL_ECANCELED);
    ovl__park_unlock(&executor->lock);
}

/* --- counting and closing --- */

static void queue_counts(struct ovl_executor *executor, struct ovl_counts *ret_counts)
{
    if (ovl__executor_is_copy(executor)) {
        *ret_counts = executor->counts;
        return;
    }
    ovl__park_lock(&executor->lock);
    *ret_counts = executor->counts;
    if (executor->ops->count)
        executor->ops->count(executor, ret_counts);
    ovl__park_unlock(&executor->lock);
}

static size_t queue_queued(struct ovl_executor *executor)
{
    return executor->counts.queued;
}

static void queue_begin_close(struct ovl_executor *executor)
{
    ovl__park_lock(&executor->lock);
    executor->closing = true;
    ovl__wake_all(&executor->room);
    ovl__park_unlock(&executor->lock);
}

static bool is_quiet(const struct ovl_executor *executor)
{
    return !executor->counts.queued && !executor->counts.running;
}

static bool queue_await_quiet(struct ovl_executor *executor, ovl_time deadline)
{
    ovl__park_lock(&executor->lock);
    while (!is_quiet(executor) && !ovl__wait(&executor->quiet, &executor->lock, deadline))
        ;
    bool quiet = is_quiet(executor);
    ovl__park_unlock(&executor->lock);
    return quiet;
}

const struct ovl__core ovl__core_queue = {
    .submit = queue_submit,
    .announce = queue_announce,
    .run_inside = queue_run_inside,
    .cancel = queue_cancel,
    .cancel_all = queue_cancel_all,
    .counts = queue_counts,
    .give_up = queue_give_up,
    .queued = queue_queued,
    .begin_close = queue_begin_close,
    .await_quiet = queue_await_quiet,
};
