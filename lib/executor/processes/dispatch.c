/*
 * Handing out and collecting. How much a worker is given in advance follows from how long tasks
 * take: a worker that runs tasks of a microsecond has a lane full of them, so that nobody waits for
 * anybody; one whose tasks take milliseconds has one at a time, so that none waits behind another.
 */
#include "base/system.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <linux/futex.h>
#include <overlap/error.h>
#include <overlap/map.h>
#include <string.h>
#include <sys/syscall.h>

/* Up to so many bytes are copied with the lock held. */
#define MOMENT_BYTES ((size_t)256 << 10)

/* A result of this size stays where the worker wrote it. */
#define LENT_BYTES ((size_t)32 << 10)

/* Blocks of results that futures may keep; beyond that results are copied, so that the worker finds
 * blocks for those to come. */
#define LENT_MAX (OVL__RESULT_BLOCKS / 2)

/* What a lane keeps of memory for large items and results while it is busy, and while it is not. */
#define BUSY_BYTES ((size_t)64 << 20)
#define IDLE_BYTES ((size_t)4 << 20)

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

static uint32_t in_flight(const struct ovl__process *process)
{
    return process->posted - process->collected;
}

static struct ovl__errand *errand_of(struct ovl__process *process, uint32_t request)
{
    return &process->errands[request % OVL__SLOTS];
}

static struct ovl__slot *slot_of(const struct ovl__process *process, uint32_t request)
{
    return ovl__lane_slot(process->lane, request);
}

static bool is_recorded(const struct ovl__processes *processes)
{
    return processes->executor->metered;
}

/* --- where a process is listed --- */

static void list(struct ovl__processes *processes, struct ovl__process *process)
{
    bool works = in_flight(process) || process->held;
    processes->working += works;
    processes->working -= process->works;
    process->works = works;
    ovl__list_remove(&process->link);
    if (!process->alive || process->doomed || process->ending)
        return;
    if (works)
        ovl__list_append(&processes->busy, &process->link);
    else
        ovl__list_append(processes->idle.next, &process->link);
}

/* --- posting --- */

