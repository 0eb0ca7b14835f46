/* Proves the native API: groups, scopes, cancellation, channels, locks, helper threads. */
#include "../support/cases.h"
#include <errno.h>
#include <overlap.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

/* A test within a loop: its failed assertions end the process of the case, as elsewhere. */
static void in_loop(ovl_coroutine_fn *fn)
{
    assert_int_equal(ovl_run(fn, NULL, NULL), 0);
}

static struct ovl_group *open_group(ovl_time deadline)
{
    struct ovl_group *group = NULL;
    assert_int_equal(ovl_group_open(deadline, &group), 0);
    return group;
}

/* --- running --- */

static int answer(void *argument)
{
    assert_true(ovl_in_coroutine());
    assert_int_equal(ovl_run(answer, NULL, NULL), -EBUSY);
    return *(int *)argument;
}

static void run_returns_what_its_function_returns(void)
{
    assert_false(ovl_in_coroutine());
    assert_int_equal(ovl_run(answer, &(int){42}, NULL), 42);
    assert_int_equal(ovl_run(answer, &(int){-7}, NULL), -7);
}

static int need_a_coroutine(void *argument)
{
    (void)argument;
    return 0;
}

static void some_need_a_coroutine(void)
{
    struct ovl_group *group = NULL;
    struct ovl_scope scope;
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), -EPERM);
    assert_null(group);
    assert_int_equal(ovl_scope_enter(&scope, OVL_FOREVER, 0), -EPERM);
    assert_int_equal(ovl_yield(), 0);
    ovl_time deadline = ovl_after(5 * MS);
    assert_int_equal(ovl_sleep(deadline), 0);
    assert_true(ovl_now() >= deadline);
    assert_int_equal(ovl_to_thread(need_a_coroutine, NULL), 0);
    assert_int_equal(ovl_wait_fd(9999, POLLIN, OVL_FOREVER), -EBADF);
}

/* --- groups --- */

struct turn {
    char *log;
    char name;
};

static int take_turns(void *argument)
{
    const struct turn *turn = argument;
    for (int i = 0; i < 3; i++) {
        strncat(turn->log, &turn->name, 1);
        assert_int_equal(ovl_yield(), 0);
    }
    return 0;
}

static int turns(void *argument)
{
    (void)argument;
    char log[16] = "";
    struct turn a = {.log = log, .name = 'a'};
    struct turn b = {.log = log, .name = 'b'};
    struct ovl_group *group = open_group(OVL_FOREVER);
    assert_int_equal(ovl_group_go(group, take_turns, &a), 0);
    assert_int_equal(ovl_group_go(group, take_turns, &b), 0);
    assert_string_equal(log, "");
    assert_int_equal(ovl_group_close(group), 0);
    assert_string_equal(log, "ababab");
    return 0;
}

static void coroutines_take_turns(void)
{
    in_loop(turns);
}

static int sleep_long(void *argument)
{
    int *ret_error = argument;
    *ret_error = ovl_sleep(ovl_after(100 * OVL_SECOND));
    return *ret_error;
}

static int fail_soon(void *argument)
{
    (void)argument;
    ovl_sleep(ovl_after(5 * MS));
    return 13;
}

static int first_error(void *argument)
{
    (void)argument;
    int errors[3] = {0};
    struct ovl_group *group = open_group(OVL_FOREVER);
    for (int i = 0; i < 3; i++)
        ovl_group_go(group, sleep_long, &errors[i]);
    ovl_group_go(group, fail_soon, NULL);
    /* The opener is inside of the group. */
    assert_int_equal(ovl_sleep(ovl_after(100 * OVL_SECOND)), OVL_ECANCELED);
    assert_int_equal(ovl_group_go(group, fail_soon, NULL), OVL_ECANCELED);
    assert_int_equal(ovl_group_close(group), 13);
    for (int i = 0; i < 3; i++)
        assert_int_equal(errors[i], OVL_ECANCELED);
    /* Outside of it nothing is cancelled. */
    assert_int_equal(ovl_sleep(ovl_after(MS)), 0);
    return 0;
}

