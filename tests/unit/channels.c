/* Proves that channels pass on what is put into them: within a loop, between loops and with
 * threads. */
#include "in_loop.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

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

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(channels_are_bounded_and_in_order),
        TEST_CASE(channels_join_threads_and_coroutines),
        TEST_CASE(channels_join_loops),
        TEST_CASE(select_takes_what_comes_first),
        TEST_CASE(selects_on_both_sides_lose_nothing),
    };
    return run_cases("channels", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
