/*
 * Proves what a cluster promises, as a program that mpirun starts: rank 0 checks, and says so in
 * its last line; the other ranks never come past the open.
 *
 *     cluster MODEL           all of it
 *     cluster crash FILE      writes to FILE what is done, until a task crashes its rank
 */
#include "../support/pattern.h"
#include "../support/scratch.h"
#include <errno.h>
#include <inttypes.h>
#include <overlap.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Its own, not cmocka's: a rank has no case to fail. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int square(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    if (number % 10 == 7)
        return 100 + number % 100;
    number *= number;
    return ovl_task_return(task, &number, sizeof number);
}

static struct ovl_executor *open_cluster(const struct ovl_options *options)
{
    struct ovl_executor *executor = NULL;
    int error = ovl_executor_open(OVL_CLUSTER, options, &executor);
    if (error)
        fprintf(stderr, "%s\n", ovl_cluster_problem());
    CHECK(!error);
    return executor;
}

static void close_cluster(struct ovl_executor *executor)
{
    struct ovl_counts counts;
    ovl_executor_counts(executor, &counts);
    CHECK(counts.queued == 0 && counts.running == 0);
    CHECK(counts.submitted == counts.done + counts.failed + counts.cancelled);
    CHECK(ovl_executor_close(executor, OVL_FOREVER) == 0);
}

static struct ovl_future *submit(struct ovl_executor *executor, ovl_task_fn *fn, const void *data,
                                 size_t size, const struct ovl_submit_options *options)
{
    struct ovl_future *future = NULL;
    struct ovl_bytes item = {data, size};
    CHECK(ovl_submit_with(executor, fn, item, options, &future) == 0);
    return future;
}

/* --- each task its own result, or its own error --- */

static void maps(void)
{
    enum { ITEMS = 5000 };
    static int items[ITEMS], results[ITEMS];
    static struct ovl_outcome outcomes[ITEMS];
    struct ovl_executor *executor = open_cluster(NULL);
    CHECK(ovl_executor_workers(executor) == 2);
    CHECK(ovl_executor_model(executor) == OVL_CLUSTER);
    for (int i = 0; i < ITEMS; i++)
        items[i] = i;
    CHECK(ovl_map(executor, square, items, sizeof(int), results, sizeof(int), ITEMS, outcomes) ==
          OVL_ETASKS);
    bool seen[2] = {false, false};
    for (int i = 0; i < ITEMS; i++) {
        CHECK(outcomes[i].error == (i % 10 == 7 ? 100 + i % 100 : 0));
        CHECK(results[i] == (i % 10 == 7 ? 0 : i * i));
        CHECK(outcomes[i].worker < 2);
        seen[outcomes[i].worker] = true;
    }
    CHECK(seen[0] && seen[1]);
    close_cluster(executor);
}

/* --- sizes --- */

static int echo_large(struct ovl_task *task, struct ovl_bytes item)
{
    size_t size;
    memcpy(&size, item.data, sizeof size);
    char *result = ovl_task_result(task, size);
    if (!result)
        return -ENOMEM;
    pattern_fill((uint8_t *)result, 0, size, (unsigned)item.size);
    result[size - 1] = ((const char *)item.data)[item.size - 1];
    return 0;
}

static void one_size(struct ovl_executor *executor, size_t item_size, size_t result_size)
{
    char *item = calloc(1, item_size);
    uint8_t *expected = malloc(result_size);
    memcpy(item, &result_size, sizeof result_size);
    item[item_size - 1] = (char)(item_size > 8 ? 'x' : item[item_size - 1]);
    pattern_fill(expected, 0, result_size, (unsigned)item_size);
    expected[result_size - 1] = (uint8_t)item[item_size - 1];
    struct ovl_future *future = submit(executor, echo_large, item, item_size, NULL);
    struct ovl_bytes result;
    CHECK(ovl_future_result(future, &result) == 0);
    CHECK(result.size == result_size && !memcmp(result.data, expected, result_size));
    ovl_future_free(future);
    free(item);
    free(expected);
}

static void sizes(void)
{
    static const size_t some[] = {9, 100, 65535, 65536, 65537, 1 << 20, 20 << 20};
    struct ovl_executor *executor = open_cluster(NULL);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        for (size_t j = 0; j < sizeof some / sizeof *some; j++)
            one_size(executor, some[i], some[j]);
    one_size(executor, 9, (size_t)100 << 20);
    one_size(executor, (size_t)100 << 20, 9);
    close_cluster(executor);
}

