/*
 * Handing out. How much a worker is given in advance follows from how long tasks
 * take: a worker that runs tasks of a microsecond has a lane full of them, so that nobody waits for
 * anybody; one whose tasks take milliseconds has one at a time, so that none waits behind another.
 */
#include "executor/processes/processes.h"

/* A worker has work for about so long. */
#define AHEAD_NS (100 * OVL_MICROSECOND)

/* Tasks that take longer are given one at a time. */
#define SHORT_NS (50 * OVL_MICROSECOND)

/* Where so many tasks are queued for each worker, several of them may go to one. */
#define BACKLOG 8

/* Tasks of a map that take longer are not given in advance. */
#define LONG_NS (2 * OVL_MILLISECOND)

#define CHUNK_BYTES ((size_t)128 << 10)
#define CHUNK_TASKS ((size_t)1 << 16)

/* While lanes hold tasks in advance they are looked at so often. */
#define TICK_NS OVL_MILLISECOND

uint64_t ovl__allowance(const struct ovl__processes *processes, const struct ovl__process *process)
{
    uint64_t quota = processes->executor->options.worker_tasks;
    if (!quota)
        return UINT64_MAX;
    return quota > process->given ? quota - process->given : 0;
}

static bool may_have_more(const struct ovl__processes *processes,
                          const struct ovl__process *process)
{
    return process->alive && !process->doomed && !process->ending && !process->held &&
           ovl__in_flight(process) < OVL__SLOTS && ovl__allowance(processes, process) &&
           !atomic_load_explicit(&process->lane->head->oversize, memory_order_relaxed);
}

/* --- how much a worker has in advance --- */

/* A map's chunks get smaller towards its end, so that all workers end together. */
static size_t chunk_size(const struct ovl__processes *processes, const struct ovl__process *process,
                         const struct ovl__spread *spread)
{
    const struct ovl__map *map = spread->map;
    if (!spread->task_ns)
        return 1;
    uint64_t allowed = ovl__allowance(processes, process);
    size_t share = ovl__spread_waiting(spread) / (2 * (processes->alive ? processes->alive : 1));
    size_t by_time = (size_t)(AHEAD_NS / spread->task_ns);
    size_t least = (size_t)(2 * OVL_MICROSECOND / spread->task_ns);
    size_t bytes =
        ovl__chunk_layout(map->item_size, map->result_size, 1, ovl__is_recorded(processes)).size;
    size_t count = share < least ? least : share;
    count = count < by_time ? count : by_time;
    count = count < CHUNK_BYTES / bytes ? count : CHUNK_BYTES / bytes;
    count = count < CHUNK_TASKS ? count : CHUNK_TASKS;
    count = count < allowed ? count : (size_t)allowed;
    return count ? count : 1;
}

static struct ovl__spread *waiting_spread(const struct ovl__processes *processes)
{
    for (struct ovl__link *link = processes->spreads.next; link != &processes->spreads;
         link = link->next) { /* NOLINT: a list is a ring, which the analyzer does not know */
        struct ovl__spread *spread = ovl__of(link, struct ovl__spread, link);
        if (ovl__spread_waiting(spread))
            return spread;
    }
    return NULL;
}

static uint32_t depth_of_futures(const struct ovl__processes *processes)
{
    const struct ovl_executor *executor = processes->executor;
    if (!processes->task_ns || processes->task_ns > SHORT_NS ||
        executor->counts.queued < BACKLOG * (size_t)processes->alive)
        return 1;
    ovl_time depth = AHEAD_NS / processes->task_ns;
    return depth < OVL__SLOTS / 2 ? (uint32_t)depth : OVL__SLOTS / 2;
}

static uint32_t depth_of_spread(const struct ovl__spread *spread)
{
    if (!spread->task_ns || spread->task_ns > LONG_NS)
        return 1;
    return spread->task_ns > AHEAD_NS ? 2 : 3;
}

/* Whether there are tasks that the worker has not begun. */
static bool is_deep(const struct ovl__process *process)
{
    if (ovl__in_flight(process) > 1)
        return true;
    if (!ovl__in_flight(process))
        return false;
    uint64_t progress = atomic_load_explicit(&ovl__slot_of(process, process->collected)->progress,
                                             memory_order_relaxed);
    uint32_t begun = ovl__begun(progress);
    return ovl__limit(progress) > begun + !begun; /* of none begun it is about to begin one */
}

static void start_ticking(struct ovl__processes *processes)
{
    if (processes->tick != OVL_FOREVER)
        return;
    processes->tick = ovl_after(TICK_NS);
    ovl__wake_leader(processes);
    if (processes->supervisor_sleeps && !processes->leader &&
        processes->supervisor_wakes > processes->tick)
        ovl__processes_wake_supervisor(processes);
}

