/*
 * Inputs: the sources of a call, and the rows that they make together. Sources that are linked go
 * side by side; groups of them are combined, each row of one with each of the next, the last
 * varying fastest. The first group is read as it is needed, the others are kept.
 */
#ifndef TOOL_RUN_INPUTS_H
#define TOOL_RUN_INPUTS_H

#include "run/columns.h"
#include "run/row.h"
#include "run/source.h"

struct inputs;

struct inputs_options {
    const struct columns *columns;      /* what records are split by; NULL: each is one field */
    size_t per_job;                     /* records a job, at most; 0: 1 */
    size_t bytes_per_job;               /* their bytes together, at most; 0: no limit */
    const struct source_blocks *blocks; /* jobs are given blocks of the one source; NULL: items */
    bool wrap;                          /* linked sources that are shorter begin again */
    bool header; /* the first record of each source is no item: it names the fields, or, of blocks,
                    begins each of them */
};

/* NULL: no memory. */
struct inputs *inputs_new(const struct inputs_options *options);
void inputs_free(struct inputs *inputs);

/* Adds a source, which is the inputs' from now on; `linked` to the one before. 0 or -ENOMEM. */
int inputs_add(struct inputs *inputs, struct source *source, bool linked);

/* Reads headers, and what is to be kept. 0, or -1 once it has said what is wrong. */
int inputs_begin(struct inputs *inputs);

/* What the headers call the fields, in their order: a row as bytes; empty: there are none. */
struct ovl_bytes inputs_header(const struct inputs *inputs);

/* The same as a row; NULL: there are none. */
const struct row *inputs_names(const struct inputs *inputs);

/*
 * The next row; its bytes stay until the next call. As source_next: 1, 0, SOURCE_LATER, or -1 once
 * it has said what is wrong.
 */
int inputs_next(struct inputs *inputs, bool wait, struct ovl_bytes *ret_row);

/* What inputs_next waits for; -1: nothing. */
int inputs_descriptor(const struct inputs *inputs);

/* How many rows there are in all, where that is known; -1: it is not. */
long long inputs_total(const struct inputs *inputs);

#endif
