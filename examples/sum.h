/*
 * What the two CPU-bound programs share, which is all but the model: the list of numbers, and one
 * plain function that computes with one of them.
 */
#ifndef EXAMPLES_SUM_H
#define EXAMPLES_SUM_H

#include <overlap.h>
#include <stddef.h>
#include <stdint.h>

/* Exact, as Python's integers are: below 5,000,000 the sum of the squares passes 2^64. */
__extension__ typedef unsigned __int128 sum;

/* The numbers of the command line, or the 20 from 5,000,000 on. */
struct numbers {
    const char *program; /* for messages: the name that it was called by */
    size_t count;
    uint64_t *below;              /* the numbers */
    sum *sums;                    /* of each, once it was computed */
    struct ovl_outcome *outcomes; /* of each */
};

/*
 * Reads the command line. Where it names something that is no number from 0 to 10^12, ends the
 * program with a message and exit code 2.
 *
 * Ownership: numbers_report releases what it holds.
 */
struct numbers numbers_from(int argc, char *argv[]);

/* Returns the sum of the squares of all integers below the uint64_t that is its item. */
ovl_task_fn cpu_bound;

/*
 * Prints the sums and how long they took, and releases `numbers`; `error` is what opening the
 * executor or its map returned.
 *
 * Returns the program's exit code: 0 all done, 1 some failed, 3 the machine refused something.
 */
int numbers_report(struct numbers *numbers, int error, ovl_time duration);

#endif