/* Posts one more request to the worker, if there is one for it now. */
static bool post_one(struct ovl__processes *processes, struct ovl__process *process)
{
    if (!may_have_more(processes, process))
        return false;
    uint32_t has = ovl__in_flight(process);
    unsigned limit = atomic_load_explicit(&processes->executor->limit, memory_order_relaxed);
    if ((has && process->stuck) || processes->working + !has > limit)
        return false;
    bool ring = processes->task_ns > SHORT_NS / 4;
    if (ovl__executor_may_take(processes->executor) &&
        (!has || has < depth_of_futures(processes)) && ovl__post_future(processes, process, ring))
        return true;
    struct ovl__spread *spread = waiting_spread(processes);
    if (spread && (!has || has < depth_of_spread(spread)))
        return ovl__post_chunk(processes, process, spread, chunk_size(processes, process, spread));
    return false;
}

/* Gives the worker one more request, if there is one for it now. What it has not begun is looked
 * after from then on, be it the last that there is. */
static bool feed(struct ovl__processes *processes, struct ovl__process *process)
{
    bool posted = post_one(processes, process);
    if (posted && is_deep(process))
        start_ticking(processes);
    return posted;
}

bool ovl__is_there_work(const struct ovl__processes *processes)
{
    return ovl__executor_may_take(processes->executor) || waiting_spread(processes);
}

/* Who has nothing comes first. */
static void feed_idle(struct ovl__processes *processes)
{
    while (!ovl__list_empty(&processes->idle)) {
        struct ovl__process *process = ovl__of(processes->idle.next, struct ovl__process, link);
        if (!feed(processes, process))
            return;
    }
}

static void feed_busy(struct ovl__processes *processes)
{
    size_t rounds = processes->alive;
    unsigned pauses = processes->pauses;
    for (struct ovl__link *link = processes->busy.next; rounds-- && link != &processes->busy;) {
        struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        link = link->next;
        while (feed(processes, process))
            ;
        /* After a pause the list may be another one. */
        if (processes->pauses != pauses || !ovl__is_there_work(processes))
            return;
    }
}

/* How long the worker will take for what it has not begun, about; but for what it is to begin now.
 */
static ovl_time time_ahead(const struct ovl__processes *processes,
                           const struct ovl__process *process)
{
    ovl_time sum = 0;
    for (uint32_t r = process->collected; r != process->posted; r++) {
        uint64_t progress =
            atomic_load_explicit(&ovl__slot_of(process, r)->progress, memory_order_relaxed);
        const struct ovl__errand *errand = &process->errands[r % OVL__SLOTS];
        uint32_t left = ovl__limit(progress) - ovl__begun(progress);
        if (!left) /* where all was taken back the map may be over */
            continue;
        ovl_time each = errand->spread ? errand->spread->task_ns : processes->task_ns;
        if (r == process->collected && !ovl__begun(progress))
            left--;
        sum += (ovl_time)left * (each ? each : 1);
    }
    return sum;
}

/* A worker has nothing to do, and others have much: it gets what the one with most has not begun.
 */
static void rebalance(struct ovl__processes *processes)
{
    if (ovl__list_empty(&processes->idle) || ovl__is_there_work(processes))
        return;
    struct ovl__process *most = NULL;
    ovl_time most_ns = AHEAD_NS;
    for (struct ovl__link *link = processes->busy.next; link != &processes->busy;
         link = link->next) {
        struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        ovl_time ahead = time_ahead(processes, process);
        if (ahead > most_ns) {
            most = process;
            most_ns = ahead;
        }
    }
    if (most) {
        ovl__withdraw(processes, most);
        feed_idle(processes);
    }
}

void ovl__dispatch(struct ovl__processes *processes)
{
    if (processes->returning)
        return;
    feed_idle(processes);
    if (ovl__is_there_work(processes))
        feed_busy(processes);
    rebalance(processes);
}

/* --- the tick --- */

static uint32_t ended_so_far(const struct ovl__process *process)
{
    uint32_t r = ovl__oldest_incomplete(process);
    return r == process->posted ? r << 16
                                : (r << 16) + atomic_load_explicit(&ovl__slot_of(process, r)->ended,
                                                                   memory_order_relaxed);
}

void ovl__tick(struct ovl__processes *processes)
{
    if (processes->tick == OVL_FOREVER || ovl_now() < processes->tick)
        return;
    processes->tick = OVL_FOREVER;
    bool deep = false;
    struct ovl__link *next;
    for (struct ovl__link *link = processes->busy.next; link != &processes->busy; link = next) {
        next = link->next;
        struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        if (!is_deep(process))
            continue;
        uint32_t ended = ended_so_far(process);
        if (ended == process->seen) {
            process->stuck = true;
            ovl__withdraw(processes, process);
        } else {
            deep = true;
        }
        process->seen = ended;
    }
    if (deep)
        start_ticking(processes);
}
