/*
 * Meters: what is measured of one task while it runs. The executor starts and stops a meter, the
 * loop tells it when a coroutine gives way and goes on, the hooks tell it what was waited for.
 */
#ifndef OVL_LEDGER_METER_H
#define OVL_LEDGER_METER_H

#include <overlap/ledger.h>
#include <stdbool.h>

struct ovl__meter {
    struct ovl_record record;
    ovl_time resumed; /* the CPU clock below, when the task last got the thread */
    bool coroutine;   /* the CPU clock: the thread's own, or for a coroutine the time of day */
};

/* Starts measuring, in the worker, just before the task function. */
void ovl__meter_start(struct ovl__meter *meter, bool coroutine);

/* Stops measuring, just after it. */
void ovl__meter_stop(struct ovl__meter *meter);

/* A coroutine gives way at `now`, and later goes on at `now`. */
void ovl__meter_pause(struct ovl__meter *meter, ovl_time now);
void ovl__meter_resume(struct ovl__meter *meter, ovl_time now);

/* The task waited for something from `began` until now. */
void ovl__meter_wait(struct ovl__meter *meter, enum ovl_wait wait, ovl_time began);

/* Adds a finished task to a ledger. Any thread. */
void ovl__ledger_add(struct ovl_ledger *ledger, const struct ovl_record *record);

#endif
