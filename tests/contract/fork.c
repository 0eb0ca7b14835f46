/* Forking with an executor open. */
#include "../support/emulator.h"
#include "contract.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: nothing hangs, and all is told. Returns which step went wrong, or 0. */
static int use_copy(struct ovl_executor *executor, struct ovl_future *running,
                    struct ovl_future *queued, struct ovl_future *cancelled)
{
    struct ovl_future *more;
    int items[3] = {1, 2, 3};
    if (ovl_submit(executor, square, (struct ovl_bytes){items, sizeof *items}, &more) !=
        OVL_ECLOSED)
        return 1;
    if (ovl_map(executor, square, items, sizeof *items, items, sizeof *items, 3, NULL) !=
        OVL_ECLOSED)
        return 2;
    if (ovl_future_result(running, NULL) != OVL_ECLOSED)
        return 3;
    if (ovl_future_result(queued, NULL) != OVL_ECLOSED)
        return 4;
    ovl_future_cancel(cancelled);
    if (ovl_future_result(cancelled, NULL) != OVL_ECANCELED)
        return 5;
    ovl_executor_cancel(executor);
    if (ovl_executor_close(executor, OVL_FOREVER))
        return 6;
    ovl_future_free(running);
    ovl_future_free(queued);
    ovl_future_free(cancelled);
    if (the_model == OVL_CLUSTER) /* a child of a rank's is none */
        return 0;
    struct ovl_executor *own;
    if (ovl_executor_open(the_model, &(struct ovl_options){.workers = 2}, &own))
        return 7;
    if (ovl_map(own, square, items, sizeof *items, items, sizeof *items, 3, NULL))
        return 8;
    return ovl_executor_close(own, OVL_FOREVER) ? 9 : 0;
}

__attribute__((unused)) static void child_of_a_live_pool_goes_on(void)
{
    if (the_model == OVL_SYNC)
        return;
/* A thread that is not there may hold the lock of its allocator in the child. */
#ifdef __SANITIZE_ADDRESS__
    if (the_model != OVL_THREADS)
        return;
#endif
    if (!forks_can_start_threads())
        skip();
    struct holder holder = holder_new();
    struct ovl_executor *executor = open_workers(1);
    holder_begin(&holder, executor);
    struct ovl_future *queued = submit(executor, square, &(int){3}, sizeof(int));
    struct ovl_future *cancelled = submit(executor, square, &(int){4}, sizeof(int));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(use_copy(executor, holder.future, queued, cancelled));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    holder_release(&holder);
    expect_bytes(queued, &(int){9}, sizeof(int));
    expect_bytes(cancelled, &(int){16}, sizeof(int));
    holder_end(&holder);
    close_all(executor);
}

/* Whatever a worker was in the middle of. */
static void forks_at_any_moment(void)
{
    if (the_model == OVL_SYNC)
        return;
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < SCALE(40, 8); i++) {
        for (int j = 0; j < 200; j++)
            ovl_future_free(submit(executor, square, &j, sizeof j));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(ovl_executor_close(executor, OVL_FOREVER) ? 1 : 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    close_all(executor);
}

int fork_cases(const char *only)
{
    const struct test_case cases[] = {
#ifndef __SANITIZE_THREAD__ /* which ends a child of fork that starts a thread */
        TEST_CASE(child_of_a_live_pool_goes_on),
#endif
        TEST_CASE(forks_at_any_moment),
    };
    return run_cases("fork", cases, COUNT_OF(cases), only);
}
