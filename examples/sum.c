#include "sum.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_NUMBER 5000000
#define NUMBER_COUNT 20
#define NUMBER_MAX                                                                                 \
    1000000000000        /* the sum below it is 3.3 * 10^35: it fits, with room to spare           \
                          */
#define SUM_TEXT_SIZE 40 /* 2^128 has 39 digits */

int cpu_bound(struct ovl_task *task, struct ovl_bytes item)
{
    const uint64_t *number = item.data;
    sum total = 0;
    for (uint64_t i = 0; i < *number; i++) {
        /* The compiler knows a formula for this loop; hiding `i` from it makes it run the loop. */
        __asm__ volatile("" : "+r"(i));
        total += (sum)i * i;
    }
    return ovl_task_return(task, &total, sizeof total);
}

static _Noreturn void refuse(const char *program, const char *text)
{
    fprintf(stderr, "%s: \"%s\" is not a number from 0 to %" PRIu64 "\n", program, text,
            (uint64_t)NUMBER_MAX);
    fprintf(stderr,
            "usage: %s [NUMBER...]\n"
            "Sums the squares below each number; without any, below the %d from %d on.\n",
            program, NUMBER_COUNT, FIRST_NUMBER);
    exit(2);
}

static uint64_t parse_number(const char *program, const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    /* strtoull takes a sign and blanks, which are no part of such a number. */
    if (text[0] < '0' || text[0] > '9' || *end || errno || number > NUMBER_MAX)
        refuse(program, text);
    return number;
}

static void release(struct numbers *numbers)
{
    free(numbers->below);
    free(numbers->sums);
    free(numbers->outcomes);
}

struct numbers numbers_from(int argc, char *argv[])
{
    size_t count = argc > 1 ? (size_t)argc - 1 : NUMBER_COUNT;
    struct numbers numbers = {
        .program = argv[0],
        .count = count,
        .below = calloc(count, sizeof *numbers.below),
        .sums = calloc(count, sizeof *numbers.sums),
        .outcomes = calloc(count, sizeof *numbers.outcomes),
    };
    if (!numbers.below || !numbers.sums || !numbers.outcomes) {
        release(&numbers);
        fprintf(stderr, "%s: no memory for %zu numbers; give fewer\n", argv[0], count);
        exit(3);
    }
    for (size_t i = 0; i < count; i++)
        numbers.below[i] = argc > 1 ? parse_number(argv[0], argv[i + 1]) : FIRST_NUMBER + i;
    return numbers;
}

/* Writes a sum in decimal, which printf cannot, into the end of `buffer`; returns where it begins.
 */
static const char *sum_text(sum value, char buffer[static SUM_TEXT_SIZE])
{
    char *digit = buffer + SUM_TEXT_SIZE - 1;
    *digit = '\0';
    do {
        *--digit = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value);
    return digit;
}

/* Returns how many of the sums failed. */
static size_t print_sums(const struct numbers *numbers)
{
    size_t failed = 0;
    for (size_t i = 0; i < numbers->count; i++) {
        const struct ovl_outcome *outcome = &numbers->outcomes[i];
        char text[200];
        if (outcome->error) {
            failed++;
            ovl_outcome_text(outcome, text, sizeof text);
            fprintf(stderr, "%s: %" PRIu64 ": %s\n", numbers->program, numbers->below[i], text);
            continue;
        }
        char digits[SUM_TEXT_SIZE];
        printf("Sum %s below %" PRIu64 "\n", sum_text(numbers->sums[i], digits), numbers->below[i]);
    }
    return failed;
}

static int report(const struct numbers *numbers, int error, ovl_time duration)
{
    if (error && error != OVL_ETASKS) {
        fprintf(stderr,
                "%s: %s; the sums were not computed: free what is short, and call it again\n",
                numbers->program, ovl_error_message(error));
        return 3;
    }
    size_t failed = print_sums(numbers);
    printf("Duration %.4f seconds\n", (double)duration / OVL_SECOND);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "%s: standard output cannot be written: is it closed, or its disk full?\n",
                numbers->program);
        return 3;
    }
    if (failed)
        fprintf(stderr, "%s: %zu of %zu sums failed\n", numbers->program, failed, numbers->count);
    return failed ? 1 : 0;
}

int numbers_report(struct numbers *numbers, int error, ovl_time duration)
{
    int code = report(numbers, error, duration);
    release(numbers);
    return code;
}
