#include "executor/threads/pool.h"

#include "base/clock.h"

#include <errno.h>
#include <overlap/error.h>

/* How often who submits looks for room before it sleeps. */
#define ROOM_LOOKS 50

static struct ovl__pool *pool_of(const struct ovl_executor *executor)
{
    return executor->own;
}

/* --- counting --- */

static size_t sum_begun(struct ovl__pool *pool)
{
    size_t sum = 0;
    for (unsigned i = 0; i < pool->count; i++)
        sum += ovl__load(&pool->threads[i].tasks_begun, relaxed);
    return sum;
}

static size_t ended(struct ovl__thread *thread)
{
    return ovl__load(&thread->done, acquire) + ovl__load(&thread->failed, acquire);
}

/* Adds what one worker has done, as of one moment: what it has ended is the same before and after.
 */
static void add_counts(struct ovl__thread *thread, struct ovl_counts *counts, size_t *begun)
{
    size_t done, failed, begun_here;
    do {
        done = ovl__load(&thread->done, acquire);
        failed = ovl__load(&thread->failed, acquire);
        begun_here = ovl__load(&thread->tasks_begun, acquire);
        begun_here += ovl__load(&thread->items_begun, acquire);
    } while (ended(thread) != done + failed);
    counts->done += done;
    counts->failed += failed;
    *begun += begun_here;
}

static void pool_counts(struct ovl_executor *executor, struct ovl_counts *ret_counts)
{
    struct ovl__pool *pool = pool_of(executor);
    struct ovl_counts counts = {0};
    size_t begun = 0;
    for (unsigned i = 0; i < pool->count; i++)
        add_counts(&pool->threads[i], &counts, &begun);
    counts.cancelled =
        ovl__load(&pool->tasks_refused, acquire) + ovl__load(&pool->items_refused, acquire);
    counts.submitted =
        ovl__load(&pool->tasks_submitted, acquire) + ovl__load(&pool->items_submitted, acquire);
    counts.running = begun - counts.done - counts.failed;
    counts.queued = counts.submitted - begun - counts.cancelled;
    *ret_counts = counts;
}

static size_t pool_queued(struct ovl_executor *executor)
{
    struct ovl_counts counts;
    pool_counts(executor, &counts);
    return counts.queued;
}

static bool is_quiet(struct ovl__pool *pool)
{
    struct ovl_counts counts;
    pool_counts(pool->executor, &counts);
    return !counts.queued && !counts.running;
}

void ovl__pool_count_refused(struct ovl__pool *pool, OVL__ATOMIC(size_t) * counter, size_t count)
{
    struct ovl_executor *executor = pool->executor;
    ovl__park_lock(&executor->lock);
    ovl__add(counter, count, release);
    ovl__wake_one(&executor->room);
    ovl__wake_all(&executor->quiet);
    ovl__park_unlock(&executor->lock);
}

/* --- the state of a task --- */

static void complete(struct ovl_future *future, bool drop)
{
    if (future->more && future->more->notify)
        future->more->notify(future->more->notify_context, future);
    switch (ovl__state_complete(&future->state, drop)) {
    case OVL__COMPLETE:
        return;
    case OVL__LAST:
        ovl__future_free_new(future);
        return;
    case OVL__WAKE_WAITERS:
        ovl__park_lock(ovl__future_mutex(future));
        ovl__wake_all(&future->waiters);
        ovl__park_unlock(ovl__future_mutex(future));
        if (drop)
            ovl__future_drop(future);
    }
}

bool ovl__pool_is_copy(const struct ovl__pool *pool)
{
    return ovl__executor_is_copy(pool->executor);
}

static void end_in_copy(struct ovl_future *future, int error)
{
    future->outcome.error = error;
    ovl__state_claim(&future->state);
    complete(future, false);
}

/* The executor lives: its workers, who are not here, keep it. */
static bool pool_give_up(struct ovl_future *future)
{
    bool copy = !ovl_future_done(future) && ovl__pool_is_copy(pool_of(future->executor));
    if (copy)
        end_in_copy(future, OVL_ECLOSED);
    return copy;
}

/* Ends a claimed task that will not begin. The executor may be gone once it is counted. */
static void refuse(struct ovl__pool *pool, struct ovl_future *future, int error)
{
    future->outcome.error = error;
    ovl__pool_count_refused(pool, &pool->tasks_refused, 1);
    complete(future, false);
}

