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
#include <stdint.h>

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

/*
 * A wait's name: "network", "disk", "sleep", "lock", "child", "other"; NULL for a number that is
 * none.
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_wait_name(enum ovl_wait wait);

/* What a task does when it does not wait in a call that a hook saw. */
#define OVL_COMPUTING (-1) /* it used a processor */
#define OVL_UNSEEN    (-2) /* it waited, where no hook saw it */
#define OVL_READY     (-3) /* it waited for a processor, or for its turn in the loop */

/*
 * A part of a task's time, in which it did one thing. The segments of a task follow each other,
 * from its start to its end.
 */
struct ovl_segment {
    ovl_time length_ns;
    int kind;      /* an enum ovl_wait, or one of the above */
    unsigned lock; /* of a wait, but those of OVL_WAIT_LOCK: which mutex the task held all through
                      it; the same number for the same mutex; 0: none that is known. Of several the
                      one locked first. Three are told apart in a task */
};

/* Set in the number of a mutex that processes share. */
#define OVL_LOCK_SHARED 1u

/*
 * A record keeps at most so many segments. Where a task has more, short ones are added to others of
 * their kind: the sums by kind stay exact.
 */
#define OVL_SEGMENTS_MAX 16

/* One task. Times are points of the clock of ovl_now(); lengths are nanoseconds. */
struct ovl_record {
    size_t task;     /* counts the executor's tasks from 0, in the order of their submits */
    unsigned worker; /* who ran it */
    int error;       /* the outcome's error */
    ovl_time submitted;
    ovl_time start; /* the last attempt's */
    ovl_time end;
    ovl_time cpu_ns; /* stretches between two waits that last less than 50 us count whole, although
                        it may have lost its processor meanwhile; what follows them counts as much
                        less */
    ovl_time wait_ns[OVL_WAIT_COUNT]; /* by enum ovl_wait */
    uint64_t bytes_in;                /* what the hooks saw it read and receive */
    uint64_t bytes_out;               /* and write and send */
    unsigned switches; /* how often it gave way to others, or lost its processor to them */
    unsigned stalls;   /* how often the watchdog reported that it held up the others (async) */
};

/* All tasks of a ledger together. */
struct ovl_ledger_sum {
    size_t tasks;     /* that ran; one that was cancelled before it began is not recorded */
    size_t failed;    /* of these */
    ovl_time wall_ns; /* the sum of each task's end - start */
    ovl_time cpu_ns;
    ovl_time wait_ns[OVL_WAIT_COUNT];
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t switches;
    uint64_t stalls;
    ovl_time first_start; /* of all its tasks; 0 where there is none yet */
    ovl_time last_end;
    ovl_time unseen_ns; /* what they waited where no hook saw it: their segments of OVL_UNSEEN */
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

/*
 * Reads the n-th record's segments, in their order: fills in at most `room` of them.
 *
 * Returns how many the record has, at most OVL_SEGMENTS_MAX. Threads: any. Errors: -ERANGE.
 */
OVL_EXPORT int ovl_ledger_segments(struct ovl_ledger *ledger, size_t n,
                                   struct ovl_segment *ret_segments, size_t room);

/*
 * A segment's name: "computing", "unseen", "queue" for OVL_READY, or the wait's name; NULL for a
 * number that is none.
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_segment_name(int kind);

OVL_END_DECLS

#endif