static void first_error_calls_off_the_rest(void)
{
    in_loop(first_error);
}

static int group_deadline(void *argument)
{
    (void)argument;
    int error = 0;
    ovl_time deadline = ovl_after(20 * MS);
    struct ovl_group *group = open_group(deadline);
    ovl_group_go(group, sleep_long, &error);
    assert_int_equal(ovl_group_close(group), OVL_ETIMEDOUT);
    assert_int_equal(error, OVL_ECANCELED);
    assert_true(ovl_now() >= deadline);
    group = open_group(OVL_FOREVER);
    ovl_group_go(group, sleep_long, &error);
    ovl_group_cancel(group);
    assert_int_equal(ovl_group_close(group), OVL_ECANCELED);
    assert_int_equal(ovl_group_close(NULL), 0);
    return 0;
}

static void group_has_a_deadline(void)
{
    in_loop(group_deadline);
}

static int open_inner(void *argument)
{
    int *ret_error = argument;
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, sleep_long, ret_error);
    ovl_group_go(group, sleep_long, ret_error);
    return ovl_group_close(group);
}

static int nested_groups(void *argument)
{
    (void)argument;
    int error = 0;
    struct ovl_group *group = open_group(ovl_after(20 * MS));
    ovl_group_go(group, open_inner, &error);
    assert_int_equal(ovl_group_close(group), OVL_ETIMEDOUT);
    assert_int_equal(error, OVL_ECANCELED);
    return 0;
}

static void cancellation_reaches_inner_groups(void)
{
    in_loop(nested_groups);
}

static int count_one(void *argument)
{
    ++*(long *)argument;
    return 0;
}

#define CROWD SCALE(20000, 500)

static int crowd(void *argument)
{
    (void)argument;
    long count = 0;
    struct ovl_group *group = open_group(OVL_FOREVER);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(ovl_group_go(group, count_one, &count), 0);
    assert_int_equal(ovl_group_close(group), 0);
    assert_int_equal(count, CROWD);
    return 0;
}

static void groups_may_be_large(void)
{
    in_loop(crowd);
}

/* --- scopes --- */

static int cancelled_read(void *argument)
{
    int *fds = argument;
    char byte;
    struct ovl_scope scope;
    assert_int_equal(ovl_scope_enter(&scope, ovl_after(20 * MS), 0), 0);
    /* Every wait fails, not only the first: nobody can swallow it. */
    for (int i = 0; i < 3; i++) {
        errno = 0;
        assert_int_equal(read(fds[0], &byte, 1), -1);
        assert_int_equal(errno, ECANCELED);
    }
    struct pollfd look = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&look, 1, -1), -1);
    assert_int_equal(errno, ECANCELED);
    struct timespec rest = {0};
    assert_int_equal(nanosleep(&(struct timespec){.tv_sec = 50}, &rest), -1);
    assert_int_equal(errno, ECANCELED);
    assert_true(rest.tv_sec >= 49);
    assert_int_equal(sleep(30), 30);
    assert_int_equal(ovl_yield(), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&scope), OVL_ETIMEDOUT);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    return 0;
}

static int hooked_calls(void *argument)
{
    (void)argument;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    cancelled_read(fds);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(pipe(fds), 0);
    cancelled_read(fds);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void cancellation_reaches_hooked_calls(void)
{
    in_loop(hooked_calls);
}

static int shielded(void *argument)
{
    (void)argument;
    struct ovl_scope outer;
    struct ovl_scope shield;
    assert_int_equal(ovl_scope_enter(&outer, OVL_FOREVER, 7), -EINVAL);
    assert_int_equal(ovl_scope_enter(&outer, ovl_after(0), 0), 0);
    assert_int_equal(ovl_sleep(ovl_after(50 * MS)), OVL_ECANCELED);
    assert_int_equal(ovl_scope_enter(&shield, OVL_FOREVER, OVL_SHIELD), 0);
    ovl_time deadline = ovl_after(10 * MS);
    assert_int_equal(ovl_sleep(deadline), 0);
    assert_true(ovl_now() >= deadline);
    assert_int_equal(ovl_scope_leave(&shield), 0);
    assert_int_equal(ovl_sleep(ovl_after(50 * MS)), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&outer), OVL_ETIMEDOUT);
    return 0;
}