static void make_room_known(struct ovl__pool *pool)
{
    struct ovl_executor *executor = pool->executor;
    ovl__park_lock(&executor->lock);
    ovl__wake_one(&executor->room);
    ovl__park_unlock(&executor->lock);
}

static int reason_not_to_begin(const struct ovl_future *future)
{
    if (future->deadline != OVL_FOREVER && ovl_now() >= future->deadline)
        return OVL_ETIMEDOUT;
    unsigned epoch = atomic_load_explicit(&future->executor->epoch, memory_order_relaxed);
    return future->epoch == epoch ? 0 : OVL_ECANCELED;
}

/* False: somebody else has claimed it, or it was refused. */
static bool begin(struct ovl__thread *self, struct ovl_future *future)
{
    int error = reason_not_to_begin(future);
    if (!ovl__state_claim(&future->state))
        return false;
    if (error) {
        refuse(self->pool, future, error);
        return false;
    }
    future->outcome.attempts++;
    ovl__count(&self->tasks_begun);
    ovl__fence_light();
    if (__builtin_expect(ovl__load(&self->pool->room_waiters, relaxed), 0))
        make_room_known(self->pool);
    return true;
}

/* Runs a task that has begun; `drop`: it came with the queue's reference. */
static void run_begun(struct ovl__thread *self, struct ovl_future *future, bool drop)
{
    ovl__worker_run(&self->worker, future);
    if (future->outcome.error)
        ovl__count(&self->failed);
    else
        ovl__count(&self->done);
    complete(future, drop);
}

static void run_future(struct ovl__thread *self, struct ovl_future *future)
{
    if (begin(self, future))
        run_begun(self, future, true);
    else
        ovl__future_drop(future);
}

/* The queue's entry stays behind, dead. */
static void pool_run_inside(struct ovl_task *here, struct ovl_future *future)
{
    if (begin(here->thread, future))
        run_begun(here->thread, future, false);
}

/* --- entries --- */

void ovl__pool_run(struct ovl__thread *self, ovl__entry entry)
{
    void *object = ovl__entry_object(entry);
    switch (ovl__entry_kind(entry)) {
    case OVL__ENTRY_FUTURE:
        run_future(self, object);
        break;
    case OVL__ENTRY_JOB:
        ovl__job_run(self, object);
        break;
    default:
        ovl__range_work(self, object);
    }
}

static void refuse_future(struct ovl__pool *pool, struct ovl_future *future)
{
    if (ovl__state_claim(&future->state))
        refuse(pool, future, OVL_ECANCELED);
    ovl__future_drop(future);
}

void ovl__pool_refuse(struct ovl__pool *pool, ovl__entry entry)
{
    if (ovl__entry_kind(entry) == OVL__ENTRY_FUTURE)
        refuse_future(pool, ovl__entry_object(entry));
    else
        ovl__range_cancel(ovl__entry_object(entry));
}

/* Gives up an entry behind which there is nothing to run any more. */
static bool give_up_dead(ovl__entry entry)
{
    if (ovl__entry_kind(entry) != OVL__ENTRY_FUTURE)
        return false;
    struct ovl_future *future = ovl__entry_object(entry);
    if (ovl__state_now(&future->state) == OVL__QUEUED)
        return false;
    ovl__future_drop(future);
    return true;
}

int ovl__pool_inject(struct ovl__pool *pool, ovl__entry entry)
{
    return ovl__injector_push(&pool->injector, entry, give_up_dead);
}

void ovl__pool_notify(struct ovl__pool *pool, bool soon)
{
    ovl__fence_after_rmw();
    ovl__idle_notify(&pool->idle, soon);
}

/* --- submitting --- */

/* Under the injector's lock. */
static bool is_full(struct ovl__pool *pool)
{
    size_t submitted = ovl__load(&pool->tasks_submitted, relaxed);
    size_t limit = pool->executor->options.queue_limit;
    if (submitted - pool->begun_known < limit)
        return false;
    pool->begun_known = sum_begun(pool) + ovl__load(&pool->tasks_refused, relaxed);
    return submitted - pool->begun_known >= limit;
}