/* Whether this address lies in memory that rank 0 shares with another. */
static bool is_shared(const void *address)
{
    char line[512];
    bool shared = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (!shared && fgets(line, sizeof line, maps)) {
        uintptr_t begin;
        uintptr_t end;
        CHECK(sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &begin, &end) == 2);
        shared = (uintptr_t)address >= begin && (uintptr_t)address < end &&
                 strstr(line, "memfd:overlap-lane");
    }
    fclose(maps);
    return shared;
}

/* On one machine a large result is where its rank wrote it. More of them than there are blocks for
 * are kept, and outlive the executor. */
static void kept_results(void)
{
    enum { KEPT = 400, SIZE = 70000 };
    static struct ovl_future *kept[KEPT];
    uint8_t item[sizeof(size_t) + KEPT + 1] = {0};
    uint8_t *expected = malloc(SIZE);
    memcpy(item, &(size_t){SIZE}, sizeof(size_t));
    struct ovl_executor *executor = open_cluster(NULL);
    for (size_t i = 0; i < KEPT; i++)
        kept[i] = submit(executor, echo_large, item, sizeof(size_t) + i + 1, NULL);
    for (size_t i = 0; i < KEPT; i++)
        CHECK(ovl_future_result(kept[i], NULL) == 0);
    close_cluster(executor);
    size_t shared = 0;
    for (size_t i = 0; i < KEPT; i++) {
        struct ovl_bytes result;
        CHECK(ovl_future_result(kept[i], &result) == 0 && result.size == SIZE);
        pattern_fill(expected, 0, SIZE, (unsigned)(sizeof(size_t) + i + 1));
        expected[SIZE - 1] = 0;
        CHECK(!memcmp(result.data, expected, SIZE));
        shared += is_shared(result.data);
        ovl_future_free(kept[i]);
    }
    CHECK(shared > 0 && shared < KEPT);
    free(expected);
}

/* A result that grows as it is written, from memory of the rank's own into a block and on; and one
 * that shrinks. */
static int grow_and_shrink(struct ovl_task *task, struct ovl_bytes item)
{
    static const size_t steps[] = {10, 70000, 100000, 3 << 20, 9 << 20, 200000};
    size_t known = 0;
    (void)item;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint8_t *result = ovl_task_result(task, steps[i]);
        if (!result || !pattern_holds(result, known < steps[i] ? known : steps[i], 3))
            return -EBADMSG;
        pattern_fill(result, 0, steps[i], 3);
        known = steps[i];
    }
    return 0;
}

static int fail_late(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    return ovl_task_result(task, 1 << 20) ? 33 : -ENOMEM;
}

/* Where the rank may make no more of the memory that both have, results come by messages. */
static int without_blocks(struct ovl_task *task, struct ovl_bytes item)
{
    const struct rlimit none = {0, RLIM_INFINITY};
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    CHECK(!setrlimit(RLIMIT_FSIZE, &none));
    int error = echo_large(task, item);
    CHECK(!setrlimit(RLIMIT_FSIZE, &all));
    return error;
}

static void growing_results(void)
{
    struct ovl_bytes result;
    struct ovl_executor *executor = open_cluster(NULL);
    for (int i = 0; i < 300; i++) { /* more than there are blocks */
        struct ovl_future *future = submit(executor, fail_late, NULL, 0, NULL);
        CHECK(ovl_future_result(future, NULL) == 33);
        ovl_future_free(future);
    }
    struct ovl_future *future = submit(executor, grow_and_shrink, NULL, 0, NULL);
    CHECK(ovl_future_result(future, &result) == 0 && result.size == 200000);
    CHECK(pattern_holds(result.data, result.size, 3));
    ovl_future_free(future);
    future = submit(executor, without_blocks, &(size_t){30 << 20}, sizeof(size_t), NULL);
    CHECK(ovl_future_result(future, &result) == 0 && result.size == 30 << 20);
    CHECK(!is_shared(result.data));
    CHECK(pattern_holds(result.data, result.size - 1, sizeof(size_t)));
    ovl_future_free(future);
    close_cluster(executor);
}

/* --- sessions: each rank its own, closed at the end, and the context is the rank's own --- */

static int context_value;

struct session {
    pid_t process;
    int uses;
};

static int open_session(void *context, void **ret_session)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session || *(int *)context != 5)
        return -ENOMEM;
    session->process = getpid();
    *ret_session = session;
    return 0;
}

