/*
 * Predictions: what a model would make of work that is known from its tasks' segments.
 *
 * A discrete-event simulation replays the tasks under a model with so many workers: processors are
 * shared, what serialises is taken by one after the other, and opening the model, its workers and
 * each task costs what it costs on this machine. The work may come from a ledger, or from anywhere
 * else: these are plain structs.
 */
#ifndef OVERLAP_PREDICT_H
#define OVERLAP_PREDICT_H

#include <overlap/export.h>
#include <overlap/ledger.h>
#include <overlap/model.h>
#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>

OVL_BEGIN_DECLS

/* --- the work --- */

/* A part of a task's time; the parts follow each other. */
struct ovl_part {
    ovl_time length_ns;
    int kind;          /* an enum ovl_wait, OVL_COMPUTING or OVL_UNSEEN; OVL_READY takes no time: it
                          is what the simulation finds */
    unsigned resource; /* what it needs all through, beside a processor where it computes: the
                          number, from 1, of one of the work's resources; 0: nothing */
    bool blocks;       /* a wait that would hold up the others in one loop: async cannot turn it
                          into a yield. Without it those of OVL_UNSEEN do, and no others: files are
                          waited for by helpers */
};

struct ovl_part_list {
    const struct ovl_part *parts;
    size_t count;
};

/*
 * Something that only so many tasks have at once; the others wait for it, the first to come first.
 * Examples: a server that takes 8 connections; a lock (capacity 1); an interpreter's lock (capacity
 * 1, needed by the parts that compute in it, and not by those that compute outside of it).
 */
struct ovl_resource {
    unsigned capacity; /* 1 or more */
    bool per_process;  /* each worker of `processes` has one of its own: an interpreter's lock */
};

/* All zero but `tasks` and `task_count` is good. Nothing is kept beyond the call that it is given
 * to. */
struct ovl_work {
    const struct ovl_part_list *tasks; /* those that are known, in their order */
    size_t task_count;
    size_t total; /* how many there are to do: those known are repeated, or a part of them taken;
                     0: as many as are known */
    const struct ovl_resource *resources;
    size_t resource_count;
    ovl_time serial_ns; /* before and after the tasks, the same under every model: imports, start */
    unsigned cores;     /* processors to compute on; 0: those that this process may use */
};

/* --- what models cost --- */

/* What one model costs on a machine, beside the tasks themselves. Nanoseconds. */
struct ovl_model_cost {
    double open_ns;   /* opening and closing it, whatever its workers */
    double worker_ns; /* each worker, begun by the one thread that opens it */
    double submit_ns; /* each task, in the thread that submits it, before a worker can begin it */
    double task_ns;   /* each task, on its worker's processor */
    double wait_ns;   /* each wait, on its worker's processor: the way there and back */
    double disk_ns;   /* each wait for a file, there too, beside wait_ns: another makes the call */
    double hand_ns;   /* each task but short ones: until the one thread that does it for all workers
                         has taken its result and given its worker the next */
    double tell_ns;   /* a task's end, on its worker's processor, where who waits for results has to
                         be woken: those that end in the next 2 tell_ns find it awake */
};

struct ovl_costs {
    struct ovl_model_cost models[OVL_MODEL_COUNT];
    double parallel; /* how many times as much all processors compute at once as one does alone,
                        over their number: 1 where none slows another down */
    unsigned cores;  /* of the machine where it was measured */
    double wake_ns;  /* what a processor computes to go on after it idled for OVL_WAKE_AFTER: it is
                        asleep and has forgotten much. After shorter waits it is less: as the root of
                        their length. Nanoseconds */
    double wake_network_ns; /* and where the wait was for the network: much more code is to be
                               remembered then */
};

#define OVL_WAKE_AFTER (10 * OVL_MILLISECOND)