static void shield_keeps_cancellation_out(void)
{
    in_loop(shielded);
}

static int cancel_it(void *argument)
{
    ovl_scope_cancel(argument);
    return 0;
}

static int scopes(void *argument)
{
    (void)argument;
    struct ovl_group *group = open_group(OVL_FOREVER);
    struct ovl_scope outer;
    struct ovl_scope inner;
    assert_int_equal(ovl_scope_enter(&outer, OVL_FOREVER, 0), 0);
    assert_int_equal(ovl_scope_enter(&inner, ovl_after(OVL_SECOND), 0), 0);
    ovl_group_go(group, cancel_it, &outer);
    assert_int_equal(ovl_sleep(ovl_after(50 * OVL_SECOND)), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&inner), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&outer), OVL_ECANCELED);
    assert_int_equal(ovl_group_close(group), 0);
    return 0;
}

static void scope_is_cancelled_by_another_coroutine(void)
{
    in_loop(scopes);
}

/* --- channels --- */

struct pipe_line {
    struct ovl_channel *channel;
    int count;
};

static int produce(void *argument)
{
    const struct pipe_line *line = argument;
    for (int i = 0; i < line->count; i++)
        assert_int_equal(ovl_channel_send(line->channel, &i, OVL_FOREVER), 0);
    return 0;
}

static int consume(const struct pipe_line *line)
{
    int last = -1;
    for (int i = 0; i < line->count; i++) {
        assert_int_equal(ovl_channel_receive(line->channel, &last, OVL_FOREVER), 0);
        assert_int_equal(last, i);
    }
    return 0;
}

static int produce_and_consume(void *argument)
{
    (void)argument;
    struct pipe_line line = {.count = 1000};
    assert_int_equal(ovl_channel_open(sizeof(int), 3, &line.channel), 0);
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, produce, &line);
    consume(&line);
    assert_int_equal(ovl_group_close(group), 0);
    int item;
    assert_int_equal(ovl_channel_receive(line.channel, &item, 0), OVL_ETIMEDOUT);
    ovl_time deadline = ovl_after(5 * MS);
    assert_int_equal(ovl_channel_receive(line.channel, &item, deadline), OVL_ETIMEDOUT);
    assert_true(ovl_now() >= deadline);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ovl_channel_send(line.channel, &i, 0), 0);
    assert_int_equal(ovl_channel_send(line.channel, &item, 0), OVL_ETIMEDOUT);
    ovl_channel_shut(line.channel);
    assert_int_equal(ovl_channel_send(line.channel, &item, OVL_FOREVER), OVL_ECLOSED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ovl_channel_receive(line.channel, &item, OVL_FOREVER), 0);
        assert_int_equal(item, i);
    }
    assert_int_equal(ovl_channel_receive(line.channel, &item, OVL_FOREVER), OVL_ECLOSED);
    ovl_channel_free(line.channel);
    return 0;
}

static void channels_are_bounded_and_in_order(void)
{
    struct ovl_channel *none = NULL;
    assert_int_equal(ovl_channel_open(4, 0, &none), -EINVAL);
    assert_int_equal(ovl_channel_open(SIZE_MAX / 2, 3, &none), -EINVAL);
    assert_null(none);
    ovl_channel_free(NULL);
    in_loop(produce_and_consume);
}

static void *produce_in_thread(void *argument)
{
    produce(argument);
    return NULL;
}

static int consume_in_coroutine(void *argument)
{
    return consume(argument);
}

static void channels_join_threads_and_coroutines(void)
{
    struct pipe_line line = {.count = SCALE(20000, 2000)};
    assert_int_equal(ovl_channel_open(sizeof(int), 5, &line.channel), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce_in_thread, &line), 0);
    assert_int_equal(ovl_run(consume_in_coroutine, &line, NULL), 0);
    pthread_join(thread, NULL);
    ovl_channel_free(line.channel);
}

