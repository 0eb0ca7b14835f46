/* Collecting: replies become the ends of tasks, and so does a worker's death. */
#include "base/system.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <overlap/error.h>
#include <overlap/map.h>
#include <string.h>

/* A result of this size stays where the worker wrote it. */
#define LENT_BYTES ((size_t)32 << 10)

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
            ovl__lane_lend_result(lane, index, OVL__LENT_MAX, &future->more->loan)) {
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

static void end_future(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__slot *slot, struct ovl_future *future)
{
    struct ovl__reply reply = slot->reply;
    if (slot->expired) {
        processes->returning = true;
        ovl__return_future(future);
        processes->returning = false;
        ovl__future_refuse(future, OVL_ETIMEDOUT);
        return;
    }
    int error = take_result(process, future, slot, &reply);
    drop_block(process, &reply, future);
    future->outcome.error = error ? error : final_error(process, future, reply.error);
    future->outcome.detail = reply.detail;
    if (ovl__is_recorded(processes))
        ovl__meter_copy(&future->more->meter,
                        &process->lane->head->meters[process->collected % OVL__SLOTS]);
    note_time(&processes->task_ns, reply.took_ns, 1);
    ovl__future_record(future);
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
    struct ovl__layout layout = ovl__chunk_layout(map->item_size, map->result_size, request->chunk,
                                                  ovl__is_recorded(processes));
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
        if (ovl__is_recorded(processes)) {
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
    struct ovl__slot *slot = ovl__slot_of(process, process->collected);
    struct ovl__errand *errand = ovl__errand_of(process, process->collected);
    uint32_t ended = ovl__limit(atomic_load_explicit(&slot->progress, memory_order_relaxed));
    if (errand->future && ended)
        end_future(processes, process, slot, errand->future);
    if (errand->spread && ended) {
        note_time(&errand->spread->task_ns, slot->reply.took_ns, ended);
        end_chunk(processes, process, slot, errand, ended);
    }
    ovl__give_items(process, &slot->request);
    process->collected++;
    return ended > 0;
}

void ovl__end_worker(struct ovl__process *process)
{
    process->ending = true;
    ovl__list_remove(&process->link);
    atomic_store_explicit(&process->lane->head->ending, 1, memory_order_release);
    ovl__wake_worker(process->lane->head);
}

/* Ends a worker that shall not go on: it has run as many tasks as it may, or grown too large. */
static void retire(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl__lane_head *head = process->lane->head;
    bool oversize = atomic_load_explicit(&head->oversize, memory_order_relaxed);
    if (oversize)
        ovl__withdraw(processes, process);
    if (process->doomed || process->ending || ovl__in_flight(process) || process->held)
        return;
    if (!oversize && ovl__allowance(processes, process))
        return;
    ovl__end_worker(process);
}

static void trim(const struct ovl__processes *processes, struct ovl__lane *lane)
{
    size_t size = ovl__lane_size(lane);
    if (size > OVL__IDLE_BYTES && (size > OVL__BUSY_BYTES || !ovl__is_there_work(processes)))
        ovl__lane_trim(lane, ovl__is_there_work(processes) ? OVL__BUSY_BYTES : OVL__IDLE_BYTES);
}

/* Blocks of items that are freed later go at once, where much is kept and nobody has work. */
static void trim_store(const struct ovl__processes *processes)
{
    struct ovl__lane *store = processes->store;
    bool idle = !processes->working && !ovl__is_there_work(processes);
    atomic_store_explicit(&store->quiet, idle && ovl__lane_size(store) > OVL__IDLE_BYTES,
                          memory_order_relaxed);
    trim(processes, store);
}

bool ovl__collect(struct ovl__processes *processes, struct ovl__process *process)
{
    bool any = false;
    bool served = false;
    while (ovl__in_flight(process) &&
           ovl__slot_complete(ovl__slot_of(process, process->collected))) {
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
    if (!ovl__in_flight(process)) {
        process->due = OVL_FOREVER;
        atomic_store_explicit(&process->lane->quiet, !ovl__is_there_work(processes),
                              memory_order_relaxed);
    }
    retire(processes, process);
    ovl__process_list(processes, process);
    trim(processes, process->lane);
    if (processes->store)
        trim_store(processes);
    return true;
}

void ovl__collect_all(struct ovl__processes *processes)
{
    bool any = false;
    struct ovl__link *next;
    for (struct ovl__link *link = processes->busy.next; link != &processes->busy; link = next) {
        next = link->next;
        struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        if (process->held || !ovl__in_flight(process) ||
            !ovl__slot_complete(ovl__slot_of(process, process->collected)))
            continue;
        any |= ovl__collect(processes, process);
    }
    if (any || ovl__is_there_work(processes))
        ovl__dispatch(processes);
}

bool ovl__any_reply(const struct ovl__processes *processes)
{
    for (struct ovl__link *link = processes->busy.next; link != &processes->busy;
         link = link->next) {
        const struct ovl__process *process = ovl__of(link, struct ovl__process, link);
        if (ovl__in_flight(process) &&
            ovl__slot_complete(ovl__slot_of(process, process->collected)))
            return true;
    }
    return false;
}

/* --- deaths --- */

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
    if (ovl__is_recorded(processes)) {
        future->more->meter.record.start = errand->posted;
        future->more->meter.record.end = ovl_now();
    }
    ovl__future_record(future);
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
    if (ovl__is_recorded(processes) && processes->executor->ledger) {
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
    while (ovl__in_flight(process)) {
        struct ovl__slot *slot = ovl__slot_of(process, process->collected);
        struct ovl__errand *errand = ovl__errand_of(process, process->collected);
        if (ovl__slot_complete(slot)) {
            settle(processes, process);
            continue;
        }
        begun = true;
        if (errand->future)
            fail_future(processes, process, errand, death);
        else
            fail_in_chunk(processes, process, slot, errand, death);
        ovl__give_items(process, &slot->request);
        process->collected++;
    }
    ovl__process_list(processes, process);
    ovl__lane_reclaim(process->lane);
    processes->returning = false;
    return begun;
}
