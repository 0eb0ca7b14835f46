/*
 * The courier: the thread of rank 0 that hands tasks out to the other ranks and takes their
 * results. Nobody else uses the transport while it runs. courier.c is its life and its messages;
 * handout.c decides what a rank is given; results.c takes what comes back.
 */
#ifndef OVL_EXECUTOR_CLUSTER_COURIER_H
#define OVL_EXECUTOR_CLUSTER_COURIER_H

#include "executor/cluster/cluster.h"

#include <overlap/cluster.h>

/* A rank, as rank 0 sees it. Under the executor's lock. */
struct ovl__rank {
    struct ovl_future *tasks[OVL__AHEAD]; /* what it was sent, a ring, the oldest first; NULL: it
                                             has given it back */
    uint32_t sent, replied;
    ovl_time heard; /* when it was last sent tasks, or had results; the courier's */
    bool recalled;  /* it was asked to give back what it has not begun, and is given nothing until
                       it has results, or nothing any more */
    bool to_cancel[OVL__AHEAD]; /* which of these it is still to be told to end */
    uint32_t cancels;           /* how many those are */
    bool closed;
    struct ovl__lane *lane; /* its large results; the courier's; NULL: it is on another machine */
};

/* Something on its way. The courier's. */
struct ovl__sending {
    struct ovl__link link;
    void *transport; /* the transport's own */
    enum ovl__tag tag;
    struct ovl__letter letter;
    struct ovl_future *future; /* or: its item is what is sent */
};

struct ovl__cluster {
    struct ovl_executor *executor;
    const struct ovl__transport *transport;
    uint64_t number; /* counts the executors of this process */
    struct ovl__rank *ranks;
    unsigned count;
    pthread_t courier;
    ovl_cluster_heard_fn *heard; /* NULL: what tasks say is dropped */
    void *heard_context;
    struct ovl__wait_list changed; /* the courier, asleep */
    bool closing;
    bool abandon;
    bool abandoned;   /* what tasks were left have failed: their results are of no use */
    bool left_busy;   /* some rank had not closed its sessions when the courier ended */
    ovl_time task_ns; /* how long tasks take lately; 0: not known */
    /* The courier's own. */
    struct ovl__link sendings;
    struct ovl__buffer received;
    ovl_task_fn *fn; /* the last task's, and its place */
    struct ovl__code_place fn_place;
};

static inline uint32_t ovl__rank_has(const struct ovl__rank *rank)
{
    return rank->sent - rank->replied;
}

/* Passes over what the oldest of a rank's tasks was, and those behind it that it has given back.
 */
void ovl__rank_pass(struct ovl__rank *rank, uint32_t count);

/* The thread. */
void *ovl__courier_main(void *cluster);

/* A message that cannot be sent leaves ranks waiting for ever: the job ends, and says why. */
__attribute__((noreturn)) void ovl__courier_give_up(const struct ovl__cluster *cluster,
                                                    const char *why);

/* A message to be filled in, and sent: which gives it away. Ends the job where there is no memory.
 */
struct ovl__sending *ovl__courier_new(struct ovl__cluster *cluster, enum ovl__letter_kind kind);
void ovl__courier_post(struct ovl__cluster *cluster, unsigned rank, struct ovl__sending *sending);
void ovl__courier_free(struct ovl__sending *sending);

/* Fails a task that was taken. The lock is held. */
void ovl__courier_refuse(struct ovl_future *future, int error);

/* Gives each rank what it is to have now, and tells it what is to end; whether there was any. The
 * lock is held. */
bool ovl__courier_hand_out(struct ovl__cluster *cluster);

/* Takes one message, if one has arrived; whether it did. Without the lock. */
bool ovl__courier_receive(struct ovl__cluster *cluster);

#endif
