#include "compare/cpu.h"

#include "wide.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The task's own error: the sum is not what the formula gives. */
#define SUM_WRONG 1

/* How many squares are summed between two looks at whether to stop: under a tenth of a millisecond.
 */
#define SQUARES_BETWEEN_LOOKS 65536

/* The squares of from, from + 1, ..., to - 1. */
static wide_uint sum_squares(uint64_t from, uint64_t to)
{
    wide_uint sum = 0;
    for (uint64_t n = from; n < to; n++) {
        /* As far as the compiler can tell n may change here: it cannot replace the loop by a
         * formula. */
        __asm__ volatile("" : "+r"(n));
        sum += (wide_uint)n * n;
    }
    return sum;
}

static int sum_below(struct ovl_task *task, struct ovl_bytes item)
{
    uint64_t below;
    memcpy(&below, item.data, sizeof below);
    wide_uint sum = 0;
    for (uint64_t from = 0; from < below; from += SQUARES_BETWEEN_LOOKS) {
        if (ovl_task_cancelled(task))
            return -ECANCELED;
        uint64_t left = below - from;
        sum +=
            sum_squares(from, from + (left < SQUARES_BETWEEN_LOOKS ? left : SQUARES_BETWEEN_LOOKS));
    }
    return ovl_task_return(task, &sum, sizeof sum);
}

static void item(void *self, size_t index, struct ovl_bytes *ret_item)
{
    struct cpu *cpu = self;
    cpu->item = cpu->number + index;
    *ret_item = (struct ovl_bytes){.data = &cpu->item, .size = sizeof cpu->item};
}

/* The closed formula for the squares below n: no two of its factors overflow. */
static wide_uint formula(uint64_t n)
{
    return n == 0 ? 0 : (wide_uint)(n - 1) * n * (2 * n - 1) / 6;
}

static int check(void *self, size_t index, struct ovl_bytes result)
{
    const struct cpu *cpu = self;
    wide_uint sum;
    if (result.size != sizeof sum)
        return SUM_WRONG;
    memcpy(&sum, result.data, sizeof sum);
    return sum == formula(cpu->number + index) ? 0 : SUM_WRONG;
}

static void describe_item(void *self, size_t index, char *buffer, size_t size)
{
    const struct cpu *cpu = self;
    snprintf(buffer, size, "sum of squares below %" PRIu64, cpu->number + index);
}

static void describe_error(void *self, int error, char *buffer, size_t size)
{
    (void)self;
    snprintf(buffer, size, "%s",
             error == SUM_WRONG ? "the sum is wrong; test this machine's memory"
                                : ovl_error_message(error));
}

static void describe(void *self, char *buffer, size_t size)
{
    const struct cpu *cpu = self;
    snprintf(buffer, size, "%zu sum%s of squares below %" PRIu64 " + x", cpu->sums,
             cpu->sums == 1 ? "" : "s", cpu->number);
}

struct program cpu_program(struct cpu *cpu)
{
    return (struct program){
        .name = "cpu",
        .nouns = "sums",
        .count = cpu->sums,
        .distinct = cpu->sums,
        .task = sum_below,
        .self = cpu,
        .item = item,
        .check = check,
        .describe_item = describe_item,
        .describe_error = describe_error,
        .describe = describe,
    };
}