static int produce_in_coroutine(void *argument)
{
    produce(argument);
    return 0;
}

static void *produce_in_loop(void *argument)
{
    return ovl_run(produce_in_coroutine, argument, NULL) ? NULL : argument;
}

/* Each thread has a loop of its own, and a coroutine of one waits for one of the other. */
static void channels_join_loops(void)
{
    struct pipe_line line = {.count = SCALE(20000, 2000)};
    assert_int_equal(ovl_channel_open(sizeof(int), 5, &line.channel), 0);
    pthread_t thread;
    void *value = NULL;
    assert_int_equal(pthread_create(&thread, NULL, produce_in_loop, &line), 0);
    assert_int_equal(ovl_run(consume_in_coroutine, &line, NULL), 0);
    pthread_join(thread, &value);
    assert_ptr_equal(value, &line);
    ovl_channel_free(line.channel);
}

static int select_from_two(void *argument)
{
    (void)argument;
    struct pipe_line lines[2] = {{.count = 500}, {.count = 500}};
    struct ovl_group *group = open_group(OVL_FOREVER);
    int items[2];
    struct ovl_select cases[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ovl_channel_open(sizeof(int), 2, &lines[i].channel), 0);
        cases[i] = (struct ovl_select){.channel = lines[i].channel, .receive = &items[i]};
        ovl_group_go(group, produce, &lines[i]);
    }
    int next[2] = {0};
    while (next[0] + next[1] < 1000) {
        size_t index = 9;
        assert_int_equal(ovl_select(cases, 2, OVL_FOREVER, &index), 0);
        assert_true(index < 2);
        assert_int_equal(items[index], next[index]++);
    }
    assert_int_equal(ovl_group_close(group), 0);
    size_t index = 9;
    assert_int_equal(ovl_select(cases, 2, ovl_after(5 * MS), &index), OVL_ETIMEDOUT);
    ovl_channel_shut(lines[1].channel);
    assert_int_equal(ovl_select(cases, 2, OVL_FOREVER, &index), OVL_ECLOSED);
    assert_int_equal(index, 1);
    for (int i = 0; i < 2; i++)
        ovl_channel_free(lines[i].channel);
    return 0;
}

static void select_takes_what_comes_first(void)
{
    in_loop(select_from_two);
}

#define SELECTED SCALE(5000, 500)

static void *send_by_select(void *argument)
{
    struct ovl_channel **channels = argument;
    for (int i = 0; i < SELECTED; i++) {
        size_t index;
        const struct ovl_select cases[] = {
            {.channel = channels[1], .send = &i},
            {.channel = channels[0], .send = &i},
            {.channel = channels[0], .send = &i},
        };
        assert_int_equal(ovl_select(cases, 3, OVL_FOREVER, &index), 0);
    }
    return NULL;
}

static int sum_by_select(void *argument)
{
    struct ovl_channel **channels = argument;
    long sum = 0;
    for (int i = 0; i < 2 * SELECTED; i++) {
        int item = 0;
        size_t index;
        const struct ovl_select cases[] = {
            {.channel = channels[0], .receive = &item},
            {.channel = channels[1], .receive = &item},
        };
        assert_int_equal(ovl_select(cases, 2, OVL_FOREVER, &index), 0);
        sum += item;
    }
    assert_int_equal(sum, (long)SELECTED * (SELECTED - 1));
    return 0;
}

