/*
 * Proves that the native API bears the failure of any call to the system: errors that say so, no
 * hang, no leak, nothing lost between coroutines.
 */
#include "../support/cases.h"
#include "inject.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <overlap.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

/* Far beyond what anything here takes: that it comes is a failure. */
#define GUARD ovl_after(10 * OVL_SECOND)

static void check(int error)
{
    if (error && !is_told(error))
        fail_msg("an error that is not the fault's: %d", error);
}

static void check_made(int error, const void *object)
{
    check(error);
    assert_int_equal(!error, object != NULL);
}

static void check_errno(int result)
{
    if (result < 0)
        check(-errno);
}

/* --- channels and groups --- */

#define ITEMS 40

struct pipe_line {
    struct ovl_channel *channel;
    int sent;
};

/* The deadlines take timers, which are refused no more than the wait itself is. */
static int produce(void *argument)
{
    struct pipe_line *line = argument;
    int error = 0;
    for (int i = 0; i < ITEMS && !error; i++) {
        error = ovl_channel_send(line->channel, &i, GUARD);
        line->sent += !error;
    }
    if (!error)
        ovl_channel_shut(line->channel);
    return error;
}

/* What is received is what was sent, in order, and what is left is still in the channel. */
static void consume(struct pipe_line *line)
{
    struct ovl_group *group = NULL;
    int error = ovl_group_open(GUARD, &group);
    check_made(error, group);
    if (error)
        return;
    error = ovl_group_go(group, produce, line);
    check(error);
    int item = -1, received = 0;
    while (!error && !(error = ovl_channel_receive(line->channel, &item, GUARD)))
        assert_int_equal(item, received++);
    /* A wait needs nothing of the system that it could lack. */
    assert_true(is_told(error) || error == OVL_ECLOSED || error == OVL_ECANCELED);
    if (error != OVL_ECLOSED)
        ovl_group_cancel(group);
    int result = ovl_group_close(group);
    if (result != OVL_ECANCELED)
        check(result);
    if (error == OVL_ECLOSED) {
        assert_int_equal(result, 0);
        assert_int_equal(received, ITEMS);
    }
    while (!ovl_channel_receive(line->channel, &item, 0))
        assert_int_equal(item, received++);
    assert_int_equal(received, line->sent);
}

static void use_channels(void)
{
    struct pipe_line line = {0};
    int error = ovl_channel_open(sizeof(int), 3, &line.channel);
    check_made(error, line.channel);
    if (!error)
        consume(&line);
    ovl_channel_free(line.channel);
}

#define CHANNELS 10 /* more than have their room on a stack */

