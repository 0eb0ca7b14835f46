/* Posting: a task, or a chunk of a map, comes into a worker's lane. */
#include "base/atomic.h"
#include "base/processor.h"
#include "base/system.h"
#include "executor/processes/processes.h"

#include <linux/futex.h>
#include <overlap/error.h>
#include <string.h>
#include <sys/syscall.h>

/* Up to so many bytes are copied with the lock held. */
#define MOMENT_BYTES ((size_t)256 << 10)

void ovl__process_list(struct ovl__processes *processes, struct ovl__process *process)
{
    bool works = ovl__in_flight(process) || process->held;
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

/* What it is to see was written before; a fence on either side, so that one of the two sees the
 * other. */
void ovl__wake_worker(struct ovl__lane_head *head)
{
    ovl__fence();
    if (!atomic_load_explicit(&head->sleeps, memory_order_relaxed) ||
        !atomic_exchange(&head->sleeps, 0))
        return;
    syscall(SYS_futex, &head->sleeps, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Copies the items to where the worker finds them. Without the lock where that takes long. */
static void copy_items(struct ovl__processes *processes, struct ovl__process *process, void *place,
                       const struct ovl__errand *errand, const struct ovl__request *request)
{
    size_t count = request->chunk ? request->chunk : 1;
    const char *from = errand->future ? errand->future->item.data
                                      : errand->spread->map->items +
                                            errand->first * errand->spread->map->item_size;
    bool takes_long = count * request->item_size > MOMENT_BYTES;
    if (!request->item_size)
        return;
    if (takes_long) {
        process->held = true;
        ovl__process_list(processes, process);
        processes->pauses++;
        ovl__park_unlock(&processes->executor->lock);
    }
    size_t stride =
        request->chunk ? ovl__chunk_layout(request->item_size, 0, count, false).item_stride : 0;
    for (size_t i = 0; i < count; i++)
        memcpy((char *)place + i * stride, from + i * request->item_size, request->item_size);
    if (takes_long) {
        ovl__park_lock(&processes->executor->lock);
        process->held = false;
        ovl__process_list(processes, process);
    }
}

void ovl__give_items(struct ovl__process *process, const struct ovl__request *request)
{
    if (!request->stored) /* otherwise it is its future's */
        ovl__lane_give_item(process->lane, &request->items);
}

static int place_items(struct ovl__processes *processes, struct ovl__process *process,
                       struct ovl__slot *slot, const struct ovl__errand *errand,
                       struct ovl__request *request)
{
    size_t size = request->chunk ? ovl__chunk_layout(request->item_size, request->result_size,
                                                     request->chunk, ovl__is_recorded(processes))
                                       .size
                                 : request->item_size;
    void *place = slot->item;
    request->items.index = OVL__NO_BLOCK;
    if (errand->future && errand->future->more->item_loan) {
        request->items = ovl__lane_lent(errand->future->more->item_loan);
        request->stored = true;
        return 0;
    }
    if (request->chunk || size > OVL__SLOT_BYTES) {
        int error = ovl__lane_take_item(process->lane, size, &request->items, &place);
        if (error)
            return error;
    }
    copy_items(processes, process, place, errand, request);
    return 0;
}

/* Cancelled while the lock was let go: the worker has nothing yet that it could be killed for. */
static bool is_called_off(const struct ovl__errand *errand)
{
    if (errand->spread)
        return errand->spread->refused;
    return atomic_load_explicit(&errand->future->cancel, memory_order_relaxed);
}

static void take_back(struct ovl__processes *processes, struct ovl__errand *errand, size_t count)
{
    struct ovl_future *future = errand->future;
    ovl__give_back(processes, errand, count);
    if (future && atomic_load_explicit(&future->cancel, memory_order_relaxed))
        ovl__future_refuse(future, OVL_ECANCELED);
    ovl__processes_wake_supervisor(processes);
}

/* Its tasks have failed. */
static void fail(struct ovl__processes *processes, const struct ovl__process *process,
                 const struct ovl__errand *errand, uint32_t count, int error)
{
    struct ovl_outcome outcome = {.error = error, .worker = process->number, .attempts = 1};
    if (errand->future) {
        errand->future->outcome.error = error;
        ovl__future_finish(errand->future);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        ovl__spread_end(processes->executor, errand->spread, errand->first + i, &outcome);
}

/* Posts a request; where that fails its tasks have failed too. */
static void post(struct ovl__processes *processes, struct ovl__process *process,
                 struct ovl__errand errand, struct ovl__request request)
{
    uint32_t count = request.chunk ? request.chunk : 1;
    struct ovl__slot *slot = ovl__slot_of(process, process->posted);
    int error = place_items(processes, process, slot, &errand, &request);
    if (error) {
        fail(processes, process, &errand, count, error);
        return;
    }
    if (!process->alive || process->doomed || is_called_off(&errand)) {
        ovl__give_items(process, &request);
        take_back(processes, &errand, count);
        return;
    }
    errand.posted = ovl__is_recorded(processes) ? ovl_now() : 0;
    errand.deadline = request.deadline < OVL_FOREVER - OVL__GRACE_NS;
    slot->request = request;
    atomic_store_explicit(&slot->ended, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->progress, ovl__progress(0, count), memory_order_relaxed);
    *ovl__errand_of(process, process->posted) = errand;
    process->posted++;
    atomic_store_explicit(&process->lane->quiet, false, memory_order_relaxed);
    process->given += count;
    if (errand.deadline)
        ovl__processes_set_due(processes, process, request.deadline + OVL__GRACE_NS);
    if (processes->executor->options.worker_memory)
        ovl__processes_set_due(processes, process, ovl_after(OVL__MEMORY_TICK_NS));
    ovl__process_list(processes, process);
    atomic_store_explicit(&process->lane->head->posted, process->posted, memory_order_release);
    ovl__processor_note(&processes->shared->processor);
    ovl__wake_worker(process->lane->head);
}

bool ovl__post_future(struct ovl__processes *processes, struct ovl__process *process, bool ring)
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
        .ring = ring || process->posted % 16 == 0,
    };
    post(processes, process, (struct ovl__errand){.future = future}, request);
    return true;
}

bool ovl__post_chunk(struct ovl__processes *processes, struct ovl__process *process,
                     struct ovl__spread *spread, size_t most)
{
    struct ovl__errand errand = {
        .spread = spread,
        .task = processes->executor->counts.submitted,
    };
    size_t count = ovl__spread_post(processes->executor, spread, most, &errand.first);
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
