/* Setup: all that a run stands on, made from what it was called with. */
#ifndef TOOL_RUN_SETUP_H
#define TOOL_RUN_SETUP_H

#include "run/choices.h"
#include "run/inputs.h"
#include "run/job.h"
#include "run/pace.h"
#include "run/records.h"

#include <overlap/model.h>

struct setup {
    const struct choices *choices;
    struct template *template;
    struct template *tag; /* NULL: none */
    struct columns *columns;
    struct inputs *inputs;
    struct guard *guard;
    struct spool *spool;
    struct records *records;
    struct source_blocks blocks;
    char *between; /* what is between their records */
    char *path;
    struct job_shared shared;
};

/* The command cannot be found or run, which has been said; all else stands. */
#define SETUP_NO_COMMAND (-2)

/*
 * Makes all of it. `shared.mask` is set already.
 *
 * Returns 0, SETUP_NO_COMMAND, or the exit code once it has said what is wrong. What was made is
 * for setup_close either way.
 */
int setup_open(struct setup *setup, const struct choices *choices, const struct pace_plan *plan);

/*
 * The same on another rank of a cluster than the first: without items and records, and, where a
 * header names the fields, without the command. Returns 0, or the exit code once it has said what
 * is wrong.
 */
int setup_open_rank(struct setup *setup, const struct choices *choices,
                    const struct pace_plan *plan);

/* Makes the command, if it is not made yet, of fields with these names. Returns likewise. */
int setup_rank_command(struct setup *setup, const struct row *names);

/* Returns 0; or the exit code, once it has said what could not be finished. */
int setup_close(struct setup *setup);

/* The model that waits for jobs. */
enum ovl_model setup_model(const struct choices *choices, const struct pace_plan *plan);

/* How many items may be with workers or wait for one, of so many workers. */
size_t setup_ahead(const struct choices *choices, unsigned workers);

/* The same, with as many workers as there may ever be, and some that have ended. */
size_t setup_window(const struct pace_plan *plan);

/* As ovl_session_open_fn: the session is what jobs share. */
int setup_session(void *context, void **ret_session);

/* Prints a job's command on standard error. */
void setup_tell_command(const struct setup *setup, const struct job *job);

/* Prints every command. Returns the exit code. */
int setup_dry_run(struct setup *setup);

/* Where output waits that is more than memory is kept for. */
const char *setup_temporary_folder(const struct choices *choices);

#endif
