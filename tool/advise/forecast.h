/*
 * What each model would make of a program's unit of work: Python's models as this machine's Python
 * runs them, on the library's predictor.
 */
#ifndef TOOL_ADVISE_FORECAST_H
#define TOOL_ADVISE_FORECAST_H

#include "advise/disk.h"
#include "advise/tree.h"
#include "advise/unit.h"

#include <overlap/predict.h>

/* What the program is, beside its unit. */
struct forecast_setting {
    ovl_time wall_ns; /* of the whole, as it ran */
    unsigned cores;
    bool python;
    struct ovl_costs costs; /* of Python's models */
    bool new_library;       /* its async form imports one: an HTTP client, a driver */
    bool drops_library;     /* and one that is large as well is no longer imported */
    enum ovl_model present; /* what it has already: OVL_SYNC, none */
    bool large_library;     /* it imports a large one already */
    struct disk disk;       /* that it syncs to */
    bool undisturbed;       /* wall_ns is without what other programs took: so are the tasks */
};

/* Of all its tasks, the waits for the disk to have something, where it is known how that takes
 * several. */
struct forecast_syncs {
    double wait_ns;
    double cpu_ns; /* computed in these */
    uint64_t count;
    double share; /* of the tasks' time */
};

struct forecast {
    struct ovl_part_list *tasks;
    struct ovl_part *parts;
    struct ovl_part *alone; /* the same, as they are where nothing else goes on */
    size_t count;
    struct ovl_work work;
    struct ovl_resource resources[4];
    struct forecast_syncs syncs;
    double waits_each; /* of a task, on average */
    struct ovl_costs costs;
    struct forecast_setting setting;
    uint64_t groups;
    ovl_time outside_ns; /* of the whole, what is not the unit */
};

/* Makes it. 0, or -ENOMEM, or -ENODATA: the unit has no tasks that are known. */
int forecast_init(struct forecast *forecast, const struct tree *tree, const struct unit *unit,
                  const struct forecast_setting *setting);

/* The same for a program that is not Python's: `cpu_ns` of it is computed in parts whose number is
 * not known, and that are taken to be many. 0 or -ENOMEM. */
int forecast_init_computing(struct forecast *forecast, ovl_time cpu_ns,
                            const struct forecast_setting *setting);

void forecast_release(struct forecast *forecast);

/* The whole program's time under a model, and its speed-up against the run as it was. 0 or a
 * negative error. */
int forecast_predict(const struct forecast *forecast, enum ovl_model model, unsigned workers,
                     struct ovl_prediction *ret);

/* The same with as many workers as are worth having, up to `most`. */
int forecast_best(const struct forecast *forecast, enum ovl_model model, unsigned most,
                  struct ovl_prediction *ret);

#endif