static void close_session(void *context, void *session)
{
    (void)context;
    free(session);
}

static int use_session(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    struct session *session = ovl_task_session(task);
    session->uses++;
    return session->process == getpid() ? ovl_task_return(task, session, sizeof *session) : 1;
}

static void sessions(void)
{
    enum { TASKS = 100 };
    struct ovl_executor *executor =
        open_cluster(&(struct ovl_options){.session_open = open_session,
                                           .session_close = close_session,
                                           .session_context = &context_value});
    struct ovl_future *futures[TASKS];
    pid_t processes[2] = {0, 0};
    int most[2] = {0, 0};
    for (int i = 0; i < TASKS; i++)
        futures[i] = submit(executor, use_session, NULL, 0, NULL);
    for (int i = 0; i < TASKS; i++) {
        struct ovl_bytes result;
        CHECK(ovl_future_result(futures[i], &result) == 0);
        const struct session *session = result.data;
        unsigned worker = ovl_future_outcome(futures[i]).worker;
        CHECK(!processes[worker] || processes[worker] == session->process);
        processes[worker] = session->process;
        most[worker] = session->uses > most[worker] ? session->uses : most[worker];
        ovl_future_free(futures[i]);
    }
    CHECK(processes[0] != processes[1] && processes[0] != getpid());
    CHECK(most[0] + most[1] == TASKS);
    close_cluster(executor);
}

/* --- deadlines, cancelling, nested tasks --- */

static int until_told(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    while (!ovl_task_cancelled(task))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return -EINTR;
}

static int pause_for(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return nanosleep(&(struct timespec){.tv_nsec = *(const long *)item.data}, NULL);
}

static int sum_inside(struct ovl_task *task, struct ovl_bytes item)
{
    int items[] = {1, 2, 3, 4};
    int results[4];
    (void)item;
    int error =
        ovl_map(ovl_task_executor(task), square, items, sizeof(int), results, sizeof(int), 4, NULL);
    int sum = results[0] + results[1] + results[2] + results[3];
    return error ? error : ovl_task_return(task, &sum, sizeof sum);
}

static void ends(void)
{
    struct ovl_executor *executor = open_cluster(NULL);
    struct ovl_submit_options soon = {.deadline = ovl_after(300 * OVL_MILLISECOND)};
    struct ovl_future *late = submit(executor, until_told, NULL, 0, &soon);
    CHECK(ovl_future_result(late, NULL) == OVL_ETIMEDOUT);
    ovl_future_free(late);
    struct ovl_submit_options over = {.deadline = ovl_now() - 1};
    struct ovl_future *never = submit(executor, square, &(int){1}, sizeof(int), &over);
    CHECK(ovl_future_result(never, NULL) == OVL_ETIMEDOUT);
    CHECK(ovl_future_outcome(never).attempts == 0);
    ovl_future_free(never);
    struct ovl_future *inside = submit(executor, sum_inside, NULL, 0, NULL);
    struct ovl_bytes result;
    CHECK(ovl_future_result(inside, &result) == 0 && *(const int *)result.data == 30);
    ovl_future_free(inside);
    enum { QUEUED = 200 };
    struct ovl_future *futures[QUEUED];
    for (int i = 0; i < QUEUED; i++)
        futures[i] = submit(executor, pause_for, &(long){20 * OVL_MILLISECOND}, sizeof(long), NULL);
    ovl_executor_cancel(executor);
    int cancelled = 0;
    for (int i = 0; i < QUEUED; i++) {
        int error = ovl_future_result(futures[i], NULL);
        CHECK(error == 0 || error == OVL_ECANCELED);
        cancelled += error != 0;
        ovl_future_free(futures[i]);
    }
    CHECK(cancelled > 0);
    close_cluster(executor);
}

/* --- balance: one rank runs a long task, the other all the short ones --- */

/* Ends once there is a file of this name. */
static int until_there(struct ovl_task *task, struct ovl_bytes item)
{
    ovl_time until = ovl_after(240 * OVL_SECOND);
    (void)task;
    while (access(item.data, F_OK)) {
        if (ovl_now() > until)
            return -ETIMEDOUT;
        nanosleep(&(struct timespec){.tv_nsec = OVL_MILLISECOND}, NULL);
    }
    return 0;
}

