#include "base/system.h"
#include "executor/executor.h"

#include <errno.h>
#include <overlap/error.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Rounded up to where malloc would have aligned what follows. */
#define ALIGNED(size) (((size) + 15) / 16 * 16)

static bool needs_more(const struct ovl_executor *executor, const struct ovl__submit_extras *extras)
{
    return executor->ops->model != OVL_THREADS || executor->ledger || extras->notify;
}

/* The future, what more it needs, and its item, one behind the other. */
static struct ovl_future *allocate(bool with_more, struct ovl_bytes item)
{
    size_t more_size = with_more ? ALIGNED(sizeof(struct ovl__future_more)) : 0;
    size_t head_size = ALIGNED(sizeof(struct ovl_future)) + more_size;
    if (item.size > SIZE_MAX / 2)
        return NULL;
    struct ovl_future *future = ovl__sys.malloc(head_size + item.size);
    if (!future)
        return NULL;
    char *place = (char *)future;
    struct ovl__future_more *more = (void *)(place + ALIGNED(sizeof(struct ovl_future)));
    *future = (struct ovl_future){
        .item = {.data = place + head_size, .size = item.size},
        .more = with_more ? more : NULL,
    };
    if (with_more)
        *more = (struct ovl__future_more){.future = future};
    if (item.size)
        memcpy(place + head_size, item.data, item.size);
    return future;
}

static struct ovl_future *new_future(struct ovl_executor *executor, ovl_task_fn *fn,
                                     struct ovl_bytes item,
                                     const struct ovl_submit_options *options,
                                     const struct ovl__submit_extras *extras)
{
    struct ovl_future *future = allocate(needs_more(executor, extras), item);
    if (!future)
        return NULL;
    future->executor = executor;
    future->fn = fn;
    future->deadline = options && options->deadline ? options->deadline : OVL_FOREVER;
    future->outcome.worker = OVL_NO_WORKER;
    if (future->more) {
        future->more->repetitions = options ? options->repetitions : 0;
        future->more->notify = extras->notify;
        future->more->notify_context = extras->notify_context;
    }
    atomic_init(&future->references, 2);
    atomic_init(&future->state, OVL__QUEUED);
    ovl__wait_list_init(&future->waiters);
    ovl__executor_hold(executor);
    return future;
}

void ovl__future_drop(struct ovl_future *future)
{
    if (atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) > 1)
        return;
    ovl__executor_drop(future->executor);
    if (future->more && future->more->loan)
        future->more->loan->give_back(future->more->loan);
    else
        ovl__buffer_release(&future->result);
    free(future);
}

void ovl_future_free(struct ovl_future *future)
{
    if (future)
        ovl__future_drop(future);
}

/* --- ending --- */

static void end(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    atomic_store_explicit(&future->state, OVL__DONE, memory_order_release);
    ovl__wake_all(&future->waiters);
    if (future->more && future->more->notify)
        future->more->notify(future->more->notify_context, future);
    if (!executor->counts.queued && !executor->counts.running)
        ovl__wake_all(&executor->quiet);
    ovl__future_drop(future);
}

static void record(struct ovl_future *future)
{
    struct ovl_ledger *ledger = future->executor->ledger;
    struct ovl_record *measured = &future->more->meter.record;
    measured->error = future->outcome.error;
    if (ledger && measured->start)
        ovl__ledger_add(ledger, &future->more->meter);
}

void ovl__future_finish(struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    ovl__list_remove(&future->link);
    executor->counts.running--;
    executor->active -= future->counted;
    if (future->outcome.error)
        executor->counts.failed++;
    else
        executor->counts.done++;
    if (future->more)
        record(future);
    end(future);
}

void ovl__future_refuse(struct ovl_future *future, int error)
{
    struct ovl_executor *executor = future->executor;
    ovl__list_remove(&future->link);
    executor->counts.queued--;
    executor->counts.cancelled++;
    future->outcome.error = error;
    ovl__wake_one(&executor->room);
    end(future);
}

void ovl_future_cancel(struct ovl_future *future)
{
    if (ovl_future_done(future))
        return;
    struct ovl_executor *executor = future->executor;
    pthread_mutex_lock(&executor->lock);
    enum ovl__future_state state = atomic_load_explicit(&future->state, memory_order_relaxed);
    if (state == OVL__QUEUED) {
        ovl__future_refuse(future, OVL_ECANCELED);
    } else if (state == OVL__RUNNING) {
        atomic_store(&future->cancel, OVL_ECANCELED);
        if (executor->ops->cancel_running)
            executor->ops->cancel_running(executor, future);
    }
    pthread_mutex_unlock(&executor->lock);
}

/* --- submitting --- */

/* The caller is a task of the executor: it runs the task itself, on its own worker. The lock is
 * held. */
static void run_here(struct ovl_task *outer, struct ovl_future *future)
{
    struct ovl_executor *executor = future->executor;
    if (!ovl__future_try_take(future))
        return;
    pthread_mutex_unlock(&executor->lock);
    ovl__worker_run(outer->worker, future);
    pthread_mutex_lock(&executor->lock);
    ovl__future_finish(future);
}

static int wait_for_room(struct ovl_executor *executor, const struct ovl_submit_options *options)
{
    ovl_time deadline = options && options->wait_ns ? ovl_after(options->wait_ns) : OVL_FOREVER;
    while (!executor->closing && executor->counts.queued >= executor->options.queue_limit) {
        if (options && options->nowait)
            return OVL_EFULL;
        if (executor->ops->queued_many) /* some of what fills it may have been submitted quietly */
            executor->ops->queued_many(executor);
        if (executor->closing || executor->counts.queued < executor->options.queue_limit)
            break;
        int error = ovl__wait(&executor->room, &executor->lock, deadline);
        if (error)
            return error;
    }
    return executor->closing ? OVL_ECLOSED : 0;
}

