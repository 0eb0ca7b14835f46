/* Proves the locks of the native API: mutexes, conditions, semaphores, events. */
#include "in_loop.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(mutex_is_held_across_waits),
        TEST_CASE(conditions_wake_who_waits),
        TEST_CASE(semaphores_are_fair),
        TEST_CASE(events_stay_set),
    };
    return run_cases("locks", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
