/*
 * The printer: the output of jobs, each whole, as they end or in the order of the items.
 *
 * Threads: the main one; printer_take any, and coroutines, which give way.
 */
#ifndef TOOL_RUN_PRINTER_H
#define TOOL_RUN_PRINTER_H

#include "run/job.h"

struct printer;

struct printer_options {
    struct spool *spool;
    bool keep_order;
    const struct template *tag; /* what lines begin with; NULL: nothing */
    long long total;            /* for the tag */
    bool all_to_error;          /* standard output is for something else */
    bool silent;                /* output is not printed at all */

    /* Told of each job once it was printed; what it gives is printed on standard output. The job
     * is freed after it. */
    void (*printed)(void *context, struct job *job);
    void *context;
};

/* NULL: no memory. */
struct printer *printer_new(const struct printer_options *options);

/* Drops what was not printed. NULL is allowed. */
void printer_free(struct printer *printer);

/*
 * Prints a job that has ended, or keeps it until those before it are. The job is the printer's.
 * Where output cannot be written, printer_error tells, and from then on all is dropped.
 */
void printer_add(struct printer *printer, struct job *job);

/* How many jobs wait for one before them. */
size_t printer_waiting(const struct printer *printer);

/* Prints those that still wait, in order: the jobs before them will not come. */
void printer_finish(struct printer *printer);

/* Of a job whose output is printed as it comes: a job_output_fn, whose context is the printer. */
int printer_take(void *printer, struct job *job, int stream, const char *bytes, size_t size);

/* Writes to standard output, whole. 0 or -errno. */
int printer_write(struct printer *printer, struct ovl_bytes bytes);

/* Why output could not be written: -errno; 0: it could. */
int printer_error(struct printer *printer);

#endif