static void balance(void)
{
    enum { SHORT = 20 };
    char folder[SCRATCH_BYTES];
    char path[sizeof folder + 8];
    CHECK(scratch_folder(folder, ANYWHERE));
    snprintf(path, sizeof path, "%s/over", folder);
    struct ovl_executor *executor = open_cluster(NULL);
    struct ovl_future *slow = submit(executor, until_there, path, strlen(path) + 1, NULL);
    long length = 5 * OVL_MILLISECOND;
    struct ovl_future *futures[SHORT];
    for (int i = 0; i < SHORT; i++)
        futures[i] = submit(executor, pause_for, &length, sizeof length, NULL);
    for (int i = 0; i < SHORT; i++) {
        CHECK(ovl_future_result(futures[i], NULL) == 0);
        ovl_future_free(futures[i]);
    }
    FILE *file = fopen(path, "w");
    CHECK(file && !fclose(file));
    CHECK(ovl_future_result(slow, NULL) == 0);
    ovl_future_free(slow);
    close_cluster(executor);
    CHECK(!unlink(path) && !rmdir(folder));
}

/* Tasks that were sent ahead, behind one that takes long, come to the rank that has nothing to do:
 * large ones, whose bytes are still on their way, and small ones. */
static void recall(void)
{
    enum { WARM = 3000, SHORT = 300, LARGE = 100000 };
    static int items[WARM], results[WARM];
    static char large[LARGE];
    char folder[SCRATCH_BYTES];
    char path[sizeof folder + 8];
    CHECK(scratch_folder(folder, ANYWHERE));
    snprintf(path, sizeof path, "%s/over", folder);
    struct ovl_executor *executor = open_cluster(NULL);
    for (int round = 0; round < 3; round++) {
        struct ovl_future *futures[SHORT];
        ovl_map(executor, square, items, sizeof(int), results, sizeof(int), WARM, NULL);
        struct ovl_future *slow = submit(executor, until_there, path, strlen(path) + 1, NULL);
        for (int i = 0; i < SHORT; i++) {
            memcpy(large, &i, sizeof i);
            futures[i] = submit(executor, square, large, i % 50 == 7 ? LARGE : sizeof i, NULL);
        }
        for (int i = 0; i < SHORT; i++) {
            struct ovl_bytes result;
            CHECK(ovl_future_wait(futures[i], ovl_after(120 * OVL_SECOND)) == 0);
            int error = ovl_future_result(futures[i], &result);
            CHECK(error == (i % 10 == 7 ? 100 + i % 100 : 0));
            CHECK(error || *(const int *)result.data == i * i);
            CHECK(ovl_future_outcome(futures[i]).attempts == 1);
            ovl_future_free(futures[i]);
        }
        CHECK(!ovl_future_done(slow));
        FILE *file = fopen(path, "w");
        CHECK(file && !fclose(file));
        CHECK(ovl_future_result(slow, NULL) == 0);
        ovl_future_free(slow);
        CHECK(!unlink(path));
    }
    close_cluster(executor);
    CHECK(!rmdir(folder));
}

/* --- the ledger --- */

static void ledger(void)
{
    struct ovl_ledger *book;
    struct ovl_ledger_sum sum;
    CHECK(ovl_ledger_open(0, &book) == 0);
    struct ovl_executor *executor = open_cluster(&(struct ovl_options){.ledger = book});
    ovl_time before = ovl_now();
    for (int i = 0; i < 10; i++) {
        struct ovl_future *future =
            submit(executor, pause_for, &(long){10 * OVL_MILLISECOND}, sizeof(long), NULL);
        CHECK(ovl_future_result(future, NULL) == 0);
        ovl_future_free(future);
    }
    close_cluster(executor);
    ovl_ledger_sum(book, &sum);
    CHECK(sum.tasks == 10 && sum.failed == 0);
    CHECK(sum.wait_ns[OVL_WAIT_SLEEP] >= 100 * OVL_MILLISECOND);
    struct ovl_record record;
    CHECK(ovl_ledger_read(book, 0, &record) == 0);
    CHECK(record.start >= before - OVL_MILLISECOND && record.end <= ovl_now() + OVL_MILLISECOND);
    ovl_ledger_close(book);
}

/* --- what tasks say --- */

struct hearing {
    uint32_t next[2]; /* by speaker: the number of the piece that is to come */
    uint64_t bytes;
};

/* Pieces of every size: none but the head, within a message, and larger than its buffers. */
static size_t piece_size(uint32_t number)
{
    static const size_t sizes[] = {0, 1, 5000, 70000, 3000000};
    return sizes[number % 5];
}

