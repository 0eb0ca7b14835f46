/*
 * Meters: what is measured of one task while it runs. The executor starts and stops a meter, the
 * loop tells it when a coroutine gives way and goes on, the hooks tell it what was waited for.
 *
 * A task's time falls into segments, in which it runs or waits. The CPU time of a segment that ran
 * is its length, where it is short. The thread's CPU clock, which takes a system call to read, is
 * read only for segments that are long enough for the thread to have lost its processor in them.
 */
#ifndef OVL_LEDGER_METER_H
#define OVL_LEDGER_METER_H

#include "ledger/trail.h"

#include <stdbool.h>

struct ovl__meter {
    struct ovl_record record;
    ovl_time resumed; /* when the segment that runs began */
    ovl_time paused;  /* when it last gave its thread to others */
    ovl_time away;    /* how long it has been without it, for what is not known yet */
    uint32_t held;    /* the outermost mutex that it holds; 0: none */
    uint32_t again;   /* how often more it has locked that one */
    struct ovl__trail trail;
};

/* Starts measuring, in the worker, just before the task function. */
void ovl__meter_start(struct ovl__meter *meter);

/* Stops measuring, just after it. */
void ovl__meter_stop(struct ovl__meter *meter);

/* The task gives its thread to others, and later has it again. */
void ovl__meter_pause(struct ovl__meter *meter);
void ovl__meter_resume(struct ovl__meter *meter);

/* A task that was paused, and goes on again, waited from `began` until now. */
void ovl__meter_wait(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began);

/*
 * The thread of a task that was not paused has just come back from a call that began at `began`.
 * What the call did not compute, the task waited in it; a short one is taken for computing.
 */
void ovl__meter_call(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began);

/* The task has locked a mutex, or is about to unlock it: what it waits for meanwhile is noted so.
 * Of several the one that was locked first counts. */
static inline void ovl__meter_hold(struct ovl__meter *meter, uint32_t lock)
{
    if (!meter->held)
        meter->held = lock;
    else if (meter->held == lock)
        meter->again++;
}

static inline void ovl__meter_release(struct ovl__meter *meter, uint32_t lock)
{
    if (meter->held != lock)
        return;
    if (meter->again)
        meter->again--;
    else
        meter->held = 0;
}

/* Whether a call that began at `began` is long enough to count. */
bool ovl__meter_is_long(ovl_time began);

/* The task read or wrote so many bytes. */
static inline void ovl__meter_read(struct ovl__meter *meter, uint64_t bytes)
{
    meter->record.bytes_in += bytes;
}

static inline void ovl__meter_wrote(struct ovl__meter *meter, uint64_t bytes)
{
    meter->record.bytes_out += bytes;
}

/* The watchdog has reported that the task holds up its loop. In the loop's thread. */
static inline void ovl__meter_stalled(struct ovl__meter *meter)
{
    meter->record.stalls++;
}

/* What was measured, from one meter to another: all of the record but what the submit filled in. */
void ovl__meter_copy(struct ovl__meter *to, const struct ovl__meter *from);

/* Adds a finished task to a ledger. Any thread. */
void ovl__ledger_add(struct ovl_ledger *ledger, const struct ovl__meter *meter);

/*
 * A reference of one who adds to it, and giving it back: a task that is left to itself when its
 * executor is closed may end after the ledger was. NULL is allowed. Any thread.
 */
void ovl__ledger_hold(struct ovl_ledger *ledger);
void ovl__ledger_drop(struct ovl_ledger *ledger);

#endif
