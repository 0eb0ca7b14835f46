/*
 * The rules for when to use which model, applied to what was measured:
 *
 *   1. Is concurrency needed at all? Where the best model gains less than 1.3 times, no.
 *   2. Is the work I/O-bound or CPU-bound? What its ledger shows: waits, or CPU time.
 *   3. I/O-bound: async where it can overlap the waits, threads where it cannot. CPU-bound: all the
 *      cores, by threads or by processes; async does not help.
 */
#ifndef OVERLAP_VERDICT_H
#define OVERLAP_VERDICT_H

#include <overlap/export.h>
#include <overlap/ledger.h>
#include <overlap/model.h>
#include <overlap/time.h>
#include <stddef.h>

OVL_BEGIN_DECLS

enum ovl_bound {
    OVL_IO_BOUND,      /* 70% or more of the tasks' time are waits */
    OVL_CPU_BOUND,     /* 70% or more are CPU time */
    OVL_MIXED_BOUND,   /* both matter */
    OVL_NEITHER_BOUND, /* no time was spent */
};

/*
 * A bound's name: "io", "cpu", "mixed", "neither"; NULL for a number that is none.
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_bound_name(enum ovl_bound bound);

/*
 * What tasks were bound by: their waits, seen and unseen (lock waits left out: those are other
 * tasks), against their CPU time. Best asked of a ledger of `sync`, where tasks do not hinder each
 * other.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT enum ovl_bound ovl_ledger_bound(const struct ovl_ledger_sum *sum);

/* The same work's time under one model. */
struct ovl_measure {
    enum ovl_model model;
    unsigned workers;
    ovl_time wall_ns;
};

struct ovl_verdict {
    enum ovl_bound bound;
    enum ovl_model model;
    unsigned workers;
    double speedup; /* against sync */
    char reason[200];
};

/*
 * Applies the rules to `count` measures of one work, of which one is of sync, and to what its tasks
 * were bound by. A faster model wins only where it is faster by 10%: among equals, async before
 * threads before processes where the work waits; threads before processes where it computes, and
 * async never.
 *
 * Threads: any. Errors: -EINVAL: no measure of sync; *ret_verdict is untouched.
 */
OVL_EXPORT int ovl_verdict(enum ovl_bound bound, const struct ovl_measure *measures, size_t count,
                           struct ovl_verdict *ret_verdict);

OVL_END_DECLS

#endif
