/*
 * What a rank is given: as many tasks at a time as it runs in a moment; of long ones, one.
 */
#include "executor/cluster/courier.h"

#include <errno.h>
#include <string.h>

/* A rank has work for about so long. */
#define AHEAD_NS (200 * OVL_MICROSECOND)

/* A rank that runs tasks of this length is given the next ones only when it has none. */
#define LONG_NS OVL_MILLISECOND

/* While a rank has nothing to do, another that was silent for so long is to give back tasks. */
#define SILENT_NS (2 * OVL_MILLISECOND)

/* Messages of small items are no larger than about this. */
#define MESSAGE_BYTES ((size_t)256 << 10)

static int find_place(struct ovl__cluster *cluster, ovl_task_fn *fn)
{
    const void *address;
    if (cluster->fn == fn)
        return 0;
    memcpy(&address, &fn, sizeof address);
    int error = ovl__code_place(address, &cluster->fn_place);
    cluster->fn = error ? NULL : fn;
    return error;
}

/* How many tasks the rank is given now. The lock is held. */
static size_t share(const struct ovl__cluster *cluster, const struct ovl__rank *rank)
{
    uint32_t has = ovl__rank_has(rank);
    if (rank->recalled)
        return 0;
    if (!cluster->task_ns)
        return has ? 0 : 1;
    if (has && cluster->task_ns > LONG_NS)
        return 0;
    size_t by_time = (size_t)(AHEAD_NS / cluster->task_ns);
    size_t fair = cluster->executor->counts.queued / (2 * (size_t)cluster->count) + 1;
    size_t most = by_time < fair ? by_time : fair;
    most = most < 1 ? 1 : most;
    if (has > most / 2 && has > 1)
        return 0;
    return most < OVL__AHEAD - has ? most : OVL__AHEAD - has;
}

void ovl__courier_refuse(struct ovl_future *future, int error)
{
    future->outcome.error = error;
    ovl__future_finish(future);
}

static void add_task(struct ovl__cluster *cluster, struct ovl__rank *rank,
                     struct ovl__sending *sending, struct ovl_future *future)
{
    struct ovl__task_part part = {
        .left_ns = OVL_FOREVER,
        .item_size = future->item.size,
    };
    if (future->deadline != OVL_FOREVER)
        part.left_ns = future->deadline - ovl_now();
    int error = find_place(cluster, future->fn);
    if (!error && future->item.size > OVL__MESSAGE_MAX)
        error = -EMSGSIZE;
    if (!error) {
        size_t before = sending->letter.bytes.size;
        part.fn = cluster->fn_place;
        ovl__letter_add(&sending->letter, &part, sizeof part);
        if (part.item_size < OVL__APART)
            ovl__letter_add(&sending->letter, future->item.data, part.item_size);
        error = sending->letter.error;
        if (error) {
            sending->letter.bytes.size = before;
            sending->letter.error = 0;
        }
    }
    if (error) {
        ovl__courier_refuse(future, error);
        return;
    }
    rank->tasks[rank->sent % OVL__AHEAD] = future;
    rank->sent++;
    ovl__letter_head(&sending->letter)->count++;
}

static void post_bodies(struct ovl__cluster *cluster, unsigned number, uint32_t from)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    for (uint32_t i = from; i != rank->sent; i++) {
        struct ovl_future *future = rank->tasks[i % OVL__AHEAD];
        if (future->item.size < OVL__APART)
            continue;
        struct ovl__sending *body = ovl__zalloc(sizeof *body);
        if (!body)
            ovl__courier_give_up(cluster, "no memory for a message");
        ovl__state_hold(&future->state);
        body->tag = OVL__BODY;
        body->future = future;
        ovl__courier_post(cluster, number, body);
    }
}

static bool feed(struct ovl__cluster *cluster, unsigned number)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    size_t most = ovl__executor_may_take(cluster->executor) ? share(cluster, rank) : 0;
    if (!most)
        return false;
    struct ovl__sending *sending = ovl__courier_new(cluster, OVL__TASKS);
    uint32_t from = rank->sent;
    while (most-- && sending->letter.bytes.size < MESSAGE_BYTES) {
        struct ovl_future *future = ovl__executor_take(cluster->executor);
        if (!future)
            break;
        future->outcome.worker = number;
        future->more->meter.record.worker = number;
        add_task(cluster, rank, sending, future);
    }
    if (rank->sent == from) {
        ovl__courier_free(sending);
        return false;
    }
    if (rank->lane)
        atomic_store_explicit(&rank->lane->quiet, false, memory_order_relaxed);
    rank->heard = ovl_now();
    ovl__courier_post(cluster, number, sending);
    post_bodies(cluster, number, from);
    return true;
}

/* Tells the rank which of its tasks are to end. */
static void tell_cancels(struct ovl__cluster *cluster, unsigned number)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    struct ovl__sending *sending = ovl__courier_new(cluster, OVL__CANCELLING);
    sending->tag = OVL__CANCEL;
    for (uint32_t i = rank->replied; i != rank->sent; i++) {
        if (!rank->to_cancel[i % OVL__AHEAD])
            continue;
        rank->to_cancel[i % OVL__AHEAD] = false;
        ovl__letter_add(&sending->letter, &i, sizeof i);
        ovl__letter_head(&sending->letter)->count++;
    }
    rank->cancels = 0;
    ovl__courier_post(cluster, number, sending);
}

/* --- taking back --- */

void ovl__rank_pass(struct ovl__rank *rank, uint32_t count)
{
    rank->replied += count;
    while (ovl__rank_has(rank) && !rank->tasks[rank->replied % OVL__AHEAD])
        rank->replied++;
    rank->recalled &= ovl__rank_has(rank) > 0;
}

static void recall(struct ovl__cluster *cluster, unsigned number)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    struct ovl__sending *sending = ovl__courier_new(cluster, OVL__RECALLING);
    sending->tag = OVL__CANCEL;
    ovl__letter_add(&sending->letter, &rank->sent, sizeof rank->sent);
    ovl__courier_post(cluster, number, sending);
    rank->recalled = true;
}

static bool is_silent(const struct ovl__rank *rank, ovl_time now)
{
    return ovl__rank_has(rank) > 1 && !rank->recalled && now - rank->heard > SILENT_NS;
}

/* A task that takes long has those behind it wait, though another rank has nothing to do. */
static bool rebalance(struct ovl__cluster *cluster)
{
    unsigned idle = 0;
    bool any = false;
    if (ovl__executor_may_take(cluster->executor))
        return false;
    for (unsigned i = 0; i < cluster->count; i++)
        idle += !ovl__rank_has(&cluster->ranks[i]);
    ovl_time now = idle ? ovl_now() : 0;
    for (unsigned i = 0; i < cluster->count && idle; i++) {
        if (!is_silent(&cluster->ranks[i], now))
            continue;
        recall(cluster, i);
        any = true;
    }
    return any;
}

/* Ranks with nothing to do come first. */
bool ovl__courier_hand_out(struct ovl__cluster *cluster)
{
    bool any = false;
    for (unsigned i = 0; i < cluster->count; i++) {
        if (!cluster->ranks[i].cancels)
            continue;
        tell_cancels(cluster, i);
        any = true;
    }
    for (unsigned i = 0; i < cluster->count; i++)
        if (!ovl__rank_has(&cluster->ranks[i]))
            any |= feed(cluster, i);
    for (unsigned i = 0; i < cluster->count; i++)
        any |= feed(cluster, i);
    return rebalance(cluster) || any;
}
