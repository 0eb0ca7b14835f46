/* What the pace goes by: jobs that wait long, and what real jobs are seen to do. */
#include "run/growth.h"
#include "support/cases.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_NS (100 * OVL_MILLISECOND)
#define GIB     ((uint64_t)1 << 30)

/* A machine on which jobs that never end do one thing, and what has come of it after `ticks`. */
struct scene {
    double computes;      /* of a job's time */
    double wanting;       /* of the jobs, at every look */
    double idle;          /* processors, of 2 */
    double taken;         /* by others, before */
    uint64_t bytes_a_job; /* of 16 GiB */
    unsigned most;
    unsigned ticks;
    unsigned ends_at; /* every so many ticks a job ends; 0: none does */
    unsigned result;
};

static unsigned play(const struct scene *scene)
{
    struct growth growth = {0};
    unsigned workers = 2;
    double cpu_ns = 0;
    for (unsigned tick = 1; tick <= scene->ticks; tick++) {
        cpu_ns += scene->computes * workers * TICK_NS;
        const struct growth_look look = {
            .now = tick * TICK_NS,
            .workers = workers,
            .most = scene->most,
            .ended = scene->ends_at && tick % scene->ends_at == 0,
            .jobs = {.jobs = workers,
                     .wanting = (size_t)(scene->wanting * workers),
                     .cpu_ns = (ovl_time)cpu_ns},
            .processors = 2,
            .processors_idle = scene->idle,
            .processors_taken = scene->taken,
            .memory = 16 * GIB - workers * scene->bytes_a_job,
        };
        workers = growth_next(&growth, &look);
    }
    return workers;
}

static void jobs_that_wait_get_company(void)
{
    static const struct scene scenes[] = {
        /* they wait: the first look is what the others are held against */
        {.idle = 2, .most = 1024, .ticks = 2, .result = 2},
        {.idle = 2, .most = 1024, .ticks = 3, .result = 8},
        {.idle = 2, .most = 1024, .ticks = 5, .result = 32},
        {.idle = 2, .most = 1024, .ticks = 7, .result = 64},
        {.idle = 2, .most = 1024, .ticks = 9, .result = 128},
        {.idle = 2, .most = 1024, .ticks = 1000, .result = GROWTH_MOST},
        {.idle = 2, .most = 50, .ticks = 1000, .result = 50},
        {.idle = 2, .most = 2, .ticks = 1000, .result = 2},
        /* a few of them are about to begin something; or most of them are */
        {.wanting = 0.1, .idle = 1, .most = 1024, .ticks = 13, .result = 128},
        {.wanting = 0.5, .idle = 1, .most = 1024, .ticks = 1000, .result = 2},
        /* they compute, much or some of their time */
        {.computes = 0.9, .most = 1024, .ticks = 1000, .result = 2},
        {.computes = 0.2, .idle = 1.5, .most = 1024, .ticks = 1000, .result = 2},
        /* somebody computes for them; or others did so before */
        {.idle = 0.2, .most = 1024, .ticks = 1000, .result = 2},
        {.idle = 0, .taken = 2.5, .most = 1024, .ticks = 13, .result = 128},
        /* measures come, often enough or not */
        {.idle = 2, .most = 1024, .ticks = 1000, .ends_at = 2, .result = 2},
        {.idle = 2, .most = 1024, .ticks = 1000, .ends_at = 10, .result = 128},
        /* 1 GiB a job: 8 take what is left then */
        {.idle = 2, .bytes_a_job = GIB, .most = 1024, .ticks = 1000, .result = 8},
    };
    for (size_t n = 0; n < COUNT_OF(scenes); n++)
        assert_int_equal(play(&scenes[n]), scenes[n].result);
}

/* A job in a place of the guard's: it waits, or a child of its own computes. Returns its process.
 */
static pid_t begin_job(struct guard_slot *slot, bool computes)
{
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        pid_t child = computes ? fork() : 0;
        for (volatile unsigned n = 0;; n++)
            if (child != 0 || !computes)
                pause();
    }
    assert_true(job > 0);
    setpgid(job, job);
    atomic_store(&slot->group, job);
    return job;
}

static void end_job(struct guard *guard, struct guard_slot *slot, pid_t job)
{
    kill(-job, SIGKILL);
    guard_forget(guard, slot);
    assert_int_equal(waitpid(job, NULL, 0), job);
    guard_give(guard, slot);
}

/* Looks again until the jobs have come to rest, or have computed. */
static struct under_way await(struct guard *guard, size_t wanting, ovl_time cpu_ns)
{
    for (;;) {
        struct under_way look = under_way_look(guard);
        if (look.wanting == wanting && look.cpu_ns >= cpu_ns)
            return look;
        usleep(1000);
    }
}

static void jobs_are_seen_with_their_children(void)
{
    struct guard *guard;
    assert_int_equal(guard_open(8, &guard), 0);
    assert_int_equal(under_way_look(guard).jobs, 0);
    struct guard_slot *slots[3];
    pid_t jobs[3];
    for (int n = 0; n < 3; n++) {
        slots[n] = guard_take(guard);
        jobs[n] = begin_job(slots[n], n == 2);
    }
    struct under_way look = await(guard, 1, 50 * OVL_MILLISECOND);
    assert_int_equal(look.jobs, 3);
    end_job(guard, slots[2], jobs[2]);
    look = await(guard, 0, 0);
    assert_int_equal(look.jobs, 2);
    end_job(guard, slots[1], jobs[1]);
    end_job(guard, slots[0], jobs[0]);
    guard_close(guard);
}

static const struct test_case cases[] = {
    TEST_CASE(jobs_that_wait_get_company),
    TEST_CASE(jobs_are_seen_with_their_children),
};

int main(int argc, char **argv)
{
    return run_cases("pace", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                : EXIT_SUCCESS;
}
