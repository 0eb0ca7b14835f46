/* The rules by which a model is advised, as far as programs of all kinds share them. */
#ifndef TOOL_ADVISE_RULES_H
#define TOOL_ADVISE_RULES_H

#include "advise/advice.h"

#define RULES_BOUND_SHARE  0.70 /* of what is done: then that is what binds it */
#define RULES_WORTH_IT     1.3
#define RULES_SHORT_NS     (200 * OVL_MILLISECOND)
#define RULES_THREADS_MOST 32

/* Waits that other tasks could use. */
ovl_time rules_waits_that_matter(const struct spent *spent);

enum ovl_bound rules_bound_of(const struct spent *spent);

/* Of what is computed and waited, the part that would hold up an event loop: children that compute
 * do not. */
double rules_cpu_share(const struct spent *spent);

/* Whether it mostly waits for who gives it its input, or takes its output: nothing that it does
 * itself is quicker than that. */
bool rules_is_paced(const struct spent *spent);

/* What most of the waits are for, in a sentence. Constant string. */
const char *rules_waits_for(const struct spent *spent);

/* The advice is to change nothing; or to go on with that model. */
void rules_stay(struct advice *advice, const char *reason);
void rules_stay_with(struct advice *advice, enum ovl_model model, unsigned workers);

/* Adds a prediction, unless there is one of that model and number of workers. */
void rules_predict(struct advice *advice, const struct forecast *forecast, enum ovl_model model,
                   unsigned workers);

/* How long a program of one thread was ready and other programs had the processors, where that is
 * much of its time: what it would gain is told without. 0: it is little. */
ovl_time rules_others_took(const struct advice *advice);

#endif
