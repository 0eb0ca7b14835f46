/*
 * A rank that gives tasks back, and what rank 0 makes of its messages: results are of the oldest
 * tasks that it has not got back. The transport is the test's, so that messages are as slow as each
 * case wants them; it stands for rank 0 as well.
 */
#include "../support/cases.h"
#include "executor/cluster/cluster.h"

#include <errno.h>
#include <overlap.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS    16
#define MESSAGES 16

/* What the rank is sent, in this order for each tag, once `when` has come. */
struct message {
    int tag;
    bool (*when)(void);
    struct ovl__letter letter;
};

/* Rank 0, and the wire. The rank holds its lock in all calls of the transport. */
static struct message messages[MESSAGES];
static size_t message_count;
static const struct message *taken;
static uint32_t sent, replied; /* tasks */
static bool returned[TASKS], ended[TASKS];
static unsigned results_sent, answers_sent; /* messages */
static bool slow; /* the first results that are sent while a task waits are long on their way */
static unsigned slow_one; /* which that is; 0: not sent yet */

/* A task that waits has begun; and may end, since a message of the kind `lets_end` went by after
 * that, or an answer: where the rank is slow, the results before it are all sent before it begins.
 */
static atomic_bool has_begun, may_end;
static enum ovl__letter_kind lets_end;

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "rank 0 was told what makes no sense: %s\n", what);
    _exit(EXIT_FAILURE);
}

/* --- what rank 0 sends --- */

static struct ovl__letter *add_message(int tag, enum ovl__letter_kind kind, bool (*when)(void))
{
    struct message *message = &messages[message_count++];
    *message = (struct message){.tag = tag, .when = when};
    ovl__letter_begin(&message->letter, kind, 1);
    return &message->letter;
}

static bool always(void)
{
    return true;
}

static bool task_has_begun(void)
{
    return atomic_load(&has_begun);
}

static bool results_were_sent(void)
{
    return results_sent > 0;
}

/* A task says its own number. */
static int say_number(struct ovl_task *task, struct ovl_bytes item)
{
    uint32_t number = *(const uint32_t *)item.data;
    return ovl_task_return(task, &number, sizeof number);
}

static int wait_and_say(struct ovl_task *task, struct ovl_bytes item)
{
    atomic_store(&has_begun, true);
    while (!atomic_load(&may_end))
        sched_yield();
    return say_number(task, item);
}

static void place_of(ovl_task_fn *fn, struct ovl__code_place *ret_place)
{
    const void *address;
    memcpy(&address, &fn, sizeof address);
    assert_int_equal(ovl__code_place(address, ret_place), 0);
}

static void open_executor(void)
{
    struct ovl__opening opening = {0};
    assert_int_equal(ovl__code_place(NULL, &opening.session_open), 0);
    opening.session_close = opening.session_open;
    ovl__letter_add(add_message(OVL__HEAD, OVL__OPENING, always), &opening, sizeof opening);
}

#define NONE UINT32_MAX

static ovl_time left_ns = OVL_FOREVER; /* until the tasks' deadline */

/* `count` tasks more, of which the one called `waits` ends no sooner than it may. */
static void give_tasks(uint32_t count, uint32_t waits, bool (*when)(void))
{
    struct ovl__letter *letter = add_message(OVL__HEAD, OVL__TASKS, when);
    for (uint32_t end = sent + count; sent != end; sent++) {
        struct ovl__task_part part = {.left_ns = left_ns, .item_size = sizeof sent};
        place_of(sent == waits ? wait_and_say : say_number, &part.fn);
        ovl__letter_add(letter, &part, sizeof part);
        ovl__letter_add(letter, &sent, sizeof sent);
        ovl__letter_head(letter)->count++;
    }
}

static void recall(bool (*when)(void))
{
    ovl__letter_add(add_message(OVL__CANCEL, OVL__RECALLING, when), &sent, sizeof sent);
}

/* --- what rank 0 hears --- */

static void pass_returned(void)
{
    while (replied != sent && returned[replied])
        replied++;
}

static void hear_results(struct ovl__reader *reader, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ovl__result_part *part = ovl__reader_take(reader, sizeof *part);
        const uint32_t *number = part ? ovl__reader_take(reader, part->size) : NULL;
        check(part && !part->error, "a task failed");
        check(number && replied != sent, "a result of no task");
        check(*number == replied, "a result of another task than the oldest");
        ended[replied++] = true;
        pass_returned();
    }
}

static void hear_answer(struct ovl__reader *reader)
{
    const struct ovl__returned *range = ovl__reader_take(reader, sizeof *range);
    check(range && range->first >= replied && range->first < range->end && range->end <= sent,
          "it gives back what it has not");
    for (uint32_t i = range->first; i != range->end; i++) {
        check(!returned[i], "it gives back a task twice");
        returned[i] = true;
    }
    pass_returned();
}

static void pass_by(uint32_t kind)
{
    if ((kind == lets_end || kind == OVL__RETURNING) && task_has_begun())
        atomic_store(&may_end, true);
}

/* --- the transport --- */

