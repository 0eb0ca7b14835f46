#include "base/blocks.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "executor/decisions.h"
#include "executor/executor.h"
#include "loop/loop.h"

#include <errno.h>
#include <overlap/error.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* From so many bytes on an item is where the model wants it. */
#define APART_BYTES ((size_t)256 << 10)

/* Rounded up to where malloc would have aligned what follows. */
#define ALIGNED(size) (((size) + 15) / 16 * 16)

/* --- making and freeing --- */

static bool needs_more(const struct ovl_executor *executor, const struct ovl__submit_extras *extras)
{
    return executor->ops->model != OVL_THREADS || executor->ledger || extras->notify;
}

/* All zero but for what a trail of no segments does not have. */
static void init_more(struct ovl__future_more *more, struct ovl_future *future)
{
    memset(more, 0, offsetof(struct ovl__future_more, meter.trail.segments));
    more->future = future;
}

/* The future, what more it needs, room for its item, which is written there, and for a small
 * result, one behind the other: these are set, and nothing else. */
static struct ovl_future *allocate(bool with_more, struct ovl_bytes item)
{
    size_t more_size = with_more ? ALIGNED(sizeof(struct ovl__future_more)) : 0;
    if (item.size > SIZE_MAX / 2)
        return NULL;
    size_t size = sizeof(struct ovl_future) + more_size + ALIGNED(item.size);
    enum ovl__block_kind kind = with_more ? OVL__LARGE_BLOCK : OVL__SMALL_BLOCK;
    bool is_block = size <= ovl__block_bytes(kind);
    struct ovl_future *future = is_block ? ovl__block_new(kind) : ovl__sys.malloc(size);
    if (!future)
        return NULL;
    char *room = (char *)(future + 1);
    size_t left = is_block ? ovl__block_bytes(kind) - size : 0;
    struct ovl__future_more *more = with_more ? (void *)room : NULL;
    char *copy = room + more_size;
    future->item = (struct ovl_bytes){.data = copy, .size = item.size};
    future->more = more;
    future->result = (struct ovl__buffer){
        .data = left ? copy + ALIGNED(item.size) : NULL,
        .capacity = left,
        .borrowed = left,
    };
    future->is_block = is_block;
    if (more)
        init_more(more, future);
    if (item.size)
        memcpy(copy, item.data, item.size);
    return future;
}

/* As allocate: a large item is written at once where it will be read. One that may be run twice is
 * not: the first run may leave another one behind. */
static struct ovl_future *allocate_with_item(struct ovl_executor *executor, struct ovl_bytes item,
                                             const struct ovl_submit_options *options,
                                             const struct ovl__submit_extras *extras)
{
    const struct ovl__model_ops *ops = executor->ops;
    struct ovl__loan *loan;
    bool apart =
        ops->room_for_item && item.size >= APART_BYTES && !(options && options->repetitions);
    void *room = apart ? ops->room_for_item(executor, item.size, &loan) : NULL;
    if (!room)
        return allocate(needs_more(executor, extras), item);
    struct ovl_future *future = allocate(true, (struct ovl_bytes){0});
    if (!future) {
        loan->give_back(loan);
        return NULL;
    }
    future->item = (struct ovl_bytes){room, item.size};
    future->more->item_loan = loan;
    memcpy(room, item.data, item.size);
    return future;
}

static struct ovl_future *new_future(struct ovl_executor *executor, ovl_task_fn *fn,
                                     struct ovl_bytes item,
                                     const struct ovl_submit_options *options,
                                     const struct ovl__submit_extras *extras)
{
    struct ovl_future *future = allocate_with_item(executor, item, options, extras);
    if (!future)
        return NULL;
    future->executor = executor;
    future->fn = fn;
    future->deadline = options && options->deadline ? options->deadline : OVL_FOREVER;
    future->outcome = (struct ovl_outcome){.worker = OVL_NO_WORKER};
    atomic_init(&future->cancel, 0);
    future->epoch = 0;
    future->counted = false;
    if (future->more) {
        future->more->repetitions = options ? options->repetitions : 0;
        future->more->notify = extras->notify;
        future->more->notify_context = extras->notify_context;
    }
    ovl__state_init(&future->state, OVL__QUEUED, 2);
    ovl__wait_list_init(&future->waiters);
    ovl__list_init(&future->link);
    future->is_apart = executor->ops->core == &ovl__core_pool;
    if (!future->is_apart)
        ovl__executor_hold(executor);
    return future;
}

