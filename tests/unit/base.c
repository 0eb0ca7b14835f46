/* Proves errors, time, models' names, outcomes' words, lists and buffers. */
#include "../support/cases.h"
#include "../support/pattern.h"
#include "base/blocks.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include <errno.h>
#include <malloc.h>
#include <overlap.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_AND_NAME(name, number, message) {name, #name, message},
static const struct {
    int number;
    const char *name;
    const char *message;
} errors[] = {OVL_ERROR_MAP(NUMBER_AND_NAME)};

static void every_error_has_a_name_and_a_message(void)
{
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        assert_string_equal(ovl_error_name(errors[i].number), errors[i].name);
        const char *message = ovl_error_message(errors[i].number);
        assert_string_equal(message, errors[i].message);
        assert_true(strlen(message) > 0 && message[strlen(message) - 1] != '.');
        assert_string_not_equal(message, "task error");
    }
}

static void no_error_is_like_another(void)
{
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(errors[i].number, errors[j].number);
            assert_string_not_equal(errors[i].name, errors[j].name);
            assert_string_not_equal(errors[i].message, errors[j].message);
        }
}

static void errors_lie_below_the_system_s(void)
{
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        assert_true(errors[i].number < -4095);
}

static void system_errors_have_names_and_messages(void)
{
    assert_string_equal(ovl_error_name(-ENOENT), "ENOENT");
    assert_string_equal(ovl_error_message(-ENOENT), strerrordesc_np(ENOENT));
    assert_string_equal(ovl_error_name(-ENOMEM), "ENOMEM");
    for (int error = 1; error < 4096; error++) {
        assert_non_null(ovl_error_message(-error));
        if (strerrorname_np(error))
            assert_string_equal(ovl_error_name(-error), strerrorname_np(error));
        else
            assert_null(ovl_error_name(-error));
    }
}

static void other_numbers_are_task_errors(void)
{
    static const int numbers[] = {1, 42, INT32_MAX, -5000, -19999, -20999, INT32_MIN};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert_string_equal(ovl_error_message(numbers[i]), "task error");
        assert_null(ovl_error_name(numbers[i]));
    }
}

static void time_goes_on(void)
{
    ovl_time before = ovl_now();
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        ovl_time now = ovl_now();
        assert_true(now >= before);
        before = now;
    }
}

/* Long enough to count by the processor, and to look at the clock again many times. */
#define STAMPING_NS (60 * OVL_MILLISECOND)

static void *stamp_for_a_while(void *argument)
{
    bool *ret_good = argument;
    *ret_good = true;
    ovl_time end = ovl_after(STAMPING_NS);
    ovl_time before = ovl_now();
    for (ovl_time last = 0; before < end;) {
        ovl_time stamp = ovl__stamp();
        ovl_time after = ovl_now();
        *ret_good &=
            stamp >= last && stamp > before - OVL_MICROSECOND && stamp < after + OVL_MICROSECOND;
        last = stamp;
        before = after;
    }
    return NULL;
}

static void stamps_follow_the_clock(void)
{
    bool good = false;
    stamp_for_a_while(&good);
    assert_true(good);
}

static void stamps_of_several_threads_agree(void)
{
    pthread_t threads[4];
    bool good[COUNT_OF(threads)] = {false};
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, stamp_for_a_while, &good[i]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_true(good[i]);
    }
}

static void stamps_are_of_the_thread_s_clock(void)
{
    ovl_time stands = 5;
    ovl__clock = &stands;
    ovl_time stamp = ovl__stamp();
    ovl__clock = NULL;
    assert_int_equal(stamp, 5);
}

static void deadlines_lie_ahead(void)
{
    ovl_time before = ovl_now();
    ovl_time deadline = ovl_after(5 * OVL_SECOND);
    ovl_time after = ovl_now();
    assert_true(deadline >= before + 5 * OVL_SECOND);
    assert_true(deadline <= after + 5 * OVL_SECOND);
}

static void deadlines_never_overflow(void)
{
    assert_int_equal(ovl_after(OVL_FOREVER), OVL_FOREVER);
    assert_int_equal(ovl_after(OVL_FOREVER - 1), OVL_FOREVER);
    assert_true(ovl_after(-1) < ovl_now());
    assert_true(ovl_after(INT64_MIN) <= 0);
    assert_true(ovl_after(INT64_MIN + 1) <= 0);
}