static void select_from(struct ovl_channel *const *channels)
{
    int item = 0;
    struct ovl_select cases[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        cases[i] = (struct ovl_select){.channel = channels[i], .receive = &item};
    size_t index = 99;
    int error = ovl_select(cases, CHANNELS, ovl_after(MS), &index);
    if (error != OVL_ETIMEDOUT)
        check(error);
    assert_int_equal(index, 99);
    assert_int_equal(ovl_channel_send(channels[7], &(int){5}, 0), 0);
    error = ovl_select(cases, CHANNELS, ovl_after(MS), &index);
    check(error);
    if (!error) {
        assert_int_equal(index, 7);
        assert_int_equal(item, 5);
    }
}

static void use_select(void)
{
    struct ovl_channel *channels[CHANNELS] = {NULL};
    int error = 0;
    for (int i = 0; i < CHANNELS && !error; i++) {
        error = ovl_channel_open(sizeof(int), 1, &channels[i]);
        check_made(error, channels[i]);
    }
    if (!error)
        select_from(channels);
    for (int i = 0; i < CHANNELS; i++)
        ovl_channel_free(channels[i]);
}

/* --- locks --- */

struct locks {
    struct ovl_mutex *mutex;
    struct ovl_condition *condition;
    struct ovl_semaphore *semaphore;
    struct ovl_event *event;
};

static void wait_for_locks(const struct locks *locks)
{
    assert_int_equal(ovl_mutex_lock(locks->mutex, 0), 0);
    assert_int_equal(ovl_mutex_lock(locks->mutex, ovl_after(MS)), OVL_ETIMEDOUT);
    int error = ovl_condition_wait(locks->condition, locks->mutex, ovl_after(MS));
    assert_int_equal(error, OVL_ETIMEDOUT);
    assert_int_equal(ovl_mutex_lock(locks->mutex, 0), OVL_ETIMEDOUT); /* whatever happened */
    ovl_mutex_unlock(locks->mutex);
    assert_int_equal(ovl_semaphore_take(locks->semaphore, ovl_after(MS)), OVL_ETIMEDOUT);
    ovl_semaphore_give(locks->semaphore);
    assert_int_equal(ovl_semaphore_take(locks->semaphore, 0), 0);
    assert_int_equal(ovl_event_wait(locks->event, ovl_after(MS)), OVL_ETIMEDOUT);
    ovl_event_set(locks->event);
    assert_int_equal(ovl_event_wait(locks->event, GUARD), 0);
}

static void use_locks(void)
{
    struct locks locks = {0};
    int error = ovl_mutex_open(&locks.mutex);
    check_made(error, locks.mutex);
    error = ovl_condition_open(&locks.condition);
    check_made(error, locks.condition);
    error = ovl_semaphore_open(0, &locks.semaphore);
    check_made(error, locks.semaphore);
    error = ovl_event_open(&locks.event);
    check_made(error, locks.event);
    if (locks.mutex && locks.condition && locks.semaphore && locks.event)
        wait_for_locks(&locks);
    ovl_mutex_free(locks.mutex);
    ovl_condition_free(locks.condition);
    ovl_semaphore_free(locks.semaphore);
    ovl_event_free(locks.event);
}

/* --- scopes and sleeps --- */

static void use_scopes(void)
{
    struct ovl_scope scope;
    int error = ovl_scope_enter(&scope, ovl_after(MS), 0);
    check(error);
    if (!error) {
        assert_int_equal(ovl_sleep(GUARD), OVL_ECANCELED);
        assert_int_equal(ovl_scope_leave(&scope), OVL_ETIMEDOUT);
    }
    assert_int_equal(ovl_sleep(ovl_after(MS)), 0);
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL), 0);
}

/* --- descriptors --- */

#define PAIRS 5
#define PARTS 40 /* more than have their room on a stack */

static int write_all_parts(void *argument)
{
    const int *fd = argument;
    char bytes[PARTS];
    memset(bytes, 'y', sizeof bytes);
    return write(*fd, bytes, sizeof bytes) == PARTS ? 0 : -errno;
}

static void read_parts(int fds[2])
{
    char bytes[PARTS];
    struct iovec parts[PARTS];
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){.iov_base = &bytes[i], .iov_len = 1};
    struct ovl_group *group = NULL;
    int error = ovl_group_open(GUARD, &group);
    check_made(error, group);
    if (error)
        return;
    error = ovl_group_go(group, write_all_parts, &fds[1]);
    check(error);
    ssize_t size = error ? 0 : readv(fds[0], parts, PARTS);
    check_errno((int)size);
    assert_true(size <= 0 || (size == PARTS && bytes[PARTS - 1] == 'y'));
    check(ovl_group_close(group));
}

static void wait_for_many(int fds[PAIRS][2])
{
    struct pollfd looks[2 * PAIRS];
    for (int i = 0; i < 2 * PAIRS; i++)
        looks[i] = (struct pollfd){.fd = fds[i / 2][i % 2], .events = POLLIN};
    int ready = poll(looks, 2 * PAIRS, 1);
    check_errno(ready);
    assert_true(ready <= 0);
    fd_set reads;
    FD_ZERO(&reads);
    for (int i = 0; i < 2 * PAIRS; i++)
        FD_SET(looks[i].fd, &reads);
    struct timeval length = {.tv_usec = 1000};
    ready = select(looks[2 * PAIRS - 1].fd + 1, &reads, NULL, NULL, &length);
    check_errno(ready);
    assert_true(ready <= 0);
    int error = ovl_wait_fd(fds[0][0], POLLIN, ovl_after(MS));
    if (error != OVL_ETIMEDOUT)
        check(error);
    check(ovl_wait_fd(fds[0][0], POLLOUT, GUARD));
}