static bool is_full_now(struct ovl__pool *pool)
{
    ovl__lock(&pool->injector.lock);
    bool full = is_full(pool);
    ovl__unlock(&pool->injector.lock);
    return full;
}

static int sleep_until_room(struct ovl__pool *pool, ovl_time deadline)
{
    struct ovl_executor *executor = pool->executor;
    int error = 0;
    ovl__park_lock(&executor->lock);
    ovl__add(&pool->room_waiters, 1u, seq_cst);
    ovl__fence_heavy();
    if (!executor->closing && is_full_now(pool))
        error = ovl__wait(&executor->room, &executor->lock, deadline);
    ovl__sub(&pool->room_waiters, 1u, seq_cst);
    ovl__park_unlock(&executor->lock);
    return error;
}

static void pool_announce(struct ovl_executor *executor)
{
    ovl__fence();
    ovl__idle_notify(&pool_of(executor)->idle, true);
}

/* 0: there was room a moment ago. */
static int wait_for_room(struct ovl__pool *pool, const struct ovl_submit_options *options,
                         ovl_time *deadline)
{
    if (options && options->nowait)
        return OVL_EFULL;
    pool_announce(pool->executor); /* some of what fills it may have been submitted quietly */
    for (int look = 0; look < ROOM_LOOKS; look++) {
        ovl__spin_hint();
        if (look % 8 == 7 && !is_full_now(pool))
            return 0;
    }
    if (!*deadline)
        *deadline = options && options->wait_ns ? ovl_after(options->wait_ns) : OVL_FOREVER;
    return sleep_until_room(pool, *deadline);
}

enum taken { TAKEN, TAKEN_TO_RUN_HERE, FULL };

static void number(struct ovl__pool *pool, struct ovl_future *future)
{
    size_t n = ovl__load(&pool->tasks_submitted, relaxed);
    ovl__store(&pool->tasks_submitted, n + 1, release);
    if (future->more)
        future->more->meter.record.task = n + ovl__load(&pool->items_submitted, relaxed);
}

/* Only where it was refused: nobody may have waited for it to end. */
static void take_number_back(struct ovl__pool *pool)
{
    ovl__store(&pool->tasks_submitted, ovl__load(&pool->tasks_submitted, relaxed) - 1, release);
}

/* Under the injector's lock: an enum taken, or an error. */
static int take_in(struct ovl__pool *pool, struct ovl_future *future, bool nested)
{
    if (ovl__load(&pool->closing, relaxed) && !nested)
        return OVL_ECLOSED;
    bool full = is_full(pool);
    if (full && !nested)
        return FULL;
    future->epoch = atomic_load_explicit(&pool->executor->epoch, memory_order_relaxed);
    /* All of it before the entry: whoever takes that does not hold this lock. */
    number(pool, future);
    int error = full ? 0 : ovl__pool_inject(pool, ovl__entry_of(future, OVL__ENTRY_FUTURE));
    if (error)
        take_number_back(pool);
    return error ? error : full ? TAKEN_TO_RUN_HERE : TAKEN;
}

static int try_take_in(struct ovl__pool *pool, struct ovl_future *future, bool nested)
{
    if (pool->executor->ledger)
        future->more->meter.record.submitted = ovl__stamp();
    ovl__lock(&pool->injector.lock);
    int taken = take_in(pool, future, nested);
    ovl__unlock(&pool->injector.lock);
    return taken;
}

static int pool_submit(struct ovl_future *future, const struct ovl_submit_options *options,
                       bool quietly)
{
    struct ovl__pool *pool = pool_of(future->executor);
    struct ovl_task *outer = ovl__task_here(future->executor);
    ovl_time deadline = 0;
    int taken;
    if (ovl__pool_is_copy(pool))
        return OVL_ECLOSED;
    while ((taken = try_take_in(pool, future, outer)) == FULL) {
        int error = wait_for_room(pool, options, &deadline);
        if (error)
            return error;
    }
    if (taken < 0 || taken > FULL)
        return taken;
    if (taken == TAKEN_TO_RUN_HERE)
        run_future(outer->thread, future);
    else if (!quietly)
        ovl__pool_notify(pool, false);
    return 0;
}

/* --- cancelling --- */