static void enqueue(struct ovl_executor *executor, struct ovl_future *future)
{
    ovl__list_append(&executor->queue, &future->link);
    if (future->more)
        future->more->meter.record.task = executor->counts.submitted;
    if (executor->ledger)
        future->more->meter.record.submitted = ovl_now();
    executor->counts.submitted++;
    executor->counts.queued++;
}

/* The lock is held. A closing executor still takes what its own running tasks submit. */
static int submit(struct ovl_executor *executor, struct ovl_future *future,
                  const struct ovl_submit_options *options, bool quietly)
{
    struct ovl_task *outer = ovl__task_here(executor);
    if (!outer) {
        int error = wait_for_room(executor, options);
        if (error)
            return error;
    }
    bool full = executor->counts.queued >= executor->options.queue_limit;
    enqueue(executor, future);
    if (outer && full)
        run_here(outer, future);
    else if (!quietly || !executor->ops->queued_many)
        executor->ops->queued(executor, future);
    return 0;
}

int ovl__submit(struct ovl_executor *executor, ovl_task_fn *fn, struct ovl_bytes item,
                const struct ovl_submit_options *options, const struct ovl__submit_extras *extras,
                struct ovl_future **ret_future)
{
    struct ovl_future *future = new_future(executor, fn, item, options, extras);
    if (!future)
        return -ENOMEM;
    pthread_mutex_lock(&executor->lock);
    int error = submit(executor, future, options, extras->quietly);
    pthread_mutex_unlock(&executor->lock);
    if (error) {
        ovl__executor_drop(executor);
        free(future);
        return error;
    }
    if (ret_future)
        *ret_future = future;
    else
        ovl__future_drop(future);
    return 0;
}

void ovl__executor_announce(struct ovl_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    if (executor->ops->queued_many && executor->counts.queued)
        executor->ops->queued_many(executor);
    pthread_mutex_unlock(&executor->lock);
}

static const struct ovl__submit_extras no_extras;

int ovl_submit_with(struct ovl_executor *executor, ovl_task_fn *fn, struct ovl_bytes item,
                    const struct ovl_submit_options *options, struct ovl_future **ret_future)
{
    return ovl__submit(executor, fn, item, options, &no_extras, ret_future);
}

int ovl_submit(struct ovl_executor *executor, ovl_task_fn *fn, struct ovl_bytes item,
               struct ovl_future **ret_future)
{
    return ovl__submit(executor, fn, item, NULL, &no_extras, ret_future);
}

/* --- waiting --- */

bool ovl_future_done(const struct ovl_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) == OVL__DONE;
}

/* Waits with the lock held, letting it go meanwhile. */
static int wait_until_done(struct ovl_future *future, ovl_time deadline)
{
    struct ovl_executor *executor = future->executor;
    struct ovl_task *here = ovl__task_here(executor);
    int error = 0;
    if (executor->ops->help)
        executor->ops->help(executor, future);
    while (!error && !ovl_future_done(future)) {
        bool queued = atomic_load_explicit(&future->state, memory_order_relaxed) == OVL__QUEUED;
        if (here && queued)
            run_here(here, future);
        else
            error = ovl__wait(&future->waiters, &executor->lock, deadline);
    }
    return error;
}

int ovl_future_wait(struct ovl_future *future, ovl_time deadline)
{
    if (ovl_future_done(future))
        return 0;
    struct ovl_executor *executor = future->executor;
    pthread_mutex_lock(&executor->lock);
    int error = wait_until_done(future, deadline);
    pthread_mutex_unlock(&executor->lock);
    return error;
}

int ovl_future_result(struct ovl_future *future, struct ovl_bytes *ret_result)
{
    ovl_future_wait(future, OVL_FOREVER);
    if (ret_result)
        *ret_result = (struct ovl_bytes){
            .data = future->result.size ? future->result.data : NULL,
            .size = future->result.size,
        };
    return future->outcome.error;
}

struct ovl_outcome ovl_future_outcome(struct ovl_future *future)
{
    ovl_future_wait(future, OVL_FOREVER);
    return future->outcome;
}

/* --- in words --- */

static const char *error_words(int error, char *buffer, size_t size)
{
    if (ovl_error_name(error))
        return ovl_error_message(error);
    snprintf(buffer, size, "task error %d", error);
    return buffer;
}

static void detail_words(const struct ovl_outcome *outcome, char *buffer, size_t size)
{
    char number[32];
    switch (outcome->error) {
    case OVL_ESIGNALED: {
        const char *name = sigabbrev_np(outcome->detail);
        snprintf(buffer, size, "ended by signal %d (SIG%s)", outcome->detail, name ? name : "?");
        break;
    }
    case OVL_EEXITED:
        snprintf(buffer, size, "exited with %d in the middle of the task", outcome->detail);
        break;
    case OVL_ESESSION:
        snprintf(buffer, size, "session could not be opened: %s",
                 error_words(outcome->detail, number, sizeof number));
        break;
    default:
        snprintf(buffer, size, "%s", error_words(outcome->error, number, sizeof number));
    }
}

size_t ovl_outcome_text(const struct ovl_outcome *outcome, char *buffer, size_t size)
{
    char words[120];
    if (!outcome->error)
        snprintf(words, sizeof words, "done");
    else
        detail_words(outcome, words, sizeof words);
    int length = outcome->worker == OVL_NO_WORKER
                     ? snprintf(buffer, size, "not begun: %s", words)
                     : snprintf(buffer, size, "worker %u: %s", outcome->worker, words);
    return length > 0 ? (size_t)length : 0;
}