static void models_have_names(void)
{
    static const char *const names[OVL_MODEL_COUNT] = {"sync", "threads", "async", "processes"};
    for (unsigned i = 0; i < OVL_MODEL_COUNT; i++) {
        enum ovl_model model = OVL_MODEL_COUNT;
        assert_string_equal(ovl_model_name((enum ovl_model)i), names[i]);
        assert_int_equal(ovl_model_parse(names[i], &model), 0);
        assert_int_equal(model, i);
    }
    assert_null(ovl_model_name((enum ovl_model)OVL_MODEL_COUNT));
    assert_null(ovl_model_name((enum ovl_model) - 1));
}

static void models_have_python_s_names(void)
{
    static const struct {
        const char *name;
        enum ovl_model model;
    } names[] = {{"synchronous", OVL_SYNC},
                 {"threading", OVL_THREADS},
                 {"asyncio", OVL_ASYNC},
                 {"multiprocessing", OVL_PROCESSES}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        enum ovl_model model = OVL_MODEL_COUNT;
        assert_int_equal(ovl_model_parse(names[i].name, &model), 0);
        assert_int_equal(model, names[i].model);
    }
}

static void other_names_are_no_models(void)
{
    static const char *const names[] = {"", "Sync", "syn", "sync ", " sync", "thread", "0"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        enum ovl_model model = OVL_ASYNC;
        assert_int_equal(ovl_model_parse(names[i], &model), OVL_EMODEL);
        assert_int_equal(model, OVL_ASYNC);
    }
}

static void models_have_default_workers(void)
{
    cpu_set_t cpus;
    assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    assert_int_equal(ovl_model_default_workers(OVL_SYNC), 1);
    assert_int_equal(ovl_model_default_workers(OVL_THREADS), 5);
    assert_int_equal(ovl_model_default_workers(OVL_ASYNC), 10000);
    assert_int_equal(ovl_model_default_workers(OVL_PROCESSES), CPU_COUNT(&cpus));
}

static void default_processes_are_the_cores_one_may_use(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(ovl_model_default_workers(OVL_PROCESSES), 1);
}

static void version_is_the_header_s(void)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", OVL_VERSION_MAJOR, OVL_VERSION_MINOR,
             OVL_VERSION_PATCH);
    assert_string_equal(ovl_version(), version);
    assert_string_equal(ovl_version(), OVL_VERSION);
}

static void outcomes_say_what_happened(void)
{
    static const struct {
        struct ovl_outcome outcome;
        const char *parts[3]; /* what the text must have in it */
    } rows[] = {
        {{.error = OVL_ESIGNALED, .detail = SIGSEGV, .worker = 3, .attempts = 1},
         {"worker 3", "11", "SIGSEGV"}},
        {{.error = OVL_ESIGNALED, .detail = SIGKILL, .worker = 0, .attempts = 2},
         {"worker 0", "9", "SIGKILL"}},
        {{.error = OVL_EEXITED, .detail = 7, .worker = 12}, {"worker 12", "exit", "7"}},
        {{.error = OVL_ESESSION, .detail = -ECONNREFUSED, .worker = 1},
         {"worker 1", "session", "refused"}},
        {{.error = OVL_ESESSION, .detail = 42, .worker = 1}, {"worker 1", "session", "42"}},
        {{.error = -ENOENT, .worker = 5}, {"worker 5", "No such file", ""}},
        {{.error = 77, .worker = 5}, {"worker 5", "77", ""}},
        {{.error = OVL_ETIMEDOUT, .worker = 6}, {"worker 6", "deadline", ""}},
        {{.error = OVL_ECANCELED, .worker = OVL_NO_WORKER}, {"cancelled", "", ""}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[200];
        size_t length = ovl_outcome_text(&rows[i].outcome, text, sizeof text);
        assert_int_equal(length, strlen(text));
        for (int part = 0; part < 3; part++)
            if (!strstr(text, rows[i].parts[part]))
                fail_msg("\"%s\" is missing in \"%s\"", rows[i].parts[part], text);
        assert_null(strstr(text, "4294967295"));
    }
}

static void outcome_text_is_cut_to_its_room(void)
{
    struct ovl_outcome outcome = {.error = OVL_ESIGNALED, .detail = SIGABRT, .worker = 4};
    char whole[200];
    size_t length = ovl_outcome_text(&outcome, whole, sizeof whole);
    assert_int_equal(ovl_outcome_text(&outcome, NULL, 0), length);
    for (size_t room = 1; room <= length + 1; room++) {
        char text[200];
        memset(text, '#', sizeof text);
        assert_int_equal(ovl_outcome_text(&outcome, text, room), length);
        assert_int_equal(strlen(text), room - 1);
        assert_memory_equal(text, whole, room - 1);
        assert_int_equal(text[room], '#');
    }
}

struct linked {
    int number;
    struct ovl__link link;
};

static int take_number(struct ovl__link *list)
{
    struct ovl__link *link = ovl__list_take(list);
    return link ? ovl__of(link, struct linked, link)->number : -1;
}

static void lists_are_queues(void)
{
    struct ovl__link list;
    struct linked items[5];
    ovl__list_init(&list);
    assert_true(ovl__list_empty(&list));
    assert_null(ovl__list_take(&list));
    for (int i = 0; i < 5; i++) {
        items[i].number = i;
        ovl__list_append(&list, &items[i].link);
    }
    assert_false(ovl__list_empty(&list));
    ovl__list_remove(&items[2].link);
    ovl__list_remove(&items[2].link);
    static const int expected[] = {0, 1, 3, 4, -1};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_int_equal(take_number(&list), expected[i]);
}

static void buffers_grow_and_keep(void)
{
    struct ovl__buffer buffer = {0};
    size_t moves = 0;
    for (size_t size = 1; size <= 100000; size++) {
        const void *before = buffer.data;
        assert_int_equal(ovl__buffer_resize(&buffer, size), 0);
        assert_int_equal(buffer.size, size);
        assert_true(buffer.capacity >= size);
        pattern_fill((uint8_t *)buffer.data + size - 1, size - 1, 1, 5);
        moves += buffer.data != before;
    }
    assert_true(moves < 200);
    assert_int_equal(ovl__buffer_resize(&buffer, 500), 0);
    assert_int_equal(buffer.size, 500);
    assert_true(pattern_holds(buffer.data, 500, 5));
    assert_int_equal(ovl__buffer_resize(&buffer, SIZE_MAX), -ENOMEM);
    assert_int_equal(ovl__buffer_resize(&buffer, SIZE_MAX / 2), -ENOMEM);
    assert_int_equal(buffer.size, 500);
    assert_true(pattern_holds(buffer.data, 500, 5));
    ovl__buffer_release(&buffer);
    ovl__buffer_release(&(struct ovl__buffer){0});
}

static void zeroed_memory_is_zero(void)
{
    for (size_t size = 1; size < 10000; size = size * 3 + 1) {
        unsigned char *bytes = ovl__zalloc(size);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, size);
        free(bytes);
    }
}

