/*
 * Ledgers: what tasks did. An executor that is opened with one records each task in it.
 *
 * Waits are what the hooks of blocking calls saw: under `sync`, `threads` and `processes` the time
 * that a task spent inside of such calls, under `async` the time that it had given way in them.
 * What no hook saw counts as neither wait nor CPU time: it is the rest of the task's time.
 */
#ifndef OVERLAP_LEDGER_H
#define OVERLAP_LEDGER_H

#include <overlap/export.h>
#include <overlap/model.h>
#include <overlap/time.h>
#include <stddef.h>

OVL_BEGIN_DECLS

enum ovl_wait {
    OVL_WAIT_NETWORK, /* sockets, and polls of them; name look-ups */
    OVL_WAIT_DISK,    /* files */
    OVL_WAIT_SLEEP,   /* the sleep family, and polls of nothing */
    OVL_WAIT_LOCK,    /* other tasks: futures, locks */
    OVL_WAIT_CHILD,   /* child processes, and pipes */
    OVL_WAIT_OTHER,   /* terminals and whatever else a descriptor can be */
};

#define OVL_WAIT_COUNT 6

/* A wait's name: "network", "disk", "sleep", "lock", "child", "other". Constant string. */
OVL_EXPORT const char *ovl_wait_name(enum ovl_wait wait);

/* One task. Times are points of the clock of ovl_now(); lengths are nanoseconds. */
struct ovl_record {
    size_t task;     /* counts the executor's tasks from 0, in the order of their submits */
    unsigned worker; /* who ran it */
    int error;       /* the outcome's error */
    ovl_time submitted;
    ovl_time start; /* the last attempt's */
    ovl_time end;
    ovl_time cpu_ns;
    ovl_time wait_ns[OVL_WAIT_COUNT]; /* by enum ovl_wait */
};

/* All tasks of a ledger together. */
struct ovl_ledger_sum {
    size_t tasks;     /* that ran; one that was cancelled before it began is not recorded */
    size_t failed;    /* of these */
    ovl_time wall_ns; /* the sum of each task's end - start */
    ovl_time cpu_ns;
    ovl_time wait_ns[OVL_WAIT_COUNT];
};

struct ovl_ledger;

/*
 * Makes an empty ledger that keeps at most `limit` single records (0: 65,536). When more tasks are
 * recorded, the sums go on counting all, and the records kept are an even sample: every task was as
 * likely to be kept.
 *
 * Ownership: ovl_ledger_close ends it, after every executor that records in it is closed.
 *   On failure *ret_ledger is untouched.
 * Threads: any. Errors: -ENOMEM.
 */
OVL_EXPORT int ovl_ledger_open(size_t limit, struct ovl_ledger **ret_ledger);

/* Ends a ledger. NULL is allowed. Threads: any; nothing else may use it. */
OVL_EXPORT void ovl_ledger_close(struct ovl_ledger *ledger);

/* The sums so far. Threads: any, also while tasks are recorded. Errors: none. */
OVL_EXPORT void ovl_ledger_sum(struct ovl_ledger *ledger, struct ovl_ledger_sum *ret_sum);

/* How many single records there are. Threads: any. Errors: none. */
OVL_EXPORT size_t ovl_ledger_count(struct ovl_ledger *ledger);

/*
 * Reads the n-th record, from 0: they stand in no order.
 *
 * Threads: any. Errors: -ERANGE: there are not so many; *ret_record is untouched.
 */
OVL_EXPORT int ovl_ledger_read(struct ovl_ledger *ledger, size_t n, struct ovl_record *ret_record);

OVL_END_DECLS

#endif
