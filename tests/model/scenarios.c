/*
 * Proves that the lock-free parts of the threads model hold in every interleaving that model.h
 * describes: the deque, the injector, how workers fall asleep and are woken, and the state of a
 * future.
 *
 *     scenarios [NAME]          0: all hold
 *
 * Built once more with each of the MUTATE_ macros, which weaken a step, it must find what that
 * breaks.
 */
#include "model.h"

#include "executor/state.h"
#include "executor/threads/deque.c"
#include "executor/threads/idle.c"
#include "executor/threads/injector.c"
#include <stdio.h>
#include <string.h>

struct ovl__system ovl__sys;
unsigned ovl__forks;

/* --- the deque: what is pushed is had by one, and one only --- */

#define ENTRIES 3

static struct ovl__deque deque;
static unsigned char had[ENTRIES + 1]; /* how often each was popped or stolen */

static void note(ovl__entry entry)
{
    if (!entry)
        return;
    MODEL_CHECK(entry <= ENTRIES);
    MODEL_CHECK(++had[entry <= ENTRIES ? entry : 0] == 1);
}

static _Alignas(struct ovl__deque_array) char array_bytes[sizeof(struct ovl__deque_array) +
                                                          4 * sizeof(ovl__entry)];

static void deque_begin(void)
{
    memset(had, 0, sizeof had);
    memset(&deque, 0, sizeof deque);
    memset(array_bytes, 0, sizeof array_bytes);
    deque.array = (struct ovl__deque_array *)(void *)array_bytes;
    deque.array->mask = 3;
}

static void deque_owner(void)
{
    for (ovl__entry entry = 1; entry <= ENTRIES - 1; entry++)
        MODEL_CHECK(ovl__deque_push(&deque, entry));
    note(ovl__deque_pop(&deque));
    MODEL_CHECK(ovl__deque_push(&deque, ENTRIES));
    note(ovl__deque_pop(&deque));
    note(ovl__deque_pop(&deque));
}

static void deque_thread(unsigned me)
{
    if (me == 0)
        deque_owner();
    else
        note(ovl__deque_steal(&deque, 0, NULL));
}

/* What nobody has is still there. */
static void deque_end(void)
{
    ovl__entry entry;
    while ((entry = ovl__deque_pop(&deque)))
        note(entry);
    for (unsigned i = 1; i <= ENTRIES; i++)
        MODEL_CHECK(had[i] == 1);
}

/* --- the injector: none lost, none twice, each submitter's in its order --- */

static struct ovl__injector injector;
static ovl__entry ring[4];
static ovl__entry taken[8];
static unsigned taken_count;

static void injector_begin(void)
{
    memset(&injector, 0, sizeof injector);
    injector.ring = ring;
    injector.room = 4;
    taken_count = 0;
}

static void injector_put(ovl__entry entry)
{
    ovl__lock(&injector.lock);
    MODEL_CHECK(ovl__injector_push(&injector, entry, NULL) == 0);
    ovl__unlock(&injector.lock);
}

static void injector_get(size_t most)
{
    ovl__entry entries[4];
    size_t count = ovl__injector_take(&injector, entries, most);
    for (size_t i = 0; i < count; i++)
        taken[taken_count++] = entries[i];
}

static void injector_thread(unsigned me)
{
    if (me == 0) {
        injector_put(1);
        injector_put(2);
    } else if (me == 1) {
        injector_put(3);
    } else {
        injector_get(2);
        injector_get(1);
    }
}

static void injector_end(void)
{
    ovl__entry entry;
    bool seen[4] = {false};
    while (ovl__injector_take(&injector, &entry, 1))
        taken[taken_count++] = entry;
    MODEL_CHECK(taken_count == 3);
    for (unsigned i = 0; i < taken_count; i++) {
        MODEL_CHECK(taken[i] >= 1 && taken[i] <= 3 && !seen[taken[i]]);
        seen[taken[i]] = true;
        MODEL_CHECK(taken[i] != 2 || seen[1]);
    }
}

/* --- sleeping: work that was made visible is always found --- */

static struct ovl__idle idle;
static struct ovl__sleeper sleepers[2];
static unsigned work;     /* made visible and not yet taken */
static unsigned finished; /* taken */

static void idle_begin(void)
{
    memset(&idle, 0, sizeof idle);
    memset(sleepers, 0, sizeof sleepers);
    idle.limit = 2;
    work = 0;
    finished = 0;
}

static bool take_work(void)
{
    unsigned left = ovl__load(&work, acquire);
    while (left)
        if (ovl__cas(&work, &left, left - 1, acq_rel))
            return true;
    return false;
}

/* As a worker of the pool, in as few steps as may be, until all is done. */
static bool search(struct ovl__sleeper *self)
{
    for (;;) {
        if (ovl__load(&work, relaxed)) {
            enum ovl__found found = ovl__idle_found(&idle);
            bool had_it = take_work();
            if (had_it && found == OVL__LAST_SEARCHER) {
                ovl__fence_heavy();
                if (ovl__load(&work, relaxed))
                    ovl__idle_notify(&idle, false);
            }
            if (had_it)
                return true;
            ovl__idle_search(&idle);
        }
        ovl__idle_announce(&idle, self);
        ovl__fence_heavy();
        if (ovl__load(&work, relaxed))
            ovl__idle_return(&idle, self);
        else
            ovl__idle_sleep(self);
    }
}

