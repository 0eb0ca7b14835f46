/*
 * A program whose threads are at work while it opens pools: workers begin as copies of it, taken at
 * a moment when anybody may hold a lock.
 */
#include "workers.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 3
#define OPENS   SCALE(200, 20)

static atomic_bool enough;

static FILE *everybodys; /* which somebody has locked at almost any moment */

static int write_down(int number)
{
    flockfile(everybodys);
    int error = fprintf(everybodys, "%d\n", number) < 0 || fflush(everybodys) ? -EIO : 0;
    funlockfile(everybodys);
    return error;
}

static int write_down_in_a_task(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    int error = write_down(number);
    return error ? error : ovl_task_return(task, &number, sizeof number);
}

/* Writes and submits, one after the other without a rest. */
static void *be_at_work(void *argument)
{
    struct ovl_executor *threads = argument;
    for (int i = 0; !atomic_load(&enough); i++) {
        struct ovl_future *future = NULL;
        struct ovl_bytes item = {.data = &i, .size = sizeof i};
        int error = ovl_submit(threads, write_down_in_a_task, item, &future);
        if (!error) {
            error = write_down(i);
            ovl_future_wait(future, OVL_FOREVER);
            error = error ? error : ovl_future_outcome(future).error;
        }
        if (error)
            atomic_store(&board->number[0], error);
        ovl_future_free(future);
    }
    return NULL;
}

static void open_and_use(void)
{
    enum { TASKS = 20 };
    int items[TASKS];
    int results[TASKS];
    for (int i = 0; i < TASKS; i++)
        items[i] = i + 1;
    struct ovl_executor *executor = open_workers(2);
    assert_int_equal(ovl_map(executor, write_down_in_a_task, items, sizeof(int), results,
                             sizeof(int), TASKS, NULL),
                     0);
    assert_memory_equal(results, items, sizeof items);
    close_all(executor);
}

static void opens_while_threads_are_at_work(void)
{
    everybodys = fopen("/dev/null", "we");
    assert_non_null(everybodys);
    struct ovl_executor *executor = NULL;
    assert_int_equal(ovl_executor_open(OVL_THREADS, &(struct ovl_options){.workers = 2}, &executor),
                     0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, be_at_work, executor), 0);
    for (int i = 0; i < OPENS; i++)
        open_and_use();
    atomic_store(&enough, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&board->number[0]), 0);
    close_all(executor);
    fclose(everybodys);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(opens_while_threads_are_at_work),
    };
    return run_cases("threaded", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