static void selects_on_both_sides_lose_nothing(void)
{
    struct ovl_channel *channels[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(ovl_channel_open(sizeof(int), 1, &channels[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_by_select, channels), 0);
    assert_int_equal(ovl_run(sum_by_select, channels, NULL), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        ovl_channel_free(channels[i]);
    }
}

/* --- locks --- */

struct guarded {
    struct ovl_mutex *mutex;
    struct ovl_condition *condition;
    long count;
};

#define STEPS SCALE(2000, 300)

static int step(void *argument)
{
    struct guarded *guarded = argument;
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(ovl_mutex_lock(guarded->mutex, OVL_FOREVER), 0);
        long before = guarded->count;
        ovl_yield();
        guarded->count = before + 1;
        ovl_mutex_unlock(guarded->mutex);
    }
    return 0;
}

static void *step_in_thread(void *argument)
{
    step(argument);
    return NULL;
}

static int step_in_group(void *argument)
{
    struct ovl_group *group = open_group(OVL_FOREVER);
    for (int i = 0; i < 3; i++)
        ovl_group_go(group, step, argument);
    return ovl_group_close(group);
}

static void mutex_is_held_across_waits(void)
{
    struct guarded guarded = {0};
    assert_int_equal(ovl_mutex_open(&guarded.mutex), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, step_in_thread, &guarded), 0);
    assert_int_equal(ovl_run(step_in_group, &guarded, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(guarded.count, 4 * STEPS);
    assert_int_equal(ovl_mutex_lock(guarded.mutex, 0), 0);
    assert_int_equal(ovl_mutex_lock(guarded.mutex, 0), OVL_ETIMEDOUT);
    ovl_mutex_unlock(guarded.mutex);
    ovl_mutex_free(guarded.mutex);
}

static int await_count(void *argument)
{
    struct guarded *guarded = argument;
    assert_int_equal(ovl_mutex_lock(guarded->mutex, OVL_FOREVER), 0);
    while (guarded->count < 10)
        assert_int_equal(ovl_condition_wait(guarded->condition, guarded->mutex, OVL_FOREVER), 0);
    ovl_mutex_unlock(guarded->mutex);
    return 0;
}

static int conditions(void *argument)
{
    (void)argument;
    struct guarded guarded = {0};
    assert_int_equal(ovl_mutex_open(&guarded.mutex), 0);
    assert_int_equal(ovl_condition_open(&guarded.condition), 0);
    struct ovl_group *group = open_group(ovl_after(20 * OVL_SECOND));
    for (int i = 0; i < 5; i++)
        ovl_group_go(group, await_count, &guarded);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ovl_mutex_lock(guarded.mutex, OVL_FOREVER), 0);
        guarded.count++;
        ovl_condition_notify(guarded.condition);
        ovl_mutex_unlock(guarded.mutex);
        ovl_yield();
    }
    ovl_condition_notify_all(guarded.condition);
    assert_int_equal(ovl_group_close(group), 0);
    assert_int_equal(ovl_mutex_lock(guarded.mutex, 0), 0);
    assert_int_equal(ovl_condition_wait(guarded.condition, guarded.mutex, ovl_after(MS)),
                     OVL_ETIMEDOUT);
    assert_int_equal(ovl_mutex_lock(guarded.mutex, 0), OVL_ETIMEDOUT); /* it holds it again */
    ovl_mutex_unlock(guarded.mutex);
    ovl_condition_free(guarded.condition);
    ovl_mutex_free(guarded.mutex);
    return 0;
}

static void conditions_wake_who_waits(void)
{
    in_loop(conditions);
}

struct queue {
    struct ovl_semaphore *semaphore;
    char log[16];
};

static int take_first(void *argument)
{
    struct queue *queue = argument;
    assert_int_equal(ovl_semaphore_take(queue->semaphore, OVL_FOREVER), 0);
    strcat(queue->log, "1");
    return 0;
}

static int take_second(void *argument)
{
    struct queue *queue = argument;
    assert_int_equal(ovl_semaphore_take(queue->semaphore, OVL_FOREVER), 0);
    strcat(queue->log, "2");
    return 0;
}

