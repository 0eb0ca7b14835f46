/* A call of `overlap run`, for run.c, which ends jobs and the whole, and supply.c, which begins
 * them.
 */
#ifndef TOOL_RUN_CALL_H
#define TOOL_RUN_CALL_H

#include "run/choices.h"
#include "run/control.h"
#include "run/pace.h"
#include "run/picture.h"
#include "run/printer.h"
#include "run/ranks.h"
#include "run/setup.h"
#include "run/status.h"
#include "run/tally.h"
#include "run/text.h"

struct run {
    struct choices choices;
    struct setup setup;
    struct pace *pace;
    struct control *control;
    struct printer *printer;
    struct status *status;
    struct picture *picture;
    struct ranks *ranks; /* NULL: jobs run here */
    struct tally tally;
    ovl_time began;
    uint64_t given;    /* rows that were given to workers */
    uint64_t taken;    /* and came back */
    ovl_time later_ns; /* input that has nothing now is looked at again after it */
    ovl_time wait_ns;  /* until next_row is called again; OVL_FOREVER: when a job ends */
    bool input_ended;
    bool halted;
    bool halted_by_success;
    bool refused; /* the machine refused something: what it was has been said */
    bool command_told;
    struct text document;
    bool document_begun;
};

/* The machine refused something, which has been said: nothing more is begun. */
void call_refuse(struct run *run);

/* Takes a job that has ended, or will not be begun: it is counted, recorded and printed. */
void call_end_job(struct run *run, struct job *job);

/* The same of a job for the JSON document alone, which stays the caller's. */
void call_add_to_document(struct run *run, const struct job *job);

#endif