static void use_descriptors(void)
{
    int fds[PAIRS][2];
    for (int i = 0; i < PAIRS; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]), 0);
    wait_for_many(fds);
    read_parts(fds[0]);
    for (int i = 0; i < PAIRS; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

static int use_loop(void *argument)
{
    *(bool *)argument = true;
    use_channels();
    use_select();
    use_locks();
    use_scopes();
    use_descriptors();
    return 0;
}

/* --- helper threads --- */

static int look_up(void *argument)
{
    (void)argument;
    struct addrinfo *untouched = (struct addrinfo *)(void *)&untouched, *list = untouched;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    int result = getaddrinfo("127.0.0.1", "80", &hints, &list);
    if (result == EAI_MEMORY && is_told(-ENOMEM)) {
        assert_ptr_equal(list, untouched);
        return 0;
    }
    assert_int_equal(result, 0);
    struct sockaddr_in address;
    assert_int_equal(list->ai_addrlen, sizeof address);
    memcpy(&address, list->ai_addr, sizeof address);
    assert_int_equal(address.sin_port, htons(80));
    assert_int_equal(address.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    freeaddrinfo(list);
    return 0;
}

static int answer(void *argument)
{
    return *(const int *)argument;
}

static int call_in_thread(void *argument)
{
    (void)argument;
    assert_int_equal(ovl_to_thread(answer, &(int){42}), 42);
    return 0;
}

/* An older look-up: what it finds lies in the caller's memory, pointers and all. */
static int look_up_host(void *argument)
{
    (void)argument;
    struct hostent entry;
    struct hostent *found = &entry;
    char buffer[512];
    int error = 0;
    int result = gethostbyname_r("127.0.0.1", &entry, buffer, sizeof buffer, &found, &error);
    if (result == ENOMEM && is_told(-ENOMEM)) {
        assert_null(found);
        return 0;
    }
    assert_int_equal(result, 0);
    assert_ptr_equal(found, &entry);
    assert_true(entry.h_name >= buffer && entry.h_name < buffer + sizeof buffer);
    assert_memory_equal(entry.h_addr_list[0], "\177\0\0\1", 4);
    assert_null(entry.h_addr_list[1]);
    return 0;
}

static void *end_soon(void *value)
{
    nanosleep(&(struct timespec){.tv_nsec = MS}, NULL);
    return value;
}

/* Without a thread to wait in, the loop waits: the value is the same. */
static int join_one(void *argument)
{
    pthread_t thread;
    void *value = NULL;
    assert_int_equal(pthread_create(&thread, NULL, end_soon, argument), 0);
    assert_int_equal(pthread_join(thread, &value), 0);
    assert_ptr_equal(value, argument);
    return 0;
}

static int use_helpers(void *argument)
{
    *(bool *)argument = true;
    struct ovl_group *group = NULL;
    int error = ovl_group_open(GUARD, &group);
    check_made(error, group);
    if (error)
        return 0;
    for (int i = 0; i < 3; i++) {
        check(ovl_group_go(group, look_up, NULL));
        check(ovl_group_go(group, call_in_thread, NULL));
    }
    check(ovl_group_go(group, look_up_host, NULL));
    check(ovl_group_go(group, join_one, group));
    assert_int_equal(ovl_group_close(group), 0);
    return 0;
}

/* --- the cases --- */

struct plan {
    char name[48];
    const struct inject_point *point;
    bool on; /* all calls after it fail, too */
};

/* Returns whether the fault was met. */
static bool run_with(ovl_coroutine_fn *fn, long n, bool on)
{
    bool ran = false;
    inject_begin(n, on);
    int error = ovl_run(fn, &ran, NULL);
    bool met = inject_end();
    check(error);
    assert_int_equal(ran, !error);
    return met;
}

static void fail_each_call(ovl_coroutine_fn *fn, bool on)
{
    long n = 1;
    while (run_with(fn, n, on))
        n++;
    assert_true(n > 1);
    print_message("%ld calls failed\n", n - 1);
}

static void loop_case(void)
{
    const struct plan *plan = case_argument;
    inject_install(plan->point);
    inject_tell_alarm();
    fail_each_call(use_loop, plan->on);
}

static const struct inject_point *point_of(const char *name)
{
    for (size_t i = 0; i < inject_point_count; i++)
        if (!strcmp(inject_points[i].name, name))
            return &inject_points[i];
    fail_msg("no such point: %s", name);
    return NULL;
}

/* Helpers stay for a while: only where they are what is tested, and once for all. */
static void helpers_without_memory(void)
{
    inject_install(point_of("malloc"));
    inject_tell_alarm();
    fail_each_call(use_helpers, false);
    fail_each_call(use_helpers, true);
}

/* First not one thread is to be had, then one, for several calls at a time. */
static void helpers_without_threads(void)
{
    inject_install(point_of("pthread_create"));
    inject_tell_alarm();
    assert_true(run_with(use_helpers, 1, true));
    assert_true(run_with(use_helpers, 1, false));
    run_with(use_helpers, 1, true);
    assert_false(run_with(use_helpers, 1000, false));
}

/* --- a helper that ends as a call comes --- */

/* Longer than a helper without work stays. */
#define HELPER_IDLE_NS (800 * MS)

/* A fork stops the pool of helpers while it is prepared, for as long as this says: what was to
 * happen meanwhile, happens all at once then. */
static atomic_bool prepare_slowly;
static atomic_bool preparing;

static void prepare(void)
{
    if (!atomic_load(&prepare_slowly))
        return;
    atomic_store(&preparing, true);
    ovl_sleep(ovl_after(HELPER_IDLE_NS));
}

static void *fork_slowly(void *argument)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return argument;
}

static int which_thread(void *argument)
{
    *(pthread_t *)argument = pthread_self();
    return 0;
}

static int call_as_helper_ends(void *argument)
{
    pthread_t forker, first = pthread_self(), second = first;
    ovl_to_thread(which_thread, &first); /* now there is a helper, and it is idle */
    atomic_store(&prepare_slowly, true);
    assert_int_equal(pthread_create(&forker, NULL, fork_slowly, argument), 0);
    while (!atomic_load(&preparing))
        sched_yield();
    ovl_to_thread(which_thread, &first);
    ovl_to_thread(which_thread, &second);
    assert_false(pthread_equal(first, pthread_self()));
    assert_false(pthread_equal(second, pthread_self()));
    pthread_join(forker, NULL);
    return 0;
}

/* The call finds it neither idle nor gone; no thread may be taken for one that it is not. */
static void helper_ends_as_a_call_comes(void)
{
    assert_int_equal(pthread_atfork(prepare, NULL, NULL), 0);
    assert_int_equal(ovl_run(call_as_helper_ends, NULL, NULL), 0);
}

static size_t make_plans(struct plan *plans)
{
    size_t count = 0;
    for (size_t i = 0; i < inject_point_count; i++) {
        const struct inject_point *point = &inject_points[i];
        if (!(point->callers & IN_NATIVE))
            continue;
        for (int on = 0; on <= !point->passing; on++) {
            plans[count] = (struct plan){.point = point, .on = on};
            snprintf(plans[count].name, sizeof plans->name, "%s %s", point->name,
                     on ? "and on" : "once");
            count++;
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    static struct plan plans[40];
    static struct test_case cases[COUNT_OF(plans) + 3] = {
        TEST_CASE(helpers_without_memory),
        TEST_CASE(helpers_without_threads),
        TEST_CASE(helper_ends_as_a_call_comes),
    };
    size_t count = make_plans(plans);
    for (size_t i = 0; i < count; i++)
        cases[3 + i] = (struct test_case){
            .name = plans[i].name,
            .run = loop_case,
            .argument = &plans[i],
        };
    int failed = run_cases("native", cases, 3 + count, argc > 1 ? argv[1] : NULL);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
