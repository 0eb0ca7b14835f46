/* Proves that dumps tell what every task waits for, whoever asks for them, and of which loop. */
#include "../support/cases.h"
#include "in_child.h"

#include <errno.h>
#include <overlap.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

static char dump_text[60000];

static void read_dump(int fd)
{
    size_t used = 0;
    ssize_t size;
    lseek(fd, 0, SEEK_SET);
    while ((size = read(fd, dump_text + used, sizeof dump_text - 1 - used)) > 0)
        used += (size_t)size;
    dump_text[used] = '\0';
}

static void clear(int fd)
{
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
}

static int wait_for_byte(void *argument)
{
    ovl_set_name("reader");
    char byte;
    return read(*(int *)argument, &byte, 1) == 1 ? 0 : -errno;
}

static int sleep_for_long(void *argument)
{
    (void)argument;
    return ovl_sleep(ovl_after(1000 * OVL_SECOND));
}

static int wait_for_event(void *argument)
{
    /* No call in the last place: an optimiser would leave nothing of this function on the stack. */
    volatile int error = ovl_event_wait(argument, OVL_FOREVER);
    return error;
}

/* The text between a coroutine's line and the next one's. */
static bool part_has(const char *begin, const char *wanted)
{
    const char *end = strstr(begin + 1, "  coroutine ");
    const char *found = strstr(begin, wanted);
    return found && (!end || found < end);
}

static int dump_some(void *argument)
{
    (void)argument;
    int fds[2];
    struct ovl_group *group;
    struct ovl_event *event;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(ovl_event_open(&event), 0);
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    assert_int_equal(ovl_group_go(group, wait_for_byte, &fds[0]), 0);
    assert_int_equal(ovl_group_go(group, sleep_for_long, NULL), 0);
    assert_int_equal(ovl_group_go(group, wait_for_event, event), 0);
    ovl_sleep(ovl_after(20 * MS));
    assert_int_equal(ovl_group_go(group, sleep_for_long, NULL), 0); /* one that has not begun */
    assert_int_equal(ovl_dump(fileno(file)), 0);
    read_dump(fileno(file));
    char *reader = strstr(dump_text, "\"reader\"");
    assert_non_null(reader);
    char wanted[60];
    snprintf(wanted, sizeof wanted, "waits for descriptor %d, for ", fds[0]);
    assert_true(part_has(reader, wanted));
    double seconds = -1;
    assert_int_equal(sscanf(strstr(reader, ", for "), ", for %lf s", &seconds), 1);
    assert_true(seconds >= 0 && seconds < 60);
    assert_true(part_has(reader, " wait_for_byte"));
    assert_non_null(strstr(dump_text, "waits for sleep, for "));
    assert_non_null(strstr(dump_text, "waits for event, for "));
    assert_non_null(strstr(dump_text, " wait_for_event"));
    assert_non_null(strstr(dump_text, "has not begun"));
    char *self = strstr(dump_text, ": runs\n");
    assert_non_null(self);
    assert_true(part_has(self, " dump_some"));
    assert_non_null(strstr(dump_text, "5 coroutines"));
    ovl_group_cancel(group);
    ovl_group_close(group);
    ovl_event_free(event);
    fclose(file);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void a_dump_tells_where_each_waits(void)
{
    assert_int_equal(ovl_run(dump_some, NULL, NULL), 0);
}

/* --- what is waited for, by its kind --- */

static struct {
    struct ovl_channel *channel;
    struct ovl_semaphore *permits;
    struct ovl_mutex *mutex;
    struct ovl_coroutine *sleeper;
    sem_t posts;
    int fds[2];
} awaited;

static int await_item(void)
{
    char item;
    return ovl_channel_receive(awaited.channel, &item, OVL_FOREVER);
}

static int await_permit(void)
{
    return ovl_semaphore_take(awaited.permits, OVL_FOREVER);
}

static int await_mutex(void)
{
    return ovl_mutex_lock(awaited.mutex, OVL_FOREVER);
}

static int await_post(void)
{
    return sem_wait(&awaited.posts);
}

static int await_sleeper(void)
{
    return ovl_join(awaited.sleeper);
}

static int read_byte(void *unused)
{
    char byte;
    (void)unused;
    return read(awaited.fds[0], &byte, 1) == 1 ? 0 : -errno;
}

static int await_thread(void)
{
    return ovl_to_thread(read_byte, NULL);
}

static const struct kind_of_wait {
    const char *name;
    int (*wait)(void);
    const char *told;
} kinds_of_wait[] = {
    {"item", await_item, "waits for channel, for "},
    {"permit", await_permit, "waits for semaphore, for "},
    {"mutex", await_mutex, "waits for mutex, for "},
    {"post", await_post, "waits for semaphore, for "},
    {"sleeper", await_sleeper, "waits for join, for "},
    {"thread", await_thread, "waits for helper thread, for "},
};

static int wait_as_told(void *argument)
{
    const struct kind_of_wait *kind = argument;
    ovl_set_name(kind->name);
    return kind->wait();
}

static void awaited_open(void)
{
    assert_int_equal(ovl_channel_open(1, 1, &awaited.channel), 0);
    assert_int_equal(ovl_semaphore_open(0, &awaited.permits), 0);
    assert_int_equal(ovl_mutex_open(&awaited.mutex), 0);
    assert_int_equal(ovl_mutex_lock(awaited.mutex, OVL_FOREVER), 0);
    assert_int_equal(ovl_go(sleep_for_long, NULL, &awaited.sleeper), 0);
    assert_int_equal(sem_init(&awaited.posts, 0, 0), 0);
    assert_int_equal(pipe(awaited.fds), 0);
}

static void awaited_close(void)
{
    ovl_mutex_unlock(awaited.mutex);
    ovl_channel_free(awaited.channel);
    ovl_semaphore_free(awaited.permits);
    ovl_mutex_free(awaited.mutex);
    sem_destroy(&awaited.posts);
    close(awaited.fds[0]);
    close(awaited.fds[1]);
}

static int dump_kinds(void *unused)
{
    struct ovl_group *group;
    FILE *file = tmpfile();
    (void)unused;
    assert_non_null(file);
    awaited_open();
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    for (size_t i = 0; i < COUNT_OF(kinds_of_wait); i++)
        assert_int_equal(ovl_group_go(group, wait_as_told, (void *)&kinds_of_wait[i]), 0);
    ovl_sleep(ovl_after(20 * MS));
    assert_int_equal(ovl_dump(fileno(file)), 0);
    read_dump(fileno(file));
    for (size_t i = 0; i < COUNT_OF(kinds_of_wait); i++) {
        char name[40];
        snprintf(name, sizeof name, "\"%s\"", kinds_of_wait[i].name);
        char *part = strstr(dump_text, name);
        if (!part || !part_has(part, kinds_of_wait[i].told))
            fail_msg("%s: \"%s\" is not in:\n%s", name, kinds_of_wait[i].told, dump_text);
    }
    assert_int_equal(write(awaited.fds[1], "x", 1), 1); /* which no scope ends */
    ovl_group_cancel(group);
    ovl_group_close(group);
    fclose(file);
    awaited_close();
    return 0;
}

static void a_dump_tells_what_each_waits_for(void)
{
    assert_int_equal(ovl_run(dump_kinds, NULL, NULL), 0);
}

static atomic_bool computing, enough;

__attribute__((noinline)) int compute(void);
int compute(void)
{
    atomic_store(&computing, true);
    volatile unsigned x = 1;
    while (!atomic_load(&enough))
        x = x * 3 + 1;
    return 0;
}

static int compute_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return compute();
}