void ovl__future_free_new(struct ovl_future *future)
{
    if (!future->is_apart)
        ovl__executor_drop(future->executor);
    if (future->more && future->more->loan)
        future->more->loan->give_back(future->more->loan);
    else
        ovl__buffer_release(&future->result);
    if (future->more && future->more->item_loan)
        future->more->item_loan->give_back(future->more->item_loan);
    if (future->is_block)
        ovl__block_free(future->more ? OVL__LARGE_BLOCK : OVL__SMALL_BLOCK, future);
    else
        free(future);
}

void ovl__future_hold(struct ovl_future *future)
{
    ovl__state_hold(&future->state);
}

void ovl__future_drop(struct ovl_future *future)
{
    if (ovl__state_drop(&future->state))
        ovl__future_free_new(future);
}

void ovl_future_free(struct ovl_future *future)
{
    if (future)
        ovl__future_drop(future);
}

/* --- ending --- */

static void note_decision(struct ovl_executor *executor, unsigned workers)
{
    struct ovl_tuner_event event = {0};
    ovl_tuner_event(executor->tuner, ovl_tuner_event_count(executor->tuner) - 1, &event);
    struct ovl_decision *decision = &ovl__decisions_add(executor->decisions)->decision;
    decision->time = event.time;
    decision->model = OVL_PROCESSES;
    decision->workers = workers;
    decision->tasks = executor->counts.done + executor->counts.failed;
    snprintf(decision->reason, sizeof decision->reason, "%s", event.reason);
}

/* The limit follows what pays. Whoever ends a task looks for the next one afterwards. */
static void tune(struct ovl_executor *executor, const struct ovl_record *record)
{
    struct ovl_completion completion = {
        .end = record->end,
        .duration_ns = record->end - record->start,
        .cpu_ns = record->cpu_ns,
        .running = executor->active + 1,
        .failed = record->error != 0,
    };
    unsigned before = ovl_tuner_workers(executor->tuner);
    unsigned workers = ovl_tuner_add(executor->tuner, &completion);
    atomic_store_explicit(&executor->limit, workers, memory_order_relaxed);
    if (workers != before)
        note_decision(executor, workers);
}

void ovl__executor_record(struct ovl_executor *executor, const struct ovl__meter *meter)
{
    if (executor->ledger)
        ovl__ledger_add(executor->ledger, meter);
    if (executor->tuner)
        tune(executor, &meter->record);
}

void ovl__future_record(struct ovl_future *future)
{
    if (!future->more)
        return;
    struct ovl__meter *meter = &future->more->meter;
    meter->record.error = future->outcome.error;
    if (meter->record.start)
        ovl__executor_record(future->executor, meter);
}

void ovl_future_cancel(struct ovl_future *future)
{
    if (ovl_future_done(future))
        return;
    if (future->is_apart)
        ovl__core_pool.cancel(future);
    else
        future->executor->ops->core->cancel(future);
}

/* --- submitting --- */

