/*
 * What comes back: results, each to the oldest task that its rank was sent.
 */
#include "executor/cluster/courier.h"

#include <errno.h>
#include <string.h>

/* Times are the other rank's: they are moved to where they were on our clock, as far as one can
 * tell. */
static void move_times(struct ovl_record *record, ovl_time shift)
{
    record->start += record->start ? shift : 0;
    record->end += record->end ? shift : 0;
}

static int receive_result(struct ovl__cluster *cluster, unsigned number, struct ovl_future *future,
                          size_t size)
{
    int from;
    size_t arriving;
    ovl_time since = ovl_now();
    while (!cluster->transport->arrived((int)number + 1, OVL__BODY, &from, &arriving))
        ovl__rank_rest(since);
    struct ovl__buffer dropped = {0};
    struct ovl__buffer *buffer = future ? &future->result : &dropped;
    int error = ovl__buffer_resize(buffer, arriving);
    if (error || arriving != size)
        ovl__courier_give_up(cluster, "no memory for a result");
    error = cluster->transport->receive(buffer->data, arriving);
    ovl__buffer_release(&dropped);
    return error;
}

static int copy_result(struct ovl_future *future, const void *data, size_t size)
{
    int error = size ? ovl__buffer_resize(&future->result, size) : 0;
    if (!error && size)
        memcpy(future->result.data, data, size);
    return error;
}

static int take_from_lane(struct ovl__lane *lane, struct ovl_future *future,
                          const struct ovl__block *block, size_t size)
{
    if (!lane || block->index >= OVL__RESULT_BLOCKS || size > block->size)
        return -EPROTO;
    void *data = ovl__lane_map(lane, &lane->results[block->index], block);
    if (data && ovl__lane_lend_result(lane, block->index, OVL__LENT_MAX, &future->more->loan)) {
        future->result = (struct ovl__buffer){.data = data, .size = size};
        return 0;
    }
    int error = data ? copy_result(future, data, size) : -ENOMEM;
    ovl__lane_give_result(lane, block->index);
    return error;
}

/* Without the lock. */
static void trim_lane(struct ovl__cluster *cluster, struct ovl__rank *rank)
{
    if (!rank->lane || !ovl__lane_size(rank->lane))
        return;
    ovl__park_lock(&cluster->executor->lock);
    bool busy = ovl__rank_has(rank) || ovl__executor_may_take(cluster->executor);
    ovl__park_unlock(&cluster->executor->lock);
    atomic_store_explicit(&rank->lane->quiet, !busy, memory_order_relaxed);
    size_t kept = busy ? OVL__BUSY_BYTES : OVL__IDLE_BYTES;
    if (ovl__lane_size(rank->lane) > kept)
        ovl__lane_trim(rank->lane, kept);
}

static void end_task(struct ovl_future *future, const struct ovl__result_part *part, int error)
{
    if (!part->begun) {
        future->outcome.attempts--;
        future->outcome.worker = OVL_NO_WORKER;
        ovl__future_requeue(future);
        ovl__future_refuse(future, part->error);
        return;
    }
    int cancelled = atomic_load_explicit(&future->cancel, memory_order_relaxed);
    future->outcome.error = error ? error : part->error;
    if (part->error && cancelled)
        future->outcome.error = cancelled;
    future->outcome.detail = part->detail;
    ovl__future_record(future);
    ovl__future_finish(future);
}

static void take_result(struct ovl__cluster *cluster, unsigned number, struct ovl__reader *reader,
                        const struct ovl__letter_head *head)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    bool stale = head->executor != cluster->number || cluster->abandoned;
    struct ovl_future *future = stale ? NULL : rank->tasks[rank->replied % OVL__AHEAD];
    const struct ovl__result_part *part = ovl__reader_take(reader, sizeof *part);
    if (!part || (!stale && !ovl__rank_has(rank)))
        ovl__courier_give_up(cluster, "a message makes no sense");
    bool apart = part->size >= OVL__APART && !part->in_lane;
    const struct ovl__block *block = part->in_lane ? ovl__reader_take(reader, sizeof *block) : NULL;
    const void *data = apart || block ? NULL : ovl__reader_take(reader, part->size);
    int error = 0;
    const struct ovl__meter *meter =
        head->recorded ? ovl__reader_take(reader, sizeof *meter) : NULL;
    if ((head->recorded && !meter) || (part->in_lane && !block) || (!apart && !block && !data))
        ovl__courier_give_up(cluster, "a message makes no sense");
    if (!stale && meter) {
        ovl__meter_copy(&future->more->meter, meter);
        if (!rank->lane) /* on the same machine the clock is one */
            move_times(&future->more->meter.record, ovl_now() - head->now);
    }
    if (apart)
        error = receive_result(cluster, number, future, part->size);
    else if (block && !stale)
        error = take_from_lane(rank->lane, future, block, part->size);
    else if (!stale)
        error = copy_result(future, data, part->size);
    if (stale)
        return;
    ovl__park_lock(&cluster->executor->lock);
    rank->cancels -= rank->to_cancel[rank->replied % OVL__AHEAD];
    rank->to_cancel[rank->replied % OVL__AHEAD] = false;
    ovl__rank_pass(rank, 1);
    end_task(future, part, error);
    ovl__park_unlock(&cluster->executor->lock);
}

