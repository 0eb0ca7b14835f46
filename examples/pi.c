/*
 * Pi by throwing darts at a quarter of a circle, on as many machines as there are:
 *
 *     mpirun -n 4 pi       the ranks of an MPI job: three throw, the first one counts
 *     pi                   the processors of this machine
 *
 * The task is the same plain function in both. What it needs is in its item, and what comes of it
 * is its result, so that it does not matter where it runs.
 */
#include <overlap.h>
#include <stdint.h>
#include <stdio.h>

#define TASKS  200
#define THROWS 500000 /* of each task */

/* A number from 0 up to 1, and the next state. */
static double draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (double)(*state >> 11) / (double)((uint64_t)1 << 53);
}

static int throw_darts(struct ovl_task *task, struct ovl_bytes item)
{
    uint64_t state = 88172645463325252u + 1000003u * *(const uint64_t *)item.data;
    long hits = 0;
    for (int i = 0; i < THROWS; i++) {
        double x = draw(&state);
        double y = draw(&state);
        hits += x * x + y * y < 1;
    }
    return ovl_task_return(task, &hits, sizeof hits);
}

/* On the other ranks the first open never returns: they throw until the first rank exits. */
static int open_workers(struct ovl_executor **ret_executor)
{
    int error = ovl_executor_open(OVL_CLUSTER, NULL, ret_executor);
    if (error != OVL_EALONE && error != OVL_EPLUGIN)
        return error;
    fprintf(stderr, "%s\n", ovl_cluster_problem());
    return ovl_executor_open(OVL_PROCESSES, NULL, ret_executor);
}

int main(void)
{
    static uint64_t seeds[TASKS];
    static long hits[TASKS];
    struct ovl_executor *executor;
    int error = open_workers(&executor);
    if (error) {
        fprintf(stderr, "pi: no workers: %s\n", ovl_error_message(error));
        return 3;
    }
    for (uint64_t i = 0; i < TASKS; i++)
        seeds[i] = i;
    error = ovl_map(executor, throw_darts, seeds, sizeof *seeds, hits, sizeof *hits, TASKS, NULL);
    double sum = 0;
    for (int i = 0; i < TASKS; i++)
        sum += (double)hits[i];
    printf("%.5f by %u workers of %s\n", 4 * sum / TASKS / THROWS, ovl_executor_workers(executor),
           ovl_model_name(ovl_executor_model(executor)));
    ovl_executor_close(executor, OVL_FOREVER);
    return error ? 1 : 0;
}