/* From another thread, of a loop that is busy and would never answer. */
static void a_loop_that_is_busy_is_dumped_too(void)
{
    struct ovl_executor *executor;
    struct ovl_options options = {.stall_ns = OVL_FOREVER};
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    assert_int_equal(ovl_submit(executor, compute_task, (struct ovl_bytes){0}, NULL), 0);
    while (!atomic_load(&computing))
        usleep(1000);
    for (int seen = 0; seen < 20;) {
        clear(fileno(file));
        assert_int_equal(ovl_dump(fileno(file)), 0);
        read_dump(fileno(file));
        if (strstr(dump_text, ": it cannot be stopped"))
            continue; /* the thread had no processor for as long as a dump waits for it */
        if (!strstr(dump_text, "task 0: runs\n") || !strstr(dump_text, " compute"))
            fail_msg("\"task 0: runs\" or \"compute\" is not in:\n%s", dump_text);
        seen++;
    }
    atomic_store(&enough, true);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    clear(fileno(file));
    assert_int_equal(ovl_dump(fileno(file)), 0);
    read_dump(fileno(file));
    assert_string_equal(dump_text, "overlap: no loop runs\n");
    fclose(file);
}

static int wait_to_be_dumped(void *argument)
{
    (void)argument;
    ovl_set_name("patient");
    if (kill(getpid(), SIGQUIT))
        return 1;
    ovl_sleep(ovl_after(1000 * OVL_SECOND)); /* until it was seen, and is ended */
    return 0;
}

static void run_with_signal(void)
{
    if (ovl_dump_on_signal(SIGQUIT) || ovl_run(wait_to_be_dumped, NULL, NULL))
        _exit(1);
}

static void a_signal_dumps_where_asked_for(void)
{
    assert_true(
        WIFSIGNALED(run_in_child(run_with_signal, "\"patient\"", dump_text, sizeof dump_text)));
    assert_non_null(strstr(dump_text, "\"patient\""));
    assert_int_equal(ovl_dump_on_signal(12345), -EINVAL);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(a_dump_tells_where_each_waits),
        TEST_CASE(a_dump_tells_what_each_waits_for),
        TEST_CASE(a_loop_that_is_busy_is_dumped_too),
        TEST_CASE(a_signal_dumps_where_asked_for),
    };
    return run_cases("dumps", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                 : EXIT_SUCCESS;
}
