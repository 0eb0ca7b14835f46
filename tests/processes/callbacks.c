/*
 * The crash matrix of callbacks: they run in the program itself, so that it ends with them; what is
 * left of its pool ends too, whatever it was doing.
 */
#include "../support/wire.h"
#include "workers.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum way { ABORTS, EXITS, ERRS, HANGS, IS_KILLED, WAYS };
enum callback { NEXT, EACH_IN_ORDER, EACH_AS_COMPLETED, CALLBACKS };

#define CALLS_BEFORE 8 /* that go well */
#define ITEMS        1000
#define ERROR        55
#define EXIT_CODE    9

struct doom {
    enum way way;
    enum callback callback;
    int calls; /* of the one that is doomed */
    int given;
    const struct wire *ran;
    const struct wire *hanging;
};

static int end_in_a_way(const struct doom *doom)
{
    switch (doom->way) {
    case ABORTS:
        abort();
    case EXITS:
        exit(EXIT_CODE);
    case HANGS:
        wire_tell(doom->hanging, 1);
        for (;;)
            pause();
    case IS_KILLED:
        kill(getpid(), SIGKILL);
        break;
    default:
        break;
    }
    return ERROR;
}

static int call(struct doom *doom, enum callback callback)
{
    if (callback != doom->callback || doom->calls++ < CALLS_BEFORE)
        return 0;
    return end_in_a_way(doom);
}

static int give(void *context, struct ovl_bytes *ret_item)
{
    struct doom *doom = context;
    if (call(doom, NEXT))
        return -ERROR;
    *ret_item = (struct ovl_bytes){.data = doom->ran, .size = sizeof *doom->ran};
    return doom->given++ < ITEMS;
}

static int take(void *context, size_t index, const struct ovl_outcome *outcome,
                struct ovl_bytes result)
{
    struct doom *doom = context;
    (void)index;
    (void)result;
    if (outcome->error)
        return outcome->error;
    return call(doom, doom->callback == NEXT ? EACH_IN_ORDER : doom->callback);
}

static int tell(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    wire_tell(item.data, 1);
    return 0;
}

/* The program: it comes to its end only where the callback returned. */
static int run_program(struct doom *doom)
{
    struct ovl_executor *executor = NULL;
    if (ovl_executor_open(OVL_PROCESSES, &(struct ovl_options){.workers = 3}, &executor))
        return 1;
    struct ovl_stream stream = {.next = give,
                                .each = take,
                                .context = doom,
                                .as_completed = doom->callback == EACH_AS_COMPLETED};
    int expected = doom->callback == NEXT ? -ERROR : ERROR;
    if (ovl_map_stream(executor, tell, &stream) != expected)
        return 2;
    if (ovl_map(executor, tell, doom->ran, sizeof *doom->ran, NULL, 0, 1, NULL))
        return 3;
    return ovl_executor_close(executor, ovl_after(PATIENCE_NS)) ? 4 : 0;
}

static void expect_end(int status, enum way way)
{
    switch (way) {
    case ABORTS:
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        break;
    case HANGS: /* until it is killed from outside */
    case IS_KILLED:
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        break;
    default:
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), way == EXITS ? EXIT_CODE : 0);
        break;
    }
}

/* What was given is worked on while a callback hangs; what was not given never is. */
static void kill_once_it_hangs(pid_t program, const struct wire *ran, const struct wire *hanging)
{
    assert_true(wire_await(hanging, 1));
    assert_true(wire_await(ran, CALLS_BEFORE));
    assert_int_equal(kill(program, SIGKILL), 0);
}

static void doom_one(enum callback callback, enum way way)
{
    struct wire ran = wire_open();
    struct wire hanging = wire_open();
    pid_t program = fork();
    assert_true(program >= 0);
    if (program == 0)
        _exit(run_program(
            &(struct doom){.way = way, .callback = callback, .ran = &ran, .hanging = &hanging}));
    if (way == HANGS)
        kill_once_it_hangs(program, &ran, &hanging);
    int status = 0;
    assert_int_equal(waitpid(program, &status, 0), program);
    expect_end(status, way);
    while (wait(NULL) > 0) /* the helper and the workers, which have become ours */
        ;
    assert_int_equal(errno, ECHILD);
    wire_close(&ran);
    wire_close(&hanging);
}

static void crash_matrix_of_callbacks(void)
{
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (enum callback callback = NEXT; callback < CALLBACKS; callback++)
        for (enum way way = ABORTS; way < WAYS; way++)
            doom_one(callback, way);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(crash_matrix_of_callbacks),
    };
    return run_cases("callbacks", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
