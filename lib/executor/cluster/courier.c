#include "executor/cluster/courier.h"
#include "base/system.h"

#include <overlap/error.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a close waits for sessions to close. */
#define CLOSE_NS (5 * OVL_SECOND)

/* --- messages --- */

void ovl__courier_free(struct ovl__sending *sending)
{
    ovl__buffer_release(&sending->letter.bytes);
    if (sending->future)
        ovl__future_drop(sending->future);
    free(sending);
}

_Noreturn void ovl__courier_give_up(const struct ovl__cluster *cluster, const char *why)
{
    fprintf(stderr, "overlap: the cluster cannot go on: %s\n", why);
    cluster->transport->abort(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

struct ovl__sending *ovl__courier_new(struct ovl__cluster *cluster, enum ovl__letter_kind kind)
{
    struct ovl__sending *sending = ovl__zalloc(sizeof *sending);
    if (sending) {
        sending->tag = OVL__HEAD;
        ovl__letter_begin(&sending->letter, kind, cluster->number);
    }
    if (!sending || sending->letter.error)
        ovl__courier_give_up(cluster, "no memory for a message");
    return sending;
}

void ovl__courier_post(struct ovl__cluster *cluster, unsigned rank, struct ovl__sending *sending)
{
    const void *data = sending->future ? sending->future->item.data : sending->letter.bytes.data;
    size_t size = sending->future ? sending->future->item.size : sending->letter.bytes.size;
    if (sending->letter.error)
        ovl__courier_give_up(cluster, "no memory for a message");
    sending->transport =
        cluster->transport->begin_send((int)rank + 1, (int)sending->tag, data, size);
    if (!sending->transport)
        ovl__courier_give_up(cluster, "a message cannot be sent");
    ovl__list_append(&cluster->sendings, &sending->link);
}

static bool collect_sendings(struct ovl__cluster *cluster)
{
    bool any = false;
    struct ovl__link *next;
    for (struct ovl__link *link = cluster->sendings.next; link != &cluster->sendings; link = next) {
        next = link->next;
        struct ovl__sending *sending = ovl__of(link, struct ovl__sending, link);
        if (!cluster->transport->sent(sending->transport))
            continue;
        ovl__list_remove(link);
        ovl__courier_free(sending);
        any = true;
    }
    return any;
}

static bool is_idle(const struct ovl__cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++)
        if (ovl__rank_has(&cluster->ranks[i]))
            return false;
    return ovl__list_empty(&cluster->sendings);
}

/* The lock is held, and let go meanwhile. */
static void rest(struct ovl__cluster *cluster, ovl_time since)
{
    struct ovl_executor *executor = cluster->executor;
    ovl_time pause = ovl__rank_pause(since);
    if (is_idle(cluster)) {
        if (ovl__executor_may_take(executor)) /* it was queued while the lock was let go */
            return;
        ovl__wait(&cluster->changed, &executor->lock, OVL_FOREVER);
    } else if (pause) {
        ovl__wait(&cluster->changed, &executor->lock, ovl_after(pause));
    } else {
        ovl__park_unlock(&executor->lock);
        sched_yield();
        ovl__park_lock(&executor->lock);
    }
}

static bool step(struct ovl__cluster *cluster)
{
    bool any = ovl__courier_hand_out(cluster);
    ovl__park_unlock(&cluster->executor->lock);
    any |= collect_sendings(cluster);
    while (ovl__courier_receive(cluster))
        any = true;
    ovl__park_lock(&cluster->executor->lock);
    return any;
}

/* Without a lane, results come by messages. */
static struct ovl__lane_place open_lane(struct ovl__cluster *cluster, unsigned number)
{
    struct ovl__rank *rank = &cluster->ranks[number];
    if (!cluster->transport->is_near((int)number + 1) || ovl__lane_open(false, &rank->lane))
        return (struct ovl__lane_place){0};
    return ovl__lane_place(rank->lane);
}

static void open_ranks(struct ovl__cluster *cluster)
{
    const struct ovl_options *options = &cluster->executor->options;
    struct ovl__opening part = {.recorded = cluster->executor->metered};
    const void *open;
    const void *close;
    memcpy(&open, &options->session_open, sizeof open);
    memcpy(&close, &options->session_close, sizeof close);
    if (ovl__code_place(open, &part.session_open) || ovl__code_place(close, &part.session_close))
        ovl__courier_give_up(cluster, "the session's functions are in no module");
    for (unsigned i = 0; i < cluster->count; i++) {
        struct ovl__sending *sending = ovl__courier_new(cluster, OVL__OPENING);
        part.lane = open_lane(cluster, i);
        ovl__letter_add(&sending->letter, &part, sizeof part);
        ovl__courier_post(cluster, i, sending);
    }
}

static bool all_closed(const struct ovl__cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++)
        if (!cluster->ranks[i].closed)
            return false;
    return true;
}

/* Ranks that still run tasks close their sessions when these end; nobody waits for that. */
static void close_ranks(struct ovl__cluster *cluster)
{
    ovl_time until = ovl_after(cluster->abandon ? 0 : CLOSE_NS);
    ovl_time since = ovl_now();
    for (unsigned i = 0; i < cluster->count; i++)
        ovl__courier_post(cluster, i, ovl__courier_new(cluster, OVL__CLOSING));
    for (;;) {
        bool any = collect_sendings(cluster);
        any |= ovl__courier_receive(cluster);
        bool sent = ovl__list_empty(&cluster->sendings);
        cluster->left_busy = !all_closed(cluster);
        if (sent && (!cluster->left_busy || ovl_now() >= until))
            return;
        if (any)
            since = ovl_now();
        else
            ovl__rank_rest(since);
    }
}

void *ovl__courier_main(void *argument)
{
    struct ovl__cluster *cluster = argument;
    struct ovl_executor *executor = cluster->executor;
    pthread_setname_np(pthread_self(), "ovl-courier");
    open_ranks(cluster);
    ovl__park_lock(&executor->lock);
    ovl_time since = ovl_now();
    while (!cluster->closing) {
        if (step(cluster))
            since = ovl_now();
        else if (!cluster->closing)
            rest(cluster, since);
    }
    for (unsigned i = 0; cluster->abandon && i < cluster->count; i++) {
        struct ovl__rank *rank = &cluster->ranks[i];
        while (ovl__rank_has(rank))
            ovl__courier_refuse(rank->tasks[rank->replied++ % OVL__AHEAD], OVL_ECANCELED);
    }
    cluster->abandoned = cluster->abandon;
    ovl__park_unlock(&executor->lock);
    close_ranks(cluster);
    return NULL;
}
