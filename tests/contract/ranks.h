/*
 * The contract over a cluster: each case is an MPI job of its own, in which rank 0 runs the case
 * and the others run its tasks. They share the case's board by a file, and its wires by /proc.
 */
#ifndef TESTS_CONTRACT_RANKS_H
#define TESTS_CONTRACT_RANKS_H

#include <stdbool.h>

/* Has cases be jobs of their own; false where that cannot be prepared. */
bool ranks_begin(void);
void ranks_end(void);

/*
 * Whether this process is a rank of such a job: rank 0, and case_here is set. On the other ranks it
 * does not return.
 */
bool ranks_join(void);

/* Whether this process is another rank than 0. */
bool ranks_is_other(void);

#endif
