/* The CPU-bound program: sums of squares, exact as Python's integers are. */
#ifndef TOOL_COMPARE_CPU_H
#define TOOL_COMPARE_CPU_H

#include "compare/program.h"

#include <stdint.h>

/* Below this the sum of squares fits into 128 bits, with room to spare. */
#define CPU_NUMBER_MAX UINT64_C(1000000000000)

struct cpu {
    size_t sums;
    uint64_t number; /* the n-th sum is of all squares below number + n */
    uint64_t item;   /* the one that was asked for last */
};

/* The program of `sums` sums; `cpu` outlives it. */
struct program cpu_program(struct cpu *cpu);

#endif