/* A claimed task was QUEUED, and its executor lives until it is counted. */
static void pool_cancel(struct ovl_future *future)
{
    if (!ovl__state_claim(&future->state))
        atomic_store(&future->cancel, OVL_ECANCELED);
    else if (ovl__pool_is_copy(pool_of(future->executor)))
        end_in_copy(future, OVL_ECANCELED);
    else
        refuse(pool_of(future->executor), future, OVL_ECANCELED);
}

static void refuse_injected(struct ovl__pool *pool, size_t count)
{
    ovl__entry entries[OVL__BATCH];
    while (count) {
        size_t taken =
            ovl__injector_take(&pool->injector, entries, count < OVL__BATCH ? count : OVL__BATCH);
        for (size_t i = 0; i < taken; i++)
            ovl__pool_refuse(pool, entries[i]);
        count = taken ? count - taken : 0;
    }
}

/* A part of a join is no task: it runs, and sees that it is to end. */
static bool is_refusable(ovl__entry entry)
{
    return ovl__entry_kind(entry) != OVL__ENTRY_JOB;
}

/* What lies behind a part of a join was pushed by the same task: it is one, too. */
static void refuse_stolen(struct ovl__pool *pool, struct ovl__thread *victim)
{
    ovl__entry entry;
    while ((entry = ovl__deque_steal(&victim->deque, 0, is_refusable)))
        ovl__pool_refuse(pool, entry);
}

/*
 * What is running sees that the epoch has changed. What is queued is taken out of the queues and
 * refused here; what a worker has in its hands at this moment, the worker refuses.
 */
static void pool_cancel_all(struct ovl_executor *executor)
{
    struct ovl__pool *pool = pool_of(executor);
    if (ovl__pool_is_copy(pool))
        return;
    ovl__lock(&pool->injector.lock);
    atomic_fetch_add(&executor->epoch, 1);
    size_t queued = ovl__injector_size(&pool->injector);
    ovl__unlock(&pool->injector.lock);
    refuse_injected(pool, queued);
    for (unsigned i = 0; i < pool->count; i++)
        refuse_stolen(pool, &pool->threads[i]);
}

/* --- closing --- */

static void pool_begin_close(struct ovl_executor *executor)
{
    struct ovl__pool *pool = pool_of(executor);
    if (ovl__pool_is_copy(pool))
        return;
    ovl__lock(&pool->injector.lock);
    ovl__store(&pool->closing, true, seq_cst);
    ovl__unlock(&pool->injector.lock);
    ovl__park_lock(&executor->lock);
    executor->closing = true;
    ovl__wake_all(&executor->room);
    ovl__park_unlock(&executor->lock);
    ovl__fence_heavy();
}

static bool pool_await_quiet(struct ovl_executor *executor, ovl_time deadline)
{
    struct ovl__pool *pool = pool_of(executor);
    if (ovl__pool_is_copy(pool))
        return true;
    ovl__park_lock(&executor->lock);
    while (!is_quiet(pool) && !ovl__wait(&executor->quiet, &executor->lock, deadline))
        ;
    ovl__park_unlock(&executor->lock);
    return is_quiet(pool);
}

static void give_up(ovl__entry entry)
{
    if (ovl__entry_kind(entry) == OVL__ENTRY_FUTURE)
        ovl__future_drop(ovl__entry_object(entry));
    else if (ovl__entry_kind(entry) == OVL__ENTRY_RANGE)
        ovl__range_drop(ovl__entry_object(entry));
}

void ovl__pool_release(struct ovl__pool *pool)
{
    ovl__entry entry;
    while (ovl__injector_take(&pool->injector, &entry, 1))
        give_up(entry);
    for (unsigned i = 0; i < pool->count; i++) {
        while ((entry = ovl__deque_pop(&pool->threads[i].deque)))
            give_up(entry);
        ovl__deque_release(&pool->threads[i].deque);
    }
    ovl__injector_release(&pool->injector);
}

const struct ovl__core ovl__core_pool = {
    .submit = pool_submit,
    .announce = pool_announce,
    .run_inside = pool_run_inside,
    .cancel = pool_cancel,
    .give_up = pool_give_up,
    .cancel_all = pool_cancel_all,
    .counts = pool_counts,
    .queued = pool_queued,
    .begin_close = pool_begin_close,
    .await_quiet = pool_await_quiet,
    .map = ovl__pool_map,
};