struct piece {
    uint32_t speaker;
    uint32_t number;
};

static int say_pieces(struct ovl_task *task, struct ovl_bytes item)
{
    uint32_t speaker = *(const uint32_t *)item.data;
    (void)task;
    for (uint32_t i = 0; i < 50; i++) {
        size_t size = sizeof(struct piece) + piece_size(i);
        struct piece *piece = malloc(size);
        if (!piece)
            return -ENOMEM;
        *piece = (struct piece){speaker, i};
        memset(piece + 1, (int)(i + speaker), piece_size(i));
        int error = ovl_cluster_say(piece, size);
        free(piece);
        if (error)
            return error;
    }
    return 0;
}

static void hear(void *context, struct ovl_bytes words)
{
    struct hearing *hearing = context;
    const struct piece *piece = words.data;
    CHECK(words.size >= sizeof *piece && piece->speaker < 2);
    CHECK(piece->number == hearing->next[piece->speaker]++);
    CHECK(words.size == sizeof *piece + piece_size(piece->number));
    const unsigned char *rest = (const void *)(piece + 1);
    for (size_t n = 0; n < piece_size(piece->number); n += 997)
        CHECK(rest[n] == (unsigned char)(piece->number + piece->speaker));
    hearing->bytes += words.size;
}

static int say_too_much(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return ovl_cluster_say(item.data, ((size_t)1 << 30) + 1);
}

static void saying(void)
{
    struct hearing hearing = {0};
    struct ovl_executor *executor = open_cluster(NULL);
    struct ovl_executor *other;
    struct ovl_future *futures[2];
    CHECK(ovl_cluster_listen(executor, hear, &hearing) == 0);
    for (uint32_t i = 0; i < 2; i++)
        futures[i] = submit(executor, say_pieces, &i, sizeof i, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(ovl_future_result(futures[i], NULL) == 0);
        CHECK(hearing.next[i] == 50); /* before its future was done */
        ovl_future_free(futures[i]);
    }
    struct ovl_future *much = submit(executor, say_too_much, "", 1, NULL);
    CHECK(ovl_future_result(much, NULL) == -EMSGSIZE);
    ovl_future_free(much);
    close_cluster(executor);
    executor = open_cluster(NULL); /* where nobody listens */
    uint32_t speaker = 0;
    struct ovl_future *future = submit(executor, say_pieces, &speaker, sizeof speaker, NULL);
    CHECK(ovl_future_result(future, NULL) == 0);
    ovl_future_free(future);
    close_cluster(executor);
    CHECK(hearing.next[0] == 50);
    CHECK(ovl_cluster_say("", 1) == -EINVAL); /* rank 0 runs no tasks */
    CHECK(ovl_executor_open(OVL_SYNC, NULL, &other) == 0);
    CHECK(ovl_cluster_listen(other, hear, &hearing) == -EINVAL);
    ovl_executor_close(other, OVL_FOREVER);
}

/* --- opening --- */

static void one_at_a_time(void)
{
    struct ovl_executor *executor = open_cluster(&(struct ovl_options){.workers = 1});
    struct ovl_executor *other = NULL;
    CHECK(ovl_executor_workers(executor) == 1);
    CHECK(ovl_executor_open(OVL_CLUSTER, NULL, &other) == -EBUSY);
    close_cluster(executor);
}

/* --- a rank that dies --- */

static int note_and_die(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    if (number == 50)
        raise(SIGKILL);
    return ovl_task_return(task, &number, sizeof number);
}

static int crash(const char *path)
{
    struct ovl_executor *executor = open_cluster(NULL);
    FILE *file = fopen(path, "w");
    CHECK(file);
    for (int i = 0; i <= 50; i++) {
        struct ovl_future *future = submit(executor, note_and_die, &i, sizeof i, NULL);
        if (ovl_future_result(future, NULL))
            return 1;
        fprintf(file, "%d\n", i);
        CHECK(fflush(file) == 0);
        ovl_future_free(future);
    }
    return 0;
}

int main(int argc, char **argv)
{
    context_value = 5; /* every rank's own */
    if (argc == 3 && !strcmp(argv[1], "crash"))
        return crash(argv[2]);
    sessions();
    maps();
    sizes();
    kept_results();
    growing_results();
    ends();
    balance();
    recall();
    ledger();
    saying();
    one_at_a_time();
    puts("all of it holds");
    return 0;
}
