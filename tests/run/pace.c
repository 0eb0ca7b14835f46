/* What the pace goes by: jobs that wait long, and what real jobs are seen to do; short jobs. */
#include "bundle.h"
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

/* An end every so often, whatever each job says of itself. Returns how many were told. */
static unsigned tell_ends(struct bundle *bundle, ovl_time *now, unsigned count, ovl_time every_ns,
                          ovl_time job_ns, struct ovl_completion *ret_last)
{
    unsigned told = 0;
    for (unsigned n = 0; n < count; n++) {
        *now += every_ns;
        const struct ovl_completion end = {.end = *now,
                                           .duration_ns = job_ns,
                                           .cpu_ns = every_ns / 2,
                                           .bytes = 7,
                                           .running = 3 + n % 3};
        told += bundle_add(bundle, &end, ret_last) > 0;
    }
    return told;
}

static void short_jobs_are_told_by_their_number(void)
{
    struct bundle bundle = {0};
    struct ovl_completion last;
    ovl_time now = OVL_SECOND;
    /* 2000 a second: one to begin with, and bundles of 20, of which 4 ran on average */
    assert_int_equal(tell_ends(&bundle, &now, 20, 500 * OVL_MICROSECOND, 1, &last), 0);
    assert_int_equal(tell_ends(&bundle, &now, 1, 500 * OVL_MICROSECOND, 1, &last), 1);
    assert_int_equal(last.running, 4);
    assert_int_equal(last.end, now);
    assert_true(last.duration_ns > 1900 * OVL_MICROSECOND);
    assert_true(last.duration_ns < 2100 * OVL_MICROSECOND);
    assert_int_equal(last.cpu_ns, 250 * OVL_MICROSECOND);
    assert_int_equal(last.bytes, 7);
    assert_int_equal(tell_ends(&bundle, &now, 200, 500 * OVL_MICROSECOND, 1, &last), 10);
    /* 100 a second: 4 take longer */
    assert_int_equal(tell_ends(&bundle, &now, 40, 10 * OVL_MILLISECOND, 1, &last), 10);
    /* another number of workers: what ended before is nothing to it */
    tell_ends(&bundle, &now, 3, 10 * OVL_MILLISECOND, 1, &last);
    bundle_forget(&bundle);
    assert_int_equal(tell_ends(&bundle, &now, 4, 10 * OVL_MILLISECOND, 1, &last), 0);
    assert_int_equal(tell_ends(&bundle, &now, 1, 10 * OVL_MILLISECOND, 1, &last), 1);
}

static void long_jobs_are_told_as_they_are(void)
{
    struct bundle bundle = {0};
    struct ovl_completion last;
    ovl_time now = OVL_SECOND;
    assert_int_equal(tell_ends(&bundle, &now, 9, OVL_MILLISECOND, OVL_SECOND, &last), 9);
    assert_int_equal(last.duration_ns, OVL_SECOND);
    /* short ones among them too, until there were long ones no more for a while */
    assert_int_equal(tell_ends(&bundle, &now, 50, OVL_MILLISECOND, 1, &last), 50);
    assert_int_equal(last.duration_ns, 1);
    assert_true(tell_ends(&bundle, &now, 1000, OVL_MILLISECOND, 1, &last) < 150);
    /* and one that failed, whose time says nothing */
    const struct ovl_completion failed = {.end = now, .duration_ns = 1, .failed = true};
    assert_int_equal(bundle_add(&bundle, &failed, &last), 1);
    assert_true(last.failed);
}

static const struct test_case cases[] = {
    TEST_CASE(jobs_that_wait_get_company),
    TEST_CASE(jobs_are_seen_with_their_children),
    TEST_CASE(short_jobs_are_told_by_their_number),
    TEST_CASE(long_jobs_are_told_as_they_are),
};

int main(int argc, char **argv)
{
    return run_cases("pace", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                : EXIT_SUCCESS;
}