static void wake_worker(struct ovl__lane_head *head)
{
    if (!atomic_load(&head->sleeps) || !atomic_exchange(&head->sleeps, 0))
        return;
    syscall(SYS_futex, &head->sleeps, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Copies the items to where the worker finds them. Without the lock where that takes long. */
static void copy_items(struct ovl__processes *processes, struct ovl__process *process, void *place,
                       const struct ovl__errand *errand, const struct ovl__request *request)
{
    size_t count = request->chunk ? request->chunk : 1;
    size_t stride = ovl__chunk_layout(request->item_size, 0, count, false).item_stride;
    const char *from = errand->future ? errand->future->item.data
                                      : errand->spread->map->items +
                                            errand->first * errand->spread->map->item_size;
    bool takes_long = count * request->item_size > MOMENT_BYTES;
    if (!request->item_size)
        return;
    if (takes_long) {
        process->held = true;
        list(processes, process);
        processes->pauses++;
        pthread_mutex_unlock(&processes->executor->lock);
    }
    for (size_t i = 0; i < count; i++)
        memcpy((char *)place + i * stride, from + i * request->item_size, request->item_size);
    if (takes_long) {
        pthread_mutex_lock(&processes->executor->lock);
        process->held = false;
        list(processes, process);
    }
}

static int place_items(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__slot *slot, const struct ovl__errand *errand,
                       struct ovl__request *request)
{
    size_t size = request->chunk ? ovl__chunk_layout(request->item_size, request->result_size,
                                                     request->chunk, is_recorded(processes))
                                       .size
                                 : request->item_size;
    void *place = slot->item;
    request->items.index = OVL__NO_BLOCK;
    if (request->chunk || size > OVL__SLOT_BYTES) {
        int error = ovl__lane_take_item(process->lane, size, &request->items, &place);
        if (error)
            return error;
    }
    copy_items(processes, process, place, errand, request);
    return 0;
}

static void give_back(struct ovl__processes *processes, struct ovl__errand *errand, size_t count);

/* Posts a request; where that fails its tasks have failed too. */
static void post(struct ovl__processes *processes, struct ovl__process *process,
                 struct ovl__errand errand, struct ovl__request request)
{
    uint32_t count = request.chunk ? request.chunk : 1;
    struct ovl__slot *slot = slot_of(process, process->posted);
    int error = place_items(processes, process, slot, &errand, &request);
    if (error && errand.future) {
        errand.future->outcome.error = error;
        ovl__future_finish(errand.future);
    } else if (error) {
        struct ovl_outcome outcome = {.error = error, .worker = process->number, .attempts = 1};
        for (uint32_t i = 0; i < count; i++)
            ovl__spread_end(processes->executor, errand.spread, errand.first + i, &outcome);
    }
    if (error)
        return;
    if (!process->alive || process->doomed) { /* it went while the lock was let go */
        ovl__lane_give_item(process->lane, &request.items);
        give_back(processes, &errand, count);
        ovl__processes_wake_supervisor(processes);
        return;
    }
    errand.posted = is_recorded(processes) ? ovl_now() : 0;
    errand.deadline = request.deadline < OVL_FOREVER - OVL__GRACE_NS;
    slot->request = request;
    atomic_store_explicit(&slot->ended, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->progress, ovl__progress(0, count), memory_order_relaxed);
    *errand_of(process, process->posted) = errand;
    process->posted++;
    atomic_store_explicit(&process->lane->quiet, false, memory_order_relaxed);
    process->given += count;
    if (errand.deadline)
        ovl__processes_set_due(processes, process, request.deadline + OVL__GRACE_NS);
    if (processes->executor->options.worker_memory)
        ovl__processes_set_due(processes, process, ovl_after(OVL__MEMORY_TICK_NS));
    list(processes, process);
    atomic_store(&process->lane->head->posted, process->posted);
    wake_worker(process->lane->head);
}

/* What the worker may still be given before it is replaced. */
static uint64_t allowance(const struct ovl__processes *processes,
                          const struct ovl__process *process)
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
           in_flight(process) < OVL__SLOTS && allowance(processes, process) &&
           !atomic_load_explicit(&process->lane->head->oversize, memory_order_relaxed);
}

static bool post_future(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl_future *future = ovl__executor_take(processes->executor);
    if (!future)
        return false;
    future->outcome.worker = process->number;
    future->more->meter.record.worker = process->number;
    struct ovl__request request = {
        .fn = future->fn,
        .deadline = future->deadline,
        .item_size = future->item.size,
        .ring = processes->task_ns > SHORT_NS / 4 || process->posted % 16 == 0,
    };
    post(processes, process, (struct ovl__errand){.future = future}, request);
    return true;
}

/* A map's chunks get smaller towards its end, so that all workers end together. */
static size_t chunk_size(const struct ovl__processes *processes, const struct ovl__spread *spread)
{
    const struct ovl__map *map = spread->map;
    if (!spread->task_ns)
        return 1;
    size_t share = ovl__spread_waiting(spread) / (2 * (processes->alive ? processes->alive : 1));
    size_t by_time = (size_t)(AHEAD_NS / spread->task_ns);
    size_t least = (size_t)(2 * OVL_MICROSECOND / spread->task_ns);
    size_t bytes =
        ovl__chunk_layout(map->item_size, map->result_size, 1, is_recorded(processes)).size;
    size_t count = share < least ? least : share;
    count = count < by_time ? count : by_time;
    count = count < CHUNK_BYTES / bytes ? count : CHUNK_BYTES / bytes;
    count = count < CHUNK_TASKS ? count : CHUNK_TASKS;
    return count ? count : 1;
}

static bool post_chunk(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__spread *spread)
{
    size_t most = chunk_size(processes, spread);
    uint64_t allowed = allowance(processes, process);
    struct ovl__errand errand = {
        .spread = spread,
        .task = processes->executor->counts.submitted,
    };
    size_t count = ovl__spread_post(processes->executor, spread,
                                    most < allowed ? most : (size_t)allowed, &errand.first);
    if (!count)
        return false;
    struct ovl__request request = {
        .fn = spread->map->fn,
        .deadline = OVL_FOREVER,
        .item_size = spread->map->item_size,
        .result_size = spread->map->result_size,
        .chunk = (uint32_t)count,
        .ring = true,
    };
    post(processes, process, errand, request);
    return true;
}

static struct ovl__spread *waiting_spread(const struct ovl__processes *processes)
{
    for (struct ovl__link *link = processes->spreads.next; link != &processes->spreads;
         link = link->next) {
        struct ovl__spread *spread = ovl__of(link, struct ovl__spread, link);
        if (ovl__spread_waiting(spread))
            return spread;
    }
    return NULL;
}

/* --- how much a worker has in advance --- */

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

/* Gives the worker one more request, if there is one for it now. */
static bool feed(struct ovl__processes *processes, struct ovl__process *process)
{
    if (!may_have_more(processes, process))
        return false;
    uint32_t has = in_flight(process);
    unsigned limit = atomic_load_explicit(&processes->executor->limit, memory_order_relaxed);
    if ((has && process->stuck) || processes->working + !has > limit)
        return false;
    if (ovl__executor_may_take(processes->executor) &&
        (!has || has < depth_of_futures(processes)) && post_future(processes, process))
        return true;
    struct ovl__spread *spread = waiting_spread(processes);
    if (spread && (!has || has < depth_of_spread(spread)))
        return post_chunk(processes, process, spread);
    return false;
}

static bool is_there_work(const struct ovl__processes *processes)
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

/* Whether there are tasks that the worker has not begun. */
static bool is_deep(const struct ovl__process *process)
{
    if (in_flight(process) > 1)
        return true;
    if (!in_flight(process))
        return false;
    uint64_t progress =
        atomic_load_explicit(&slot_of(process, process->collected)->progress, memory_order_relaxed);
    return ovl__limit(progress) > ovl__begun(progress) + 1;
}

static void feed_busy(struct ovl__processes *processes)
{
    size_t rounds = processes->alive;
    unsigned pauses = processes->pauses;
    for (struct ovl__link *link = processes->busy.next; rounds-- && link != &processes->busy;) {
        struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        link = link->next;
        bool fed = false;
        while (feed(processes, process))
            fed = true;
        if (processes->pauses != pauses) { /* the list may be another one by now */
            start_ticking(processes);
            return;
        }
        if (fed || is_deep(process))
            start_ticking(processes);
        else if (!is_there_work(processes))
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
            atomic_load_explicit(&slot_of(process, r)->progress, memory_order_relaxed);
        const struct ovl__errand *errand = &process->errands[r % OVL__SLOTS];
        ovl_time each = errand->spread ? errand->spread->task_ns : processes->task_ns;
        uint32_t left = ovl__limit(progress) - ovl__begun(progress);
        if (left && r == process->collected && !ovl__begun(progress))
            left--;
        sum += (ovl_time)left * (each ? each : 1);
    }
    return sum;
}

/* A worker has nothing to do, and others have much: it gets what the one with most has not begun.
 */
static void rebalance(struct ovl__processes *processes)
{
    if (ovl__list_empty(&processes->idle) || is_there_work(processes))
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
    if (is_there_work(processes))
        feed_busy(processes);
    rebalance(processes);
}

/* --- collecting --- */

/* The worker knows of the deadline, but not of being cancelled. */
static int final_error(const struct ovl__process *process, const struct ovl_future *future,
                       int error)
{
    int cancelled = atomic_load_explicit(&future->cancel, memory_order_relaxed);
    if (!error)
        return 0;
    if (cancelled)
        return cancelled;
    return process->verdict ? process->verdict : error;
}

/* The sizes come from the worker, and are held against memory that is really there. */
static int take_result(struct ovl__process *process, struct ovl_future *future,
                       const struct ovl__slot *slot, const struct ovl__reply *reply)
{
    struct ovl__lane *lane = process->lane;
    size_t size = reply->result_size;
    const void *data = slot->result;
    uint32_t index = reply->result.index;
    if (index != OVL__NO_BLOCK) {
        if (index >= OVL__RESULT_BLOCKS || size > reply->result.size)
            return -EPROTO;
        data = ovl__lane_map(lane, &lane->results[index], &reply->result);
        if (!data)
            return -ENOMEM;
        if (size >= LENT_BYTES &&
            ovl__lane_lend_result(lane, index, LENT_MAX, &future->more->loan)) {
            future->result =
                (struct ovl__buffer){.data = lane->results[index].memory, .size = size};
            return 0;
        }
    } else if (size > OVL__SLOT_BYTES) {
        return -EPROTO;
    }
    int error = size ? ovl__buffer_resize(&future->result, size) : 0;
    if (!error && size)
        memcpy(future->result.data, data, size);
    return error;
}

static void drop_block(struct ovl__process *process, const struct ovl__reply *reply,
                       const struct ovl_future *future)
{
    if (reply->result.index < OVL__RESULT_BLOCKS && !future->more->loan)
        ovl__lane_give_result(process->lane, reply->result.index);
}

static void note_time(ovl_time *average, uint64_t took_ns, uint32_t tasks)
{
    if (!took_ns) /* the rest was taken back just then */
        return;
    ovl_time each = (ovl_time)(took_ns / tasks);
    each = each > 0 ? each : 1;
    *average = *average ? (*average * 3 + each) / 4 : each;
}

static void return_future(struct ovl_future *future)
{
    future->outcome.attempts--;
    future->outcome.worker = OVL_NO_WORKER;
    ovl__future_requeue(future);
}

static void end_future(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__slot *slot, struct ovl_future *future)
{
    struct ovl__reply reply = slot->reply;
    if (!reply.begun) {
        processes->returning = true;
        return_future(future);
        processes->returning = false;
        ovl__future_refuse(future, OVL_ETIMEDOUT);
        return;
    }
    int error = take_result(process, future, slot, &reply);
    drop_block(process, &reply, future);
    future->outcome.error = error ? error : final_error(process, future, reply.error);
    future->outcome.detail = reply.detail;
    if (is_recorded(processes))
        ovl__meter_copy(&future->more->meter,
                        &process->lane->head->meters[process->collected % OVL__SLOTS]);
    note_time(&processes->task_ns, reply.took_ns, 1);
    ovl__future_finish(future);
}

/* What the parent knows of a chunk's task. */
static void note_record(struct ovl_record *record, const struct ovl__process *process,
                        const struct ovl__errand *errand, uint32_t number, int error)
{
    record->task = errand->task + number;
    record->submitted = errand->posted;
    record->worker = process->number;
    record->error = error;
}

/* Ends the first `ended` tasks of a chunk. */
static void end_chunk(struct ovl__processes *processes, struct ovl__process *process,
                      const struct ovl__slot *slot, const struct ovl__errand *errand,
                      uint32_t ended)
{
    const struct ovl__request *request = &slot->request;
    const struct ovl__map *map = errand->spread->map;
    const char *memory = process->lane->items[request->items.index].memory;
    struct ovl__layout layout =
        ovl__chunk_layout(map->item_size, map->result_size, request->chunk, is_recorded(processes));
    int failed = slot->reply.error; /* the worker could not so much as look at it */
    const struct ovl__end *ends = (const void *)(memory + layout.ends);
    const struct ovl__meter *meters = (const void *)(memory + layout.meters);
    for (uint32_t i = 0; i < ended; i++) {
        struct ovl_outcome outcome = {ends[i].error, ends[i].detail, process->number, 1};
        if (failed)
            outcome = (struct ovl_outcome){failed, 0, process->number, 1};
        size_t index = errand->first + i;
        if (!outcome.error && map->result_size)
            memcpy(map->results + index * map->result_size,
                   memory + layout.results + i * layout.result_stride, map->result_size);
        if (is_recorded(processes)) {
            struct ovl__meter meter = {0};
            ovl__meter_copy(&meter, &meters[i]);
            note_record(&meter.record, process, errand, i, outcome.error);
            ovl__executor_record(processes->executor, &meter);
        }
        ovl__spread_end(processes->executor, errand->spread, index, &outcome);
    }
}

/* Returns whether the worker served any of it: all may have been taken back. */
static bool settle(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl__slot *slot = slot_of(process, process->collected);
    struct ovl__errand *errand = errand_of(process, process->collected);
    uint32_t ended = ovl__limit(atomic_load_explicit(&slot->progress, memory_order_relaxed));
    if (errand->future && ended)
        end_future(processes, process, slot, errand->future);
    if (errand->spread && ended) {
        note_time(&errand->spread->task_ns, slot->reply.took_ns, ended);
        end_chunk(processes, process, slot, errand, ended);
    }
    ovl__lane_give_item(process->lane, &slot->request.items);
    process->collected++;
    return ended > 0;
}

void ovl__end_worker(struct ovl__process *process)
{
    process->ending = true;
    ovl__list_remove(&process->link);
    atomic_store(&process->lane->head->ending, 1);
    wake_worker(process->lane->head);
}

/* Ends a worker that shall not go on: it has run as many tasks as it may, or grown too large. */
static void retire(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl__lane_head *head = process->lane->head;
    bool oversize = atomic_load_explicit(&head->oversize, memory_order_relaxed);
    if (oversize)
        ovl__withdraw(processes, process);
    if (process->doomed || process->ending || in_flight(process) || process->held)
        return;
    if (!oversize && allowance(processes, process))
        return;
    ovl__end_worker(process);
}

bool ovl__collect(struct ovl__processes *processes, struct ovl__process *process)
{
    bool any = false;
    bool served = false;
    while (in_flight(process) && ovl__slot_complete(slot_of(process, process->collected))) {
        served |= settle(processes, process);
        any = true;
    }
    if (!any)
        return false;
    if (served) {
        process->fresh = false;
        process->stuck = false;
        processes->failures = 0;
    }
    if (!in_flight(process)) {
        process->due = OVL_FOREVER;
        atomic_store_explicit(&process->lane->quiet, !is_there_work(processes),
                              memory_order_relaxed);
    }
    retire(processes, process);
    list(processes, process);
    size_t size = ovl__lane_size(process->lane);
    if (size > IDLE_BYTES && (size > BUSY_BYTES || !is_there_work(processes)))
        ovl__lane_trim(process->lane, is_there_work(processes) ? BUSY_BYTES : IDLE_BYTES);
    return true;
}

void ovl__collect_all(struct ovl__processes *processes)
{
    bool any = false;
    struct ovl__link *next;
    for (struct ovl__link *link = processes->busy.next; link != &processes->busy; link = next) {
        next = link->next;
        struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        if (process->held || !in_flight(process) ||
            !ovl__slot_complete(slot_of(process, process->collected)))
            continue;
        any |= ovl__collect(processes, process);
    }
    if (any || is_there_work(processes))
        ovl__dispatch(processes);
}

bool ovl__any_reply(const struct ovl__processes *processes)
{
    for (struct ovl__link *link = processes->busy.next; link != &processes->busy;
         link = link->next) {
        const struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        if (in_flight(process) && ovl__slot_complete(slot_of(process, process->collected)))
            return true;
    }
    return false;
}

/* --- taking back --- */

static void give_back(struct ovl__processes *processes, struct ovl__errand *errand, size_t count)
{
    bool before = processes->returning;
    processes->returning = true;
    if (errand->future) {
        return_future(errand->future);
        errand->future = NULL;
    } else {
        ovl__spread_return(processes->executor, errand->spread, errand->first, count);
    }
    processes->returning = before;
}

/* The newest first: each comes to the head of the queue. */
void ovl__withdraw(struct ovl__processes *processes, struct ovl__process *process)
{
    for (uint32_t r = process->posted; r-- != process->collected;) {
        struct ovl__slot *slot = slot_of(process, r);
        uint32_t count = ovl__slot_withdraw(slot);
        if (!count)
            continue;
        struct ovl__errand part = *errand_of(process, r);
        part.first += ovl__limit(atomic_load_explicit(&slot->progress, memory_order_relaxed));
        if (part.future)
            errand_of(process, r)->future = NULL;
        process->given -= count;
        give_back(processes, &part, count);
    }
}

bool ovl__is_running(const struct ovl__process *process)
{
    for (uint32_t r = process->collected; r != process->posted; r++) {
        const struct ovl__slot *slot = slot_of(process, r);
        uint64_t progress = atomic_load_explicit(&slot->progress, memory_order_acquire);
        if (!ovl__slot_complete(slot))
            return ovl__begun(progress) > 0;
    }
    return false;
}

static uint32_t oldest_incomplete(const struct ovl__process *process)
{
    uint32_t r = process->collected;
    while (r != process->posted && ovl__slot_complete(slot_of(process, r)))
        r++;
    return r;
}

bool ovl__is_at_work(const struct ovl__process *process, const struct ovl_future *future)
{
    uint32_t r = oldest_incomplete(process);
    return r != process->posted && process->errands[r % OVL__SLOTS].future == future &&
           ovl__is_running(process);
}

void ovl__processes_kill(struct ovl__processes *processes, struct ovl__process *process,
                         int verdict)
{
    if (process->doomed || !process->alive)
        return;
    ovl__withdraw(processes, process); /* so that nothing but this one task can be hit */
    if (oldest_incomplete(process) == process->posted && !process->ending && verdict)
        return;
    process->doomed = true;
    process->verdict = verdict;
    ovl__list_remove(&process->link);
    /* Until it is reaped, its number is no other process's. */
    if (process->pidfd < 0 || ovl__sys.pidfd_send_signal(process->pidfd, SIGKILL))
        kill(processes->shared->places[process->number].pid, SIGKILL);
}

static void fail_future(struct ovl__processes *processes, struct ovl__process *process,
                        const struct ovl__errand *errand, struct ovl__death death)
{
    struct ovl_future *future = errand->future;
    if (!process->verdict && !atomic_load_explicit(&future->cancel, memory_order_relaxed) &&
        future->more->repetitions) {
        future->more->repetitions--;
        ovl__future_requeue(future);
        return;
    }
    future->outcome.error = final_error(process, future, death.error);
    future->outcome.detail = future->outcome.error == death.error ? death.detail : 0;
    if (is_recorded(processes)) {
        future->more->meter.record.start = errand->posted;
        future->more->meter.record.end = ovl_now();
    }
    ovl__future_finish(future);
}

static void fail_in_chunk(struct ovl__processes *processes, struct ovl__process *process,
                          const struct ovl__slot *slot, struct ovl__errand *errand,
                          struct ovl__death death)
{
    uint32_t ended = atomic_load_explicit(&slot->ended, memory_order_acquire);
    end_chunk(processes, process, slot, errand, ended);
    int error = process->verdict ? process->verdict : death.error;
    struct ovl_outcome outcome = {
        .error = error,
        .detail = error == death.error ? death.detail : 0,
        .worker = process->number,
        .attempts = 1,
    };
    if (is_recorded(processes) && processes->executor->ledger) {
        struct ovl__meter meter = {.record = {.start = errand->posted, .end = ovl_now()}};
        note_record(&meter.record, process, errand, ended, error);
        ovl__ledger_add(processes->executor->ledger, &meter);
    }
    ovl__spread_end(processes->executor, errand->spread, errand->first + ended, &outcome);
}

bool ovl__settle_death(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__death death)
{
    bool begun = false;
    processes->returning = true;
    ovl__withdraw(processes, process);
    ovl__collect(processes, process);
    while (in_flight(process)) {
        struct ovl__slot *slot = slot_of(process, process->collected);
        struct ovl__errand *errand = errand_of(process, process->collected);
        if (ovl__slot_complete(slot)) {
            settle(processes, process);
            continue;
        }
        begun = true;
        if (errand->future)
            fail_future(processes, process, errand, death);
        else
            fail_in_chunk(processes, process, slot, errand, death);
        ovl__lane_give_item(process->lane, &slot->request.items);
        process->collected++;
    }
    list(processes, process);
    ovl__lane_reclaim(process->lane);
    processes->returning = false;
    return begun;
}

/* --- the tick --- */

static uint32_t ended_so_far(const struct ovl__process *process)
{
    uint32_t r = oldest_incomplete(process);
    return r == process->posted ? r << 16
                                : (r << 16) + atomic_load_explicit(&slot_of(process, r)->ended,
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