/* They are queued again, for whichever rank comes first. */
static void take_back(struct ovl__cluster *cluster, unsigned number, struct ovl__reader *reader)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    const struct ovl__returned *returned = ovl__reader_take(reader, sizeof *returned);
    if (cluster->abandoned)
        return;
    if (!returned || returned->end - rank->replied > ovl__rank_has(rank) ||
        returned->end - returned->first > returned->end - rank->replied)
        ovl__courier_give_up(cluster, "a message makes no sense");
    ovl__park_lock(&cluster->executor->lock);
    for (uint32_t i = returned->first; i != returned->end; i++) {
        struct ovl_future *future = rank->tasks[i % OVL__AHEAD];
        rank->tasks[i % OVL__AHEAD] = NULL;
        rank->cancels -= rank->to_cancel[i % OVL__AHEAD];
        rank->to_cancel[i % OVL__AHEAD] = false;
        int cancelled = atomic_load_explicit(&future->cancel, memory_order_relaxed);
        future->outcome.attempts--;
        future->outcome.worker = OVL_NO_WORKER;
        ovl__future_requeue(future);
        if (cancelled)
            ovl__future_refuse(future, cancelled);
    }
    ovl__rank_pass(rank, 0);
    ovl__park_unlock(&cluster->executor->lock);
}

static void note_time(struct ovl__cluster *cluster, ovl_time took_ns, uint32_t count)
{
    ovl_time each = count ? took_ns / count : 0;
    each = each > 0 ? each : 1;
    cluster->task_ns = cluster->task_ns ? (cluster->task_ns * 3 + each) / 4 : each;
}

/* Memory for messages that stays. */
#define KEPT_BYTES ((size_t)4 << 20)

/* What a task of a former executor says is heard by nobody. */
static void hear(const struct ovl__cluster *cluster, struct ovl__reader *reader, uint64_t executor)
{
    const uint64_t *size = ovl__reader_take(reader, sizeof *size);
    const void *words = size ? ovl__reader_take(reader, *size) : NULL;
    if (!words)
        ovl__courier_give_up(cluster, "a message makes no sense");
    if (executor == cluster->number && cluster->heard)
        cluster->heard(cluster->heard_context, (struct ovl_bytes){words, *size});
}

/* Without the lock. */
bool ovl__courier_receive(struct ovl__cluster *cluster)
{
    int from;
    size_t size;
    if (!cluster->transport->arrived(-1, OVL__HEAD, &from, &size))
        return false;
    if (ovl__buffer_resize(&cluster->received, size) ||
        cluster->transport->receive(cluster->received.data, size))
        ovl__courier_give_up(cluster, "a message was lost");
    struct ovl__reader reader = {cluster->received.data, size};
    const struct ovl__letter_head *head = ovl__reader_take(&reader, sizeof *head);
    unsigned number = (unsigned)from - 1;
    if (!head || number >= cluster->count)
        return true; /* a rank beyond those wanted has nothing to say */
    if (head->kind == OVL__CLOSED) {
        cluster->ranks[number].closed |= head->executor == cluster->number;
        return true;
    }
    if (head->kind == OVL__SAYING) {
        hear(cluster, &reader, head->executor);
        if (cluster->received.capacity > KEPT_BYTES)
            ovl__buffer_release(&cluster->received);
        return true;
    }
    if (head->kind == OVL__RETURNING) {
        if (head->executor == cluster->number)
            take_back(cluster, number, &reader);
        return true;
    }
    for (uint32_t i = 0; i < head->count; i++)
        take_result(cluster, number, &reader, head);
    if (head->executor != cluster->number)
        return true;
    note_time(cluster, head->took_ns, head->count);
    cluster->ranks[number].heard = ovl_now();
    cluster->ranks[number].recalled = false;
    trim_lane(cluster, &cluster->ranks[number]);
    return true;
}