/*
 * What models cost on this machine: measured the first time (about 0.5 s), and kept in the user's
 * cache folder, $XDG_CACHE_HOME/overlap or ~/.cache/overlap. A file that is damaged, of another
 * version or of another machine is measured anew; where nothing can be written, nothing is kept.
 *
 * Threads: any. Errors: none: where it cannot be measured, typical numbers are given.
 */
OVL_EXPORT void ovl_costs_get(struct ovl_costs *ret_costs);

/* Measures them now, and keeps nothing. Threads: any. Errors: as those of ovl_executor_open. */
OVL_EXPORT int ovl_costs_measure(struct ovl_costs *ret_costs);

/* --- predictions --- */

/* How the work would be run. */
struct ovl_plan {
    enum ovl_model model;
    unsigned workers; /* 0: ovl_model_default_workers */

    /* What the machine's costs leave out: an interpreter's start in each process, a pickled item.
     */
    ovl_time more_open_ns;
    ovl_time more_worker_ns; /* computed by each worker as it begins, at the same time as others */
    ovl_time more_task_ns;   /* computed by the worker for each task */
};

struct ovl_prediction {
    enum ovl_model model;
    unsigned workers;
    ovl_time wall_ns;  /* serial_ns included */
    ovl_time least_ns; /* within these with about 95%, as far as the known tasks tell */
    ovl_time most_ns;
    ovl_time cpu_ns; /* all tasks together, and what the model costs */
    double speedup;  /* against sync, by the same simulation */
    double speedup_least;
    double speedup_most;
    double busy; /* the share of its processors that it computes on, from 0 to 1 */
};

/*
 * Predicts one plan.
 *
 * `costs` NULL: ovl_costs_get's.
 *
 * Threads: any. Errors: -EINVAL: no tasks, a part of negative length or unknown kind, a resource
 * that is not there; OVL_EMODEL; -ENOMEM. *ret is untouched then.
 */
OVL_EXPORT int ovl_predict(const struct ovl_work *work, const struct ovl_plan *plan,
                           const struct ovl_costs *costs, struct ovl_prediction *ret);

/*
 * Predicts the fewest workers, up to `most`, that come within 3% of the shortest time of the model;
 * plan->workers is not looked at. `most` 0: OVL_WORKERS_MAX, and for async as many as there are
 * tasks.
 *
 * Threads: any. Errors: as ovl_predict.
 */
OVL_EXPORT int ovl_predict_best(const struct ovl_work *work, const struct ovl_plan *plan,
                                unsigned most, const struct ovl_costs *costs,
                                struct ovl_prediction *ret);

/* --- work from a ledger --- */

/* What the ledger does not show. All zero: nothing. */
struct ovl_ledger_reading {
    size_t total;         /* as ovl_work.total; 0: as many as the ledger has summed */
    unsigned connections; /* so many tasks at once may wait for the network; 0: found, if the
                             ledger shows it */
    bool isolated;        /* tasks share nothing: what limits one process limits not the others */

    /* The machine's where the tasks ran, most often ovl_costs_get's: what processors computed to go
     * on after they idled, which they do not where others keep them awake, is no part of the work
     * then. NULL: it is left in. */
    const struct ovl_costs *costs;
};

/*
 * Makes work of a ledger's records. Where tasks ran at the same time and their waits grew with how
 * many did, the resource behind the waits is found: its capacity, and what a wait is without a
 * queue.
 *
 * Ownership: ovl_work_free ends it. On failure *ret_work is untouched. Threads: any, also while
 * tasks are recorded. Errors: -ENOMEM; -ENODATA: the ledger has no records.
 */
OVL_EXPORT int ovl_work_from_ledger(struct ovl_ledger *ledger,
                                    const struct ovl_ledger_reading *reading,
                                    struct ovl_work **ret_work);

/* Ends what ovl_work_from_ledger made. NULL is allowed. Threads: any; nothing else may use it. */
OVL_EXPORT void ovl_work_free(struct ovl_work *work);

OVL_END_DECLS

#endif
