/*
 * The CPU-bound program with processes: as many sums at a time as there are cores.
 *
 *     cpu_multiprocessing [NUMBER...]
 */
#include "sum.h"

int main(int argc, char *argv[])
{
    struct numbers numbers = numbers_from(argc, argv);
    struct ovl_options options = {
        .workers = 0, /* as many as there are cores */
    };

    ovl_time start = ovl_now();
    struct ovl_executor *executor = NULL;
    int error = ovl_executor_open(OVL_PROCESSES, &options, &executor);
    if (!error)
        error = ovl_map(executor, cpu_bound, numbers.below, sizeof *numbers.below, numbers.sums,
                        sizeof *numbers.sums, numbers.count, numbers.outcomes);
    ovl_executor_close(executor, OVL_FOREVER);
    return numbers_report(&numbers, error, ovl_now() - start);
}
