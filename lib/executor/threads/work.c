/* A worker's life: where it looks for work, how long, and when it sleeps. */
#include "executor/threads/pool.h"

#include <sched.h>

/* How often a worker looks for work before it rests: some twenty microseconds. */
#define LOOKS 48

/* How long it naps at a time (the system adds some fifty microseconds), and how often in a row. */
#define NAP_NS (10 * OVL_MICROSECOND)
#define NAPS   16

/* How long a worker waits before it visits the injector again, by what it took there last: if it
 * was one, about half a microsecond; if it was fewer than there might have been, two. */
#define ONE_PAUSES 12
#define FEW_PAUSES 40

/* Who is woken wakes the next. */
void ovl__pool_limit(struct ovl__pool *pool)
{
    unsigned limit = atomic_load_explicit(&pool->executor->limit, memory_order_relaxed);
    ovl__store(&pool->idle.limit, limit, seq_cst);
    ovl__fence_heavy();
    ovl__idle_notify(&pool->idle, true);
}

static size_t share(struct ovl__pool *pool)
{
    size_t each = 1 + ovl__injector_size(&pool->injector) / pool->count;
    return each < OVL__BATCH ? each : OVL__BATCH;
}

static void pause_times(int times)
{
    for (int i = 0; i < times; i++)
        ovl__spin_hint();
}

/* The oldest entry; some that follow it go into the worker's deque, which is empty, in such an
 * order that the worker takes the oldest first. */
static ovl__entry take_injected(struct ovl__thread *self)
{
    struct ovl__pool *pool = self->pool;
    ovl__entry entries[OVL__BATCH];
    if (!ovl__injector_size(&pool->injector))
        return 0;
    size_t count = ovl__injector_take(&pool->injector, entries, share(pool));
    for (size_t i = count; i > 1; i--)
        ovl__deque_push(&self->deque, entries[i - 1]);
    self->taken = (unsigned)count;
    return count ? entries[0] : 0;
}

/*
 * Where the last visits brought little, whoever submits is given a moment to put more in: visits
 * that meet cost both sides more than the moment does.
 */
static ovl__entry take_injected_or_more(struct ovl__thread *self)
{
    if (self->taken < OVL__BATCH)
        pause_times(self->taken > 1 ? FEW_PAUSES : ONE_PAUSES);
    return take_injected(self);
}

static unsigned draw(struct ovl__thread *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 17;
    self->random ^= self->random << 5;
    return self->random;
}

static ovl__entry steal(struct ovl__thread *self)
{
    struct ovl__pool *pool = self->pool;
    unsigned first = draw(self) % pool->count;
    for (unsigned i = 0; i < pool->count; i++) {
        struct ovl__thread *victim = &pool->threads[(first + i) % pool->count];
        ovl__entry entry = victim == self || !ovl__deque_seems_filled(&victim->deque)
                               ? 0
                               : ovl__deque_steal(&victim->deque, 0, NULL);
        if (entry)
            return entry;
    }
    return 0;
}

static bool seems_to_have_work(struct ovl__pool *pool)
{
    if (ovl__injector_size(&pool->injector))
        return true;
    for (unsigned i = 0; i < pool->count; i++)
        if (ovl__deque_seems_filled(&pool->threads[i].deque))
            return true;
    return false;
}

/* The parts of joins are pushed with no more than a light fence. */
static void wake_next(struct ovl__pool *pool)
{
    if (ovl__load(&pool->forking, relaxed))
        ovl__fence_heavy();
    else
        ovl__fence();
    if (seems_to_have_work(pool))
        ovl__idle_notify(&pool->idle, false);
}

static ovl__entry take(struct ovl__thread *self)
{
    ovl__entry entry = ovl__deque_pop(&self->deque);
    if (!entry)
        entry = take_injected(self);
    return entry ? entry : steal(self);
}

