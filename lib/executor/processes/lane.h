/*
 * Lanes: the shared memory between the supervisor and one worker process, which carries one task at
 * a time to the worker and its result back. A lane belongs to a worker's number: the process that
 * takes a dead worker's place takes its lane.
 *
 * Whose turn it is decides who may touch the rest of the lane:
 *
 *     IDLE ──parent──► ASKED ──worker──► BEGUN ──worker──► REPLIED ──parent──► IDLE
 *      └────parent──► ENDING
 *
 * IDLE and REPLIED are the parent's turn; ASKED, BEGUN and ENDING are the worker's. A worker that
 * dies in BEGUN takes its task along; one that dies in ASKED has not touched it.
 */
#ifndef OVL_EXECUTOR_PROCESSES_LANE_H
#define OVL_EXECUTOR_PROCESSES_LANE_H

#include "ledger/meter.h"

#include <overlap/task.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * How often who waits looks, and gives the processor to others, before it sleeps: falling asleep
 * and being woken takes longer than a short task does.
 */
#define OVL__LOOKS 64

enum ovl__turn { OVL__IDLE, OVL__ASKED, OVL__BEGUN, OVL__REPLIED, OVL__ENDING };

/* What the parent asks; the item is the payload. */
struct ovl__request {
    ovl_task_fn *fn; /* the worker was forked: it is at the same address there */
    ovl_time deadline;
    size_t item_size;
};

/* What the worker replies; the result is the payload. */
struct ovl__reply {
    int error;
    int detail;
    size_t result_size;
    struct ovl__meter meter; /* what the worker measured */
};

struct ovl__lane_head {
    atomic_uint turn; /* enum ovl__turn; the worker sleeps on it */
    struct ovl__request request;
    struct ovl__reply reply;
};

struct ovl__lane {
    struct ovl__lane_head *head; /* this process's mapping: the head, then the payload */
    size_t room;  /* bytes of the payload that are mapped here, and backed by memory */
    int fd;       /* the memory */
    bool adopted; /* in the worker */
};

/* -ENOMEM, -EMFILE, -ENFILE; a lane that could not be opened needs no close. */
int ovl__lane_open(struct ovl__lane *lane);

/* One that is all zero, or closed, is left alone. */
void ovl__lane_close(struct ovl__lane *lane);

/* In a process that was just forked, which does not inherit the parent's mappings: maps it.
 * -ENOMEM. */
int ovl__lane_adopt(struct ovl__lane *lane);

/*
 * Makes room for a payload of `size` bytes, and maps it here; what the payload holds stays. Whose
 * turn it is. -ENOMEM, also where the memory would only be missed when it is touched.
 */
int ovl__lane_reserve(struct ovl__lane *lane, size_t size);

/*
 * Gives back what a large payload took beyond what a lane keeps: the worker its mapping, the parent
 * the memory as well. The worker does so before each task, since the parent may have done so after
 * the last.
 */
void ovl__lane_trim(struct ovl__lane *lane);

/* The payload: aligned as malloc aligns. */
void *ovl__lane_payload(const struct ovl__lane *lane);

enum ovl__turn ovl__lane_turn(const struct ovl__lane *lane);

/* Gives the turn: all that was written before is there for who takes it. Wakes a worker. */
void ovl__lane_pass(struct ovl__lane *lane, enum ovl__turn turn);

/* In the worker: sleeps until it is its turn, and returns what is asked. */
enum ovl__turn ovl__lane_await(struct ovl__lane *lane);

#endif
