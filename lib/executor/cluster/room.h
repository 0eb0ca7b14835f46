/*
 * Room for a result, on a rank that works: a large one is written into a block of the lane that
 * rank 0 has as well, where there is one, and into memory of the rank's own elsewhere. The rank's
 * main thread's.
 */
#ifndef OVL_EXECUTOR_CLUSTER_ROOM_H
#define OVL_EXECUTOR_CLUSTER_ROOM_H

#include "executor/cluster/cluster.h"

/* What a rank keeps from one task to the next. All zero is a rank without a lane. */
struct ovl__rooms {
    struct ovl__lane *lane;  /* NULL: rank 0 is on another machine, or nothing is open */
    struct ovl__buffer heap; /* a result that is in no block */
};

/* A task that a rank runs: its future takes its result's memory from here. */
struct ovl__room {
    struct ovl_future future;
    struct ovl__future_more more;
    struct ovl__rooms *rooms;
    struct ovl__block block; /* where the result is; index OVL__NO_BLOCK: on the heap */
};

/* For the tasks of another executor from now on; the place is nowhere after the last one. */
void ovl__rooms_open(struct ovl__rooms *rooms, const struct ovl__lane_place *place);

/* Readies a future whose other members are the caller's to set. */
void ovl__room_begin(struct ovl__room *room, struct ovl__rooms *rooms);

/* Gives up what was made for a result that nobody gets. */
void ovl__room_drop(struct ovl__room *room);

/* The result has been sent, or its block is rank 0's by now. */
void ovl__room_end(struct ovl__room *room);

#endif