static int semaphores(void *argument)
{
    (void)argument;
    struct queue queue = {.log = ""};
    assert_int_equal(ovl_semaphore_open(1, &queue.semaphore), 0);
    assert_int_equal(ovl_semaphore_take(queue.semaphore, 0), 0);
    assert_int_equal(ovl_semaphore_take(queue.semaphore, ovl_after(MS)), OVL_ETIMEDOUT);
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, take_first, &queue);
    ovl_group_go(group, take_second, &queue);
    ovl_yield();
    ovl_semaphore_give(queue.semaphore);
    /* Who comes later does not come before those who wait. */
    assert_int_equal(ovl_semaphore_take(queue.semaphore, 0), OVL_ETIMEDOUT);
    ovl_semaphore_give(queue.semaphore);
    assert_int_equal(ovl_group_close(group), 0);
    assert_string_equal(queue.log, "12");
    ovl_semaphore_free(queue.semaphore);
    return 0;
}

static void semaphores_are_fair(void)
{
    in_loop(semaphores);
}

static int await_event(void *argument)
{
    return ovl_event_wait(argument, OVL_FOREVER);
}

static int events(void *argument)
{
    (void)argument;
    struct ovl_event *event;
    assert_int_equal(ovl_event_open(&event), 0);
    assert_false(ovl_event_is_set(event));
    assert_int_equal(ovl_event_wait(event, 0), OVL_ETIMEDOUT);
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, await_event, event);
    ovl_group_go(group, await_event, event);
    ovl_yield();
    ovl_event_set(event);
    assert_int_equal(ovl_group_close(group), 0);
    assert_int_equal(ovl_event_wait(event, 0), 0);
    ovl_event_clear(event);
    assert_false(ovl_event_is_set(event));
    ovl_event_free(event);
    return 0;
}

static void events_stay_set(void)
{
    in_loop(events);
}

/* --- threads and descriptors --- */

static int which_thread(void *argument)
{
    *(pthread_t *)argument = pthread_self();
    return 5;
}

static int offload(void *argument)
{
    (void)argument;
    pthread_t thread = pthread_self();
    assert_int_equal(ovl_to_thread(which_thread, &thread), 5);
    assert_false(pthread_equal(thread, pthread_self()));
    return 0;
}

static void to_thread_calls_in_another_thread(void)
{
    in_loop(offload);
}

static int write_later(void *argument)
{
    int *fds = argument;
    assert_int_equal(write(fds[1], "x", 1), 1);
    return 0;
}

static int close_later(void *argument)
{
    int *fds = argument;
    close(fds[0]);
    fds[0] = -1;
    return 0;
}

static int descriptors(void *argument)
{
    (void)argument;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, ovl_after(MS)), OVL_ETIMEDOUT);
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, write_later, fds);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, OVL_FOREVER), 0);
    char byte;
    assert_int_equal(read(fds[0], &byte, 1), 1);
    ovl_group_go(group, close_later, fds);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, OVL_FOREVER), -EBADF);
    assert_int_equal(ovl_group_close(group), 0);
    close(fds[1]);
    return 0;
}

static void descriptors_are_waited_for(void)
{
    in_loop(descriptors);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(run_returns_what_its_function_returns),
        TEST_CASE(some_need_a_coroutine),
        TEST_CASE(coroutines_take_turns),
        TEST_CASE(first_error_calls_off_the_rest),
        TEST_CASE(group_has_a_deadline),
        TEST_CASE(cancellation_reaches_inner_groups),
        TEST_CASE(groups_may_be_large),
        TEST_CASE(cancellation_reaches_hooked_calls),
        TEST_CASE(shield_keeps_cancellation_out),
        TEST_CASE(scope_is_cancelled_by_another_coroutine),
        TEST_CASE(channels_are_bounded_and_in_order),
        TEST_CASE(channels_join_threads_and_coroutines),
        TEST_CASE(channels_join_loops),
        TEST_CASE(select_takes_what_comes_first),
        TEST_CASE(selects_on_both_sides_lose_nothing),
        TEST_CASE(mutex_is_held_across_waits),
        TEST_CASE(conditions_wake_who_waits),
        TEST_CASE(semaphores_are_fair),
        TEST_CASE(events_stay_set),
        TEST_CASE(to_thread_calls_in_another_thread),
        TEST_CASE(descriptors_are_waited_for),
    };
    return run_cases("native", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