static bool arrived(int rank, int tag, int *ret_rank, size_t *ret_size)
{
    (void)rank;
    for (size_t i = 0; i < message_count; i++) {
        struct message *message = &messages[i];
        if (message->tag != tag)
            continue;
        if (!message->when())
            return false;
        message->tag = 0;
        taken = message;
        *ret_rank = 0;
        *ret_size = message->letter.bytes.size;
        return true;
    }
    return false;
}

static int receive(void *data, size_t size)
{
    memcpy(data, taken->letter.bytes.data, size);
    pass_by(ovl__letter_head(&taken->letter)->kind);
    return 0;
}

static bool more_was_said(void)
{
    return results_sent > slow_one + 1 || answers_sent;
}

/* A message that is not sent before this is true. */
struct sending {
    bool (*when)(void);
};

static void *begin_send(int rank, int tag, const void *data, size_t size)
{
    struct ovl__reader reader = {data, size};
    const struct ovl__letter_head *head = ovl__reader_take(&reader, sizeof *head);
    struct sending *sending = malloc(sizeof *sending);
    check(head && rank == 0 && tag == OVL__HEAD && sending, "a message of no kind");
    sending->when = always;
    if (head->kind == OVL__RESULTS) {
        results_sent++;
        if (slow && !slow_one && task_has_begun()) {
            slow_one = results_sent;
            sending->when = more_was_said;
        }
        hear_results(&reader, head->count);
    } else if (head->kind == OVL__RETURNING) {
        answers_sent++;
        hear_answer(&reader);
    }
    pass_by(head->kind);
    return sending;
}

static bool is_sent(void *sending)
{
    bool arrives = ((struct sending *)sending)->when();
    if (arrives)
        free(sending);
    return arrives;
}

/* The rank leaves: every task has ended, or was given back, and none both. */
static void finish(void)
{
    for (uint32_t i = 0; i < sent; i++)
        check(ended[i] != returned[i], "a task is lost");
    for (size_t i = 0; i < message_count; i++)
        ovl__buffer_release(&messages[i].letter.bytes);
}

static void end_all(int code)
{
    _exit(code);
}

static const struct ovl__transport transport = {
    .version = OVL__TRANSPORT_VERSION,
    .finish = finish,
    .abort = end_all,
    .begin_send = begin_send,
    .sent = is_sent,
    .arrived = arrived,
    .receive = receive,
};

static bool all_told(void)
{
    return replied == sent;
}

static void (*at_exit)(void); /* NULL: nothing */

/* Serves what was put together, in a child: serving ends the process. */
static void serve(void)
{
    int status;
    add_message(OVL__HEAD, OVL__LEAVING, all_told);
    pid_t child = fork();
    if (!child) {
        if (at_exit)
            atexit(at_exit);
        static struct ovl_executor executor = {.ops = &ovl__model_cluster};
        ovl__rank_serve(&transport, 1, &executor);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A job of one executor, of which nothing is sent yet; what lets the task that waits end. */
static void begin(enum ovl__letter_kind kind)
{
    lets_end = kind;
    message_count = 0;
    open_executor();
}

/* --- the cases --- */

/* While what had ended before is on its way for long, the task at hand ends, and others begin: no
 * result of theirs comes before the answer. */
static void answer_precedes_what_ends_after_it(void)
{
    begin(OVL__RESULTS);
    slow = true;
    give_tasks(5, 2, always);
    recall(task_has_begun);
    give_tasks(1, NONE, results_were_sent);
    serve();
}

/* Some of what is given back has not even arrived when the next recall comes, which is of more. */
static void second_recall_is_of_what_is_left(void)
{
    begin(OVL__RETURNING);
    give_tasks(3, 0, always);
    sent += 2;
    recall(task_has_begun);
    sent -= 2;
    give_tasks(2, NONE, results_were_sent);
    give_tasks(2, NONE, results_were_sent);
    recall(results_were_sent);
    serve();
}

/* Where all that a recall is of has begun, it is not answered. */
static void late_recall_is_of_nothing(void)
{
    begin(OVL__RECALLING);
    give_tasks(2, NONE, always);
    recall(task_has_begun);
    give_tasks(1, 2, always);
    serve();
}

/* So far away that this machine's clock cannot show it. */
static void deadline_beyond_the_clock_is_none(void)
{
    begin(OVL__RESULTS);
    left_ns = OVL_FOREVER - 1;
    give_tasks(3, NONE, always);
    serve();
}

/* --- after the end --- */

static void say_at_exit(void)
{
    check(ovl_cluster_say("late", 4) == -EINVAL, "something, when the rank had ended");
}

static void rank_that_has_ended_says_nothing(void)
{
    begin(OVL__RESULTS);
    give_tasks(1, NONE, always);
    at_exit = say_at_exit;
    serve();
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(answer_precedes_what_ends_after_it), TEST_CASE(second_recall_is_of_what_is_left),
        TEST_CASE(late_recall_is_of_nothing),          TEST_CASE(deadline_beyond_the_clock_is_none),
        TEST_CASE(rank_that_has_ended_says_nothing),
    };
    return run_cases("rank", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
