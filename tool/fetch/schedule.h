/*
 * The schedule: which item is next. Each host has a queue of its own, and hosts take turns, so that
 * one that is slow, pauses or fails does not hold up the others.
 *
 * A host is a name and a port. It can have a limit of its own, which 429 and 503 lower and
 * successes raise again; and one that has never answered gets few transfers at once as long as
 * others wait.
 *
 * Threads: one.
 */
#ifndef TOOL_FETCH_SCHEDULE_H
#define TOOL_FETCH_SCHEDULE_H

#include "fetch/item.h"

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

struct schedule;

struct schedule_options {
    unsigned host_workers;  /* at one host; 0: no limit */
    uint64_t host_failures; /* in a row, after which a host is given up; 0: never */
};

/* NULL: no memory. */
struct schedule *schedule_new(const struct schedule_options *options);

/* The items that are still in it are freed with it. */
void schedule_free(struct schedule *schedule);

/*
 * Puts an item into its host's queue, to be given when it is due (item->due; 0: at once). The host
 * is that of `url`, which must be one. 0 or -ENOMEM.
 */
int schedule_add(struct schedule *schedule, struct item *item, const char *url);

/*
 * Takes the next item, which is then running at its host until schedule_end. NULL: there is none
 * now; *ret_wake is when there will be one, OVL_FOREVER: not before something ends.
 */
struct item *schedule_next(struct schedule *schedule, ovl_time now, ovl_time *ret_wake);

/* Takes any item, due or not: all is being stopped. NULL: none is left. */
struct item *schedule_take_any(struct schedule *schedule);

/* How many items are in it, those that run not counted. */
size_t schedule_count(const struct schedule *schedule);

/* What an attempt says about its host. */
enum host_news {
    HOST_ANSWERED,
    HOST_BUSY,    /* it wants less: 429, 503 */
    HOST_SILENT,  /* it could not be reached, or said nothing */
    HOST_NEUTRAL, /* nothing */
};

/* The item's attempt has ended. */
void schedule_end(struct schedule *schedule, struct item *item, enum host_news news, ovl_time now);

/* Nothing more is given for the item's host before then. */
void schedule_pause(struct schedule *schedule, const struct item *item, ovl_time until);

/* Whether the item's host was given up. */
bool schedule_gave_up(const struct item *item);

/* Whether the item's host has ever answered. */
bool schedule_has_answered(const struct item *item);

/* Whether the host did not fail to answer the last time. */
bool schedule_is_well(const struct item *item);

/* The host's name and port, for messages. */
const char *schedule_host(const struct item *item);

#endif