int ovl__submit(struct ovl_executor *executor, ovl_task_fn *fn, struct ovl_bytes item,
                const struct ovl_submit_options *options, const struct ovl__submit_extras *extras,
                struct ovl_future **ret_future)
{
    struct ovl_future *future = new_future(executor, fn, item, options, extras);
    if (!future)
        return -ENOMEM;
    int error = executor->ops->core->submit(future, options, extras->quietly);
    if (error) {
        ovl__future_free_new(future);
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
    executor->ops->core->announce(executor);
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

/*
 * A future that outlives its executor cannot use its lock: its waiters share one of these with
 * those of others.
 */
#define MUTEXES 64

static pthread_mutex_t mutexes[MUTEXES];

/* A child has no thread that would unlock one. */
static void init_mutexes(void)
{
    for (int i = 0; i < MUTEXES; i++)
        pthread_mutex_init(&mutexes[i], NULL);
}

__attribute__((constructor)) static void prepare(void)
{
    init_mutexes();
    pthread_atfork(NULL, NULL, init_mutexes);
}

pthread_mutex_t *ovl__future_mutex(struct ovl_future *future)
{
    return future->is_apart ? &mutexes[(uintptr_t)future / OVL__SMALL_BLOCK_BYTES % MUTEXES]
                            : &future->executor->lock;
}

bool ovl_future_done(const struct ovl_future *future)
{
    return ovl__state_now(&future->state) == OVL__DONE;
}

/* Whether a short look can see it end: somebody runs it now, and not by the caller's help. */
static bool may_end_soon(const struct ovl_future *future)
{
    if (ovl__current && ovl__current->coroutine)
        return false;
    return future->is_apart ||
           (!future->executor->ops->help && ovl__state_now(&future->state) == OVL__RUNNING);
}

static bool done_soon(struct ovl_future *future)
{
    if (!may_end_soon(future))
        return false;
    for (int look = 0; look < OVL__LOOKS; look++) {
        if (ovl_future_done(future))
            return true;
        ovl__spin_hint();
    }
    return false;
}

typedef int wait_fn(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

static int sleep_until_done(struct ovl_future *future, bool may_run, ovl_time deadline,
                            wait_fn *wait)
{
    const struct ovl__core *core = future->is_apart ? &ovl__core_pool : &ovl__core_queue;
    if (core->give_up(future))
        return 0;
    if (done_soon(future))
        return 0;
    pthread_mutex_t *mutex = ovl__future_mutex(future);
    int error = 0;
    ovl__park_lock(mutex);
    if (!future->is_apart && future->executor->ops->help)
        future->executor->ops->help(future->executor, future);
    while (!error && ovl__state_await(&future->state) &&
           !(may_run && ovl__state_now(&future->state) == OVL__QUEUED)) {
        ovl__waits_for("task", -1);
        error = wait(&future->waiters, mutex, deadline);
    }
    ovl__park_unlock(mutex);
    return error;
}

static int wait_until_done(struct ovl_future *future, ovl_time deadline, wait_fn *wait)
{
    if (ovl_future_done(future))
        return 0;
    struct ovl_task *here = ovl__task_here(future->executor);
    int error = 0;
    while (!error && !ovl_future_done(future)) {
        if (here && ovl__state_now(&future->state) == OVL__QUEUED)
            future->executor->ops->core->run_inside(here, future);
        else
            error = sleep_until_done(future, here, deadline, wait);
    }
    return error && !ovl_future_done(future) ? error : 0;
}

int ovl_future_wait(struct ovl_future *future, ovl_time deadline)
{
    return wait_until_done(future, deadline, ovl__wait_or_cancel);
}

int ovl__future_await(struct ovl_future *future, ovl_time deadline)
{
    return wait_until_done(future, deadline, ovl__wait);
}

int ovl_future_result(struct ovl_future *future, struct ovl_bytes *ret_result)
{
    ovl__future_await(future, OVL_FOREVER);
    if (ret_result)
        *ret_result = (struct ovl_bytes){
            .data = future->result.size ? future->result.data : NULL,
            .size = future->result.size,
        };
    return future->outcome.error;
}

struct ovl_outcome ovl_future_outcome(struct ovl_future *future)
{
    ovl__future_await(future, OVL_FOREVER);
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
    int length;
    if (outcome->worker != OVL_NO_WORKER)
        length = snprintf(buffer, size, "worker %u: %s", outcome->worker, words);
    else
        length = snprintf(buffer, size, "%s%s", outcome->attempts ? "" : "not begun: ", words);
    return length > 0 ? (size_t)length : 0;
}
