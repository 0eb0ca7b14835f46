/*
 * A soak: thousands of coroutines that open, wait, time out, cancel and close at random, from a
 * seed. Nothing leaks, no wake-up is lost, no descriptor is left.
 *
 * OVL_SOAK_SECONDS in the environment says how long (600), OVL_SEED which one.
 */
#include "../support/watch.h"
#include <errno.h>
#include <overlap.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

#if defined(__SANITIZE_THREAD__)
enum { COROUTINES = 500 };
#elif defined(__SANITIZE_ADDRESS__)
enum { COROUTINES = 2000 };
#else
enum { COROUTINES = 10000 };
#endif
enum { PAIRS_MAX = 400 }; /* open at once: far below the limit of descriptors */

static uint64_t dice;
static ovl_time until;
static unsigned long steps, timeouts, cancels, wakes;
static struct ovl_semaphore *pairs;
static struct ovl_channel *channel;
static struct ovl_mutex *mutex;
static unsigned inside; /* of the mutex */

static unsigned roll(unsigned sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 11) % sides;
}

static void die(const char *what, int error)
{
    fprintf(stderr, "soak: %s: %s\n", what, ovl_error_message(error));
    ovl_dump(STDERR_FILENO);
    exit(1);
}

static void expect(const char *what, int error)
{
    if (error == OVL_ETIMEDOUT)
        timeouts++;
    else if (error == OVL_ECANCELED)
        cancels++;
    else if (error)
        die(what, error);
    else
        wakes++;
}

static ovl_time soon(void)
{
    return ovl_after((ovl_time)roll(20) * MS);
}

static int write_one(void *argument)
{
    int error = ovl_sleep(soon());
    if (error)
        return error;
    return ovl_io_write(argument, "x", 1, soon());
}

/* What is written arrives, unless the wait for it ended first. */
static void use_pair(void)
{
    int fds[2];
    char byte;
    struct ovl_io *ends[2];
    struct ovl_coroutine *writer = NULL;
    if (ovl_semaphore_take(pairs, OVL_FOREVER))
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        die("socketpair", -errno);
    if (ovl_io_open(fds[0], &ends[0]) || ovl_io_open(fds[1], &ends[1]) ||
        ovl_go(write_one, ends[1], &writer))
        die("a pair", -ENOMEM);
    ssize_t size = ovl_io_read(ends[0], &byte, 1, roll(3) ? OVL_FOREVER : soon());
    expect("a read", size > 0 ? 0 : size ? (int)size : OVL_EENDED);
    if (roll(4) == 0)
        ovl_coroutine_cancel(writer);
    int error = ovl_join(writer);
    if (error != -EPIPE)
        expect("a write", error);
    ovl_io_close(ends[0]);
    ovl_io_close(ends[1]);
    ovl_semaphore_give(pairs);
}

/* The same by hooked calls. */
static void use_pipe(void)
{
    int fds[2];
    if (ovl_semaphore_take(pairs, OVL_FOREVER))
        return;
    if (pipe(fds))
        die("pipe", -errno);
    struct pollfd look = {.fd = fds[0], .events = POLLIN};
    if (roll(2) && write(fds[1], "x", 1) != 1 && errno != ECANCELED)
        die("write", -errno);
    int count = poll(&look, 1, (int)roll(20));
    expect("poll", count > 0            ? 0
                   : count == 0         ? OVL_ETIMEDOUT
                   : errno == ECANCELED ? OVL_ECANCELED
                                        : -errno);
    close(fds[0]);
    close(fds[1]);
    ovl_semaphore_give(pairs);
}

static void use_channel(void)
{
    int item = 1;
    size_t index;
    struct ovl_select either[] = {{.channel = channel, .send = &item},
                                  {.channel = channel, .receive = &item}};
    expect("a channel", roll(2) ? ovl_channel_send(channel, &item, soon())
                                : ovl_select(either, 2, soon(), &index));
}

static void use_mutex(void)
{
    int error = ovl_mutex_lock(mutex, soon());
    expect("a mutex", error);
    if (error)
        return;
    if (inside++)
        die("two hold the mutex", 0);
    ovl_yield();
    inside--;
    ovl_mutex_unlock(mutex);
}

static int sleep_or_fail(void *argument)
{
    (void)argument;
    int error = ovl_sleep(soon());
    return error ? error : roll(8) ? 0 : 13;
}

static void use_group(void)
{
    struct ovl_group *group;
    int error = ovl_group_open(roll(2) ? OVL_FOREVER : soon(), &group);
    if (error)
        die("a group", error);
    for (unsigned left = roll(4); left; left--)
        ovl_group_go(group, sleep_or_fail, NULL);
    if (roll(5) == 0)
        ovl_group_cancel(group);
    error = ovl_group_close(group);
    if (error != 13)
        expect("a group", error);
}

static void use_scope(void)
{
    struct ovl_scope scope;
    int error = ovl_scope_enter(&scope, soon(), roll(2) ? OVL_SHIELD : 0);
    if (error)
        die("a scope", error);
    use_channel();
    ovl_sleep(soon());
    expect("a scope", ovl_scope_leave(&scope));
}

static int live(void *argument)
{
    static void (*const deeds[])(void) = {use_pair,  use_pipe,  use_channel,
                                          use_mutex, use_group, use_scope};
    (void)argument;
    while (ovl_now() < until) {
        steps++;
        deeds[roll(6)]();
        if (ovl_sleep(ovl_after((ovl_time)roll(200) * MS)))
            break;
    }
    return 0;
}

static int soak(void *argument)
{
    (void)argument;
    struct ovl_group *group;
    /* Whoever is left long after the end has lost a wake-up. */
    struct ovl_scope guard;
    if (ovl_scope_enter(&guard, until + 60 * OVL_SECOND, 0) ||
        ovl_semaphore_open(PAIRS_MAX, &pairs) || ovl_channel_open(sizeof(int), 16, &channel) ||
        ovl_mutex_open(&mutex) || ovl_group_open(OVL_FOREVER, &group))
        die("opening", -ENOMEM);
    for (int i = 0; i < COROUTINES; i++)
        if (ovl_group_go(group, live, NULL))
            die("a coroutine", -ENOMEM);
    int error = ovl_group_close(group);
    if (error || ovl_scope_leave(&guard))
        die("some never ended", error);
    ovl_semaphore_free(pairs);
    ovl_channel_free(channel);
    ovl_mutex_free(mutex);
    return 0;
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(void)
{
    const char *seconds = getenv("OVL_SOAK_SECONDS");
    const char *seed = getenv("OVL_SEED");
    dice = seed ? strtoull(seed, NULL, 0) : (uint64_t)ovl_now() | 1;
    printf("soak: OVL_SEED=%llu\n", (unsigned long long)dice);
    fflush(stdout);
    struct watch before = watch_now();
    char difference[200];
    until = ovl_after((ovl_time)(seconds ? atol(seconds) : 600) * OVL_SECOND);
    int error = ovl_run(soak, NULL, NULL);
    if (error)
        die("the run", error);
    printf("soak: %lu steps, %lu waits met, %lu timed out, %lu cancelled, %ld KiB at most\n", steps,
           wakes, timeouts, cancels, resident_kib());
    if (!watch_settles(&before, difference, sizeof difference)) {
        fprintf(stderr, "soak: left behind: %s\n", difference);
        return 1;
    }
    return wakes && timeouts && cancels ? 0 : 1;
}
