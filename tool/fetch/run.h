/*
 * The run: reads items, plans them, has them fetched, and tells their fate. It is driven by the
 * stream of the executor, in one thread: the parent of all transfers.
 */
#ifndef TOOL_FETCH_RUN_H
#define TOOL_FETCH_RUN_H

#include "fetch/board.h"
#include "fetch/bytes.h"
#include "fetch/display.h"
#include "fetch/item.h"
#include "fetch/list.h"
#include "fetch/plan.h"
#include "fetch/schedule.h"
#include "fetch/settings.h"
#include "fetch/timing.h"
#include "fetch/transfer.h"
#include "fetch/tuning.h"

#include <overlap.h>

struct journal;

/* What became of all items. They add up to `items`. */
struct run_counts {
    size_t items; /* that were read */
    size_t done;
    size_t before;    /* of these, by an earlier run, as the journal has it */
    size_t skipped;   /* of these, since a file was there */
    size_t unchanged; /* of these, since the server has nothing newer */
    size_t failed;
    size_t not_started;
    uint64_t bytes; /* that came through the network */
};

struct run {
    const struct settings *settings;
    struct transfer_context context;
    struct board *board;
    struct journal *journal;
    struct list *list;
    bool list_ended;
    struct plan *plan;
    struct schedule *schedule;
    struct ovl_executor *executor;
    struct tuning tuning;
    struct display display;
    struct timing *timing; /* NULL: neither a report nor a trace is wanted */

    unsigned most;    /* transfers at once that the machine can have */
    unsigned limit;   /* that there are to be now */
    unsigned running; /* given to the executor and not ended */
    uint32_t *slots;  /* the free ones of the board */
    size_t free_slots;
    struct block order;
    ovl_time wake; /* when to look again */
    ovl_time tick_due;
    struct item **given; /* by the number in the stream; NULL once it has ended */
    size_t given_count;
    size_t given_room;
    unsigned random;

    struct item **items; /* all, by their index, as long as they are of use */
    size_t item_room;
    size_t told; /* items before this index were told, where order counts */
    struct run_counts counts;
    ovl_time start;
    ovl_time end;
    int code;      /* what ended the run early: an exit code, or 0 */
    bool stopping; /* nothing new is begun */
};

/* Opens all that the run needs. Returns 0, or the exit code once it has said what is wrong. */
int run_open(const struct settings *settings, struct run *run);

/* Fetches. Returns the exit code. */
int run_all(struct run *run);

void run_close(struct run *run);

/* --- for the parts of the run: feed.c, results.c, finish.c --- */

/* How many are given to the executor: some wait there, so that no worker waits for the next. */
unsigned run_window(unsigned limit);

/* Ends the run early. */
void run_stop(struct run *run, int code);

/* Looks after signals and the display, where that is due. */
void run_tick(struct run *run, ovl_time now);

#endif