#if !SANITIZED /* theirs, and Valgrind's, is another malloc */

#define BLOCKS 256

static void *give_blocks(void *own)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        assert_non_null(blocks[i] = ovl__block_new(OVL__SMALL_BLOCK));
    for (int i = 0; i < BLOCKS; i++)
        ovl__block_free(OVL__SMALL_BLOCK, blocks[i]);
    return own;
}

static void *take_block(void *own)
{
    *(void **)own = ovl__block_new(OVL__SMALL_BLOCK);
    return own;
}

static void call_in_thread(void *(*function)(void *), void *own)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, own), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* One that takes of what others left, and gives none back, ends with the rest of a batch. */
static void a_thread_that_ends_keeps_no_blocks(void)
{
    void *block = NULL;
    call_in_thread(give_blocks, NULL);
    size_t before = mallinfo2().uordblks;
    call_in_thread(take_block, &block);
    ovl__block_free(OVL__SMALL_BLOCK, block);
    assert_true(mallinfo2().uordblks + 32 * OVL__SMALL_BLOCK_BYTES < before);
}

#endif

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(every_error_has_a_name_and_a_message),
        TEST_CASE(no_error_is_like_another),
        TEST_CASE(errors_lie_below_the_system_s),
        TEST_CASE(system_errors_have_names_and_messages),
        TEST_CASE(other_numbers_are_task_errors),
        TEST_CASE(time_goes_on),
        TEST_CASE(stamps_follow_the_clock),
        TEST_CASE(stamps_of_several_threads_agree),
        TEST_CASE(stamps_are_of_the_thread_s_clock),
        TEST_CASE(deadlines_lie_ahead),
        TEST_CASE(deadlines_never_overflow),
        TEST_CASE(models_have_names),
        TEST_CASE(models_have_python_s_names),
        TEST_CASE(other_names_are_no_models),
        TEST_CASE(models_have_default_workers),
        TEST_CASE(default_processes_are_the_cores_one_may_use),
        TEST_CASE(version_is_the_header_s),
        TEST_CASE(outcomes_say_what_happened),
        TEST_CASE(outcome_text_is_cut_to_its_room),
        TEST_CASE(lists_are_queues),
        TEST_CASE(buffers_grow_and_keep),
        TEST_CASE(zeroed_memory_is_zero),
#if !SANITIZED
        TEST_CASE(a_thread_that_ends_keeps_no_blocks),
#endif
    };
    return run_cases("base", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
