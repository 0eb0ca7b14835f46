/* A comparison: one program, and its measures under the models. */
#ifndef TOOL_COMPARE_COMPARISON_H
#define TOOL_COMPARE_COMPARISON_H

#include "compare/measure.h"
#include "compare/models.h"

struct comparison {
    struct program program;
    size_t count; /* of measures */
    struct measure measures[MODELS_MOST];
};

/* What a report tells of a comparison, all as it is at one moment. */
struct comparison_view {
    const struct program *program;
    size_t count;
    struct measure_view measures[MODELS_MOST];
    double speedups[MODELS_MOST]; /* against sync; 0: not known */
    bool decided;                 /* whether the verdict names a model */
    struct ovl_verdict verdict;   /* its bound and its reason hold in any case */
    ovl_time starved_ns; /* how long sync's tasks could have gone on and had no processor */
};

/* Sets a comparison of `program` up; with `workers` for each model but sync, 0: as suits it. */
void comparison_init(struct comparison *comparison, const struct program *program,
                     const struct models *models, unsigned workers);

/* Works out, by sync's ledger, what the others should have taken; nothing where there is none. */
void comparison_predict(struct comparison *comparison);

/* Threads: any. */
void comparison_look(const struct comparison *comparison, struct comparison_view *ret_view);

#endif