/* Made visible with a light fence, as the parts of a join are. */
static void submit_one(void)
{
    ovl__add(&work, 1u, relaxed);
    ovl__fence_light();
    ovl__idle_notify(&idle, true);
}

static void submit_by_store(void)
{
    ovl__store(&work, 1u, release);
    ovl__fence_light();
    ovl__idle_notify(&idle, true);
}

/* One submits, one works: it must come to an end. */
static void one_sleeper(unsigned me)
{
    if (me == 0) {
        submit_by_store();
        return;
    }
    ovl__idle_begin(&idle);
    search(&sleepers[0]);
    ovl__add(&finished, 1u, relaxed);
}

static void one_sleeper_end(void)
{
    MODEL_CHECK(finished == 1);
}

/* Two pieces of work, two workers, each of which stays with its piece: both must be woken. */
static void two_sleepers(unsigned me)
{
    if (me == 0) {
        submit_one();
        submit_one();
        return;
    }
    ovl__idle_begin(&idle);
    search(&sleepers[me - 1]);
    ovl__add(&finished, 1u, relaxed);
}

static void two_sleepers_end(void)
{
    MODEL_CHECK(finished == 2);
}

/* --- the state of a future: run or cancelled, once; who waits is woken; the last one frees --- */

static struct ovl__state state;
static struct ovl__lock waiters; /* the mutex of ovl__future_mutex */
static unsigned woken;           /* what the waiter sleeps on, in place of its list */
static bool waits;               /* the waiter is in the list; under the lock */
static unsigned claims, frees, result;

static void state_begin(void)
{
    memset(&state, 0, sizeof state);
    memset(&waiters, 0, sizeof waiters);
    woken = claims = frees = result = 0;
    waits = false;
    ovl__state_init(&state, OVL__QUEUED, 2);
}

static void free_it(void)
{
    MODEL_CHECK(++frees == 1);
}

static void drop(void)
{
    if (ovl__state_drop(&state))
        free_it();
}

static void complete(bool drops)
{
    ovl__store(&result, 7u, relaxed);
    switch (ovl__state_complete(&state, drops)) {
    case OVL__COMPLETE:
        break;
    case OVL__LAST:
        free_it();
        break;
    case OVL__WAKE_WAITERS:
        ovl__lock(&waiters);
        if (waits) {
            ovl__store(&woken, 1u, release);
            ovl__word_wake(&woken, 1);
        }
        ovl__unlock(&waiters);
        if (drops)
            drop();
    }
}

/* As ovl_future_wait: the lock is let go as the waiter falls asleep. */
static void await_done(void)
{
    if (ovl__state_now(&state) != OVL__DONE) {
        ovl__lock(&waiters);
        bool sleeps = ovl__state_await(&state);
        waits = sleeps;
        ovl__unlock(&waiters);
        while (sleeps && !ovl__load(&woken, acquire))
            ovl__word_wait(&woken, 0, OVL_FOREVER);
        ovl__lock(&waiters); /* as ovl__wait does, before it returns */
        ovl__unlock(&waiters);
    }
    MODEL_CHECK(ovl__state_now(&state) == OVL__DONE);
    MODEL_CHECK(ovl__load(&result, relaxed) == 7);
}

/* The worker has the queue's reference, the waiter the caller's; a third thread cancels with it. */
static void state_thread(unsigned me)
{
    if (me == 0) {
        if (ovl__state_claim(&state)) {
            claims++;
            complete(true);
        } else {
            drop();
        }
    } else if (me == 1) {
        await_done();
        MODEL_CHECK(frees == 0);
        drop();
    } else if (ovl__state_claim(&state)) {
        claims++;
        complete(false);
    }
}

static void state_end(void)
{
    MODEL_CHECK(claims == 1);
    MODEL_CHECK(frees == 1);
}

int main(int count, char **arguments)
{
    static const struct scenario scenarios[] = {
        {"deque", 2, deque_begin, deque_thread, deque_end},
        {"deque_two_thieves", 3, deque_begin, deque_thread, deque_end},
        {"injector", 3, injector_begin, injector_thread, injector_end},
        {"one_sleeper", 2, idle_begin, one_sleeper, one_sleeper_end},
        {"two_sleepers", 3, idle_begin, two_sleepers, two_sleepers_end},
        {"future", 2, state_begin, state_thread, state_end},
        {"future_cancelled", 3, state_begin, state_thread, state_end},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (count > 1 && strcmp(arguments[1], scenarios[i].name) != 0)
            continue;
        unsigned preemptions = scenarios[i].threads == 2 ? 3 : 2;
        unsigned long runs = model_run(&scenarios[i], preemptions);
        printf("%s: %lu interleavings\n", scenarios[i].name, runs);
        failed += !runs;
    }
    return failed ? 1 : 0;
}
