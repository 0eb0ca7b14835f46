/* Who waits for replies, and how: awake for a moment, and then asleep. */
#include "base/atomic.h"
#include "base/processor.h"
#include "base/system.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

/*
 * How long who waits for a short task looks for its end before it sleeps. It gives no processor
 * away meanwhile: on a machine that is busy it would have it back only after all others.
 */
#define SPIN_NS (50 * OVL_MICROSECOND)

/* Looks between two looks at the clock. */
#define LOOKS 32

/* One that is full, after many years or by somebody else's hand, is emptied: only a write is heard.
 */
bool ovl__ring(int bell_fd)
{
    uint64_t one = 1;
    uint64_t sum;
    while (ovl__sys.write(bell_fd, &one, sizeof one) < 0) {
        if (errno == EAGAIN)
            ovl__sys.read(bell_fd, &sum, sizeof sum);
        else if (errno != EINTR)
            return false;
    }
    return true;
}

void ovl__processes_wake_supervisor(struct ovl__processes *processes)
{
    ovl__ring(processes->bell_fd);
}

/* A fence between the store and the caller's look at the lanes, and one between a reply and the
 * worker's look at the listener: one of the two sees the other. */
static void set_listener(struct ovl__processes *processes, enum ovl__listener listener)
{
    atomic_store_explicit(&processes->shared->listener, listener, memory_order_relaxed);
    ovl__fence();
}

/*
 * The change is seen by whoever replies after it; what was replied before, the caller looks for.
 * The word of a leader that is about to sleep is its own: a reply may have taken it out already.
 */
void ovl__listen(struct ovl__processes *processes)
{
    enum ovl__listener listener = OVL__NOBODY;
    if (processes->leader && processes->leader_sleeps)
        return;
    if (!processes->leader && !processes->spinners && processes->supervisor_sleeps)
        listener = processes->attended ? OVL__STAND_IN : OVL__SUPERVISOR;
    set_listener(processes, listener);
}

bool ovl__tell_reply(struct ovl__shared *shared, int bell_fd, bool may_wait)
{
    ovl__fence();
    unsigned listener = atomic_load_explicit(&shared->listener, memory_order_relaxed);
    if (listener == OVL__NOBODY || (listener == OVL__STAND_IN && may_wait))
        return true;
    switch ((enum ovl__listener)atomic_exchange(&shared->listener, OVL__NOBODY)) {
    case OVL__LEADER:
        syscall(SYS_futex, &shared->listener, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        return true;
    case OVL__SUPERVISOR:
    case OVL__STAND_IN:
        break;
    default:
        return true;
    }
    return ovl__ring(bell_fd);
}

/* --- awake --- */

/* Looks whether the request is complete; it is nobody else's while it is not collected. */
static void spin(const struct ovl__slot *slot)
{
    ovl_time until = ovl_after(SPIN_NS);
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (ovl__slot_complete(slot))
                return;
            ovl__spin_hint();
        }
    } while (ovl_now() < until);
}

/*
 * The worker needs the processor: sleeps as long as it would have looked, on the leader's word. Who
 * else writes there meanwhile does not know of it, which then costs that time.
 */
static void nap(struct ovl__processes *processes)
{
    static const struct timespec length = {.tv_nsec = SPIN_NS};
    set_listener(processes, OVL__LEADER);
    bool reply = ovl__any_reply(processes);
    ovl__park_unlock(&processes->executor->lock);
    if (!reply)
        syscall(SYS_futex, &processes->shared->listener, FUTEX_WAIT, OVL__LEADER, &length, NULL, 0);
    ovl__park_lock(&processes->executor->lock);
}

static struct ovl__process *process_of(struct ovl__processes *processes,
                                       const struct ovl_future *future)
{
    if (!future)
        return ovl__list_empty(&processes->busy)
                   ? NULL
                   : ovl__of(processes->busy.next, struct ovl__process, link);
    if (ovl__state_now(&future->state) != OVL__RUNNING ||
        future->outcome.worker >= processes->place_count)
        return NULL;
    return &processes->all[future->outcome.worker];
}

void ovl__processes_help(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl__processes *processes = executor->own;
    struct ovl__process *process = process_of(processes, future);
    if (!process || !process->alive || process->stuck || process->posted == process->collected ||
        processes->task_ns > SPIN_NS) /* of which nothing is known yet may be short */
        return;
    const struct ovl__slot *slot = ovl__lane_slot(process->lane, process->collected);
    struct ovl__lane *lane = process->lane;
    atomic_fetch_add_explicit(&lane->references, 1, memory_order_relaxed);
    processes->spinners++;
    if (!processes->leader && ovl__processor_is_here(&lane->head->processor)) {
        nap(processes);
    } else {
        ovl__listen(processes);
        ovl__park_unlock(&executor->lock);
        spin(slot);
        ovl__park_lock(&executor->lock);
    }
    processes->spinners--;
    ovl__lane_drop(lane);
    bool found = ovl__any_reply(processes);
    ovl__collect_all(processes);
    processes->attended = found && (!future || ovl_future_done(future));
    ovl__listen(processes);
    if (ovl__any_reply(processes))
        ovl__collect_all(processes);
}

/* --- asleep --- */

void ovl__wake_leader(struct ovl__processes *processes)
{
    if (!processes->leader || !processes->leader_sleeps)
        return;
    processes->leader_sleeps = false;
    set_listener(processes, OVL__NOBODY);
    syscall(SYS_futex, &processes->shared->listener, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void ovl__lead_sleep(struct ovl__processes *processes)
{
    atomic_uint *word = &processes->shared->listener;
    struct timespec until = {0};
    bool timed = processes->tick != OVL_FOREVER;
    if (timed)
        until = (struct timespec){processes->tick / OVL_SECOND, processes->tick % OVL_SECOND};
    processes->leader_sleeps = true;
    set_listener(processes, OVL__LEADER);
    bool reply = ovl__any_reply(processes);
    ovl__park_unlock(&processes->executor->lock);
    if (!reply)
        syscall(SYS_futex, word, FUTEX_WAIT_BITSET, OVL__LEADER, timed ? &until : NULL, NULL,
                FUTEX_BITSET_MATCH_ANY);
    ovl__park_lock(&processes->executor->lock);
    processes->leader_sleeps = false;
    ovl__listen(processes);
}