/* A worker that searches may be active before it has found something, but not after. */
static ovl__entry look(struct ovl__thread *self)
{
    struct ovl__pool *pool = self->pool;
    if (!seems_to_have_work(pool))
        return 0;
    enum ovl__found found = ovl__idle_found(&pool->idle);
    if (found == OVL__FORBIDDEN)
        return 0;
    ovl__entry entry = take(self);
    if (!entry)
        ovl__idle_search(&pool->idle);
    else if (found == OVL__LAST_SEARCHER)
        wake_next(pool);
    return entry;
}

/* Looks less and less often, and lets others have the processor in the end. */
static void rest(int looks)
{
    if (looks >= LOOKS - 4) {
        sched_yield();
        return;
    }
    pause_times(looks + 4);
}

static void tell_closer(struct ovl__pool *pool)
{
    struct ovl_executor *executor = pool->executor;
    ovl__park_lock(&executor->lock);
    ovl__wake_all(&executor->quiet);
    ovl__park_unlock(&executor->lock);
}

/* Sleeps where there is nothing to do; false: the pool ends. */
static bool sleep_if_idle(struct ovl__thread *self)
{
    struct ovl__pool *pool = self->pool;
    ovl__idle_announce(&pool->idle, &self->sleeper);
    ovl__fence_heavy();
    bool ending = ovl__load(&pool->ending, acquire);
    if (ovl__load(&pool->closing, acquire))
        tell_closer(pool);
    if (ending || (ovl__idle_may_begin(&pool->idle) && seems_to_have_work(pool)))
        ovl__idle_return(&pool->idle, &self->sleeper);
    else
        ovl__idle_sleep(&self->sleeper);
    return !ending;
}

static ovl__entry look_for_a_while(struct ovl__thread *self)
{
    ovl__entry entry = 0;
    for (int looks = 0; looks < LOOKS && !(entry = look(self)); looks++)
        rest(looks);
    return entry;
}

static ovl__entry look_between_naps(struct ovl__thread *self)
{
    struct ovl__idle *idle = &self->pool->idle;
    ovl__entry entry = 0;
    for (int naps = 0; naps < NAPS && !entry; naps++) {
        if (ovl__load(&self->pool->closing, relaxed) ||
            !ovl__idle_nap(idle, &self->sleeper, ovl_after(NAP_NS)))
            return 0;
        entry = look(self);
    }
    return entry;
}

/* The next entry, once there is one, or 0: the pool ends. The worker searches. */
static ovl__entry search(struct ovl__thread *self)
{
    struct ovl__pool *pool = self->pool;
    ovl__entry entry;
    do {
        entry = look_for_a_while(self);
        if (!entry)
            entry = look_between_naps(self);
    } while (!entry && sleep_if_idle(self));
    if (!entry)
        ovl__idle_end(&pool->idle);
    return entry;
}

/* Until there is something to do, a worker stays on a processor of its own: there it begins. */
static void leave_place(struct ovl__thread *self)
{
    self->placed = true;
    if (!self->pool->executor->options.pinned)
        ovl__processor_let_go(&self->place);
}

/* The next entry for an active worker, or 0: there is none, or too many are active. */
static ovl__entry next(struct ovl__thread *self)
{
    if (ovl__idle_must_end(&self->pool->idle))
        return 0;
    ovl__entry entry = ovl__deque_pop(&self->deque);
    return entry ? entry : take_injected_or_more(self);
}

void ovl__pool_work(struct ovl__thread *self)
{
    ovl__entry entry;
    ovl__idle_begin(&self->pool->idle);
    while ((entry = search(self))) {
        if (!self->placed)
            leave_place(self);
        do
            ovl__pool_run(self, entry);
        while ((entry = next(self)));
        ovl__idle_search(&self->pool->idle);
    }
}

/* --- a task that waits --- */

/* Another task may begin meanwhile: who is not active any more looks whether there is one. */
static void tell(struct ovl__waits *waits, bool begins)
{
    struct ovl__pool *pool = ovl__of(waits, struct ovl__thread, waits)->pool;
    if (!begins) {
        ovl__idle_resume(&pool->idle);
        return;
    }
    ovl__idle_suspend(&pool->idle);
    wake_next(pool);
}

void ovl__pool_free_waits(struct ovl__thread *thread)
{
    thread->waits.tell = tell;
    thread->worker.waits = &thread->waits;
}
