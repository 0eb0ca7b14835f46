/* Proves what hooked calls do between coroutines: closing what another waits for, and sharing
 * descriptors. */
#include "../support/cases.h"
#include "../support/wire.h"
#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct ovl_executor *executor;
static int fds[2];

static void set_up(unsigned workers)
{
    struct ovl_options options = {.workers = workers};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
}

static void tear_down(void)
{
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
}

static struct ovl_future *submit(ovl_task_fn *fn, int number)
{
    struct ovl_future *future = NULL;
    struct ovl_bytes item = {.data = &number, .size = sizeof number};
    assert_int_equal(ovl_submit(executor, fn, item, &future), 0);
    return future;
}

static void expect_error(struct ovl_future *future, int error)
{
    assert_int_equal(ovl_future_result(future, NULL), error);
    ovl_future_free(future);
}

static void let_others_run(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* The ways to wait for fds[0]; each ends with errno, or with what it found. */
enum way { READS, POLLS, SELECTS, RECEIVES, ACCEPTS, WAYS };

static int wait_for_fd(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    char byte;
    struct pollfd wanted = {.fd = fds[0], .events = POLLIN};
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(fds[0], &reads);
    atomic_fetch_add(&board->number[0], 1);
    int done = 0;
    switch (*(const enum way *)item.data) {
    case READS:
        done = (int)read(fds[0], &byte, 1);
        break;
    case POLLS:
        done = poll(&wanted, 1, -1);
        if (done == 1 && wanted.revents & POLLNVAL)
            return -EBADF;
        break;
    case SELECTS:
        done = select(fds[0] + 1, &reads, NULL, NULL, NULL);
        break;
    case RECEIVES:
        done = (int)recv(fds[0], &byte, 1, 0);
        break;
    default:
        done = accept(fds[0], NULL, NULL);
        break;
    }
    return done < 0 ? -errno : done;
}

static int close_when_waited_for(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    bool as_range = *(const int *)item.data;
    while (atomic_load(&board->number[0]) == 0)
        let_others_run();
    let_others_run();
    if (as_range)
        return close_range((unsigned)fds[0], (unsigned)fds[0], 0) ? -errno : 0;
    return close(fds[0]) ? -errno : 0;
}

static void close_ends_another_s_wait(void)
{
    for (unsigned number = 0; number < 2 * WAYS; number++) {
        enum way way = number % WAYS;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        if (way == ACCEPTS) {
            close(fds[0]);
            fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
            assert_int_equal(
                bind(fds[0], &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)), 0);
            assert_int_equal(listen(fds[0], 1), 0);
        }
        atomic_store(&board->number[0], 0);
        set_up(3);
        struct ovl_future *waiting = submit(wait_for_fd, way);
        expect_error(submit(close_when_waited_for, number >= WAYS), 0);
        expect_error(waiting, -EBADF);
        tear_down();
        close(fds[1]);
    }
}

/* Closes what another waits for, and has its number taken by what is never ready. */
static int close_and_reuse(struct ovl_task *task, struct ovl_bytes item)
{
    int error = close_when_waited_for(task, item);
    int others[2];
    if (error || pipe(others))
        return -EIO;
    bool same = others[0] == fds[0];
    let_others_run();
    close(others[0]);
    close(others[1]);
    return same ? 0 : -EINVAL;
}

static void reused_number_is_not_mixed_up(void)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    set_up(3);
    struct ovl_future *waiting = submit(wait_for_fd, READS);
    expect_error(submit(close_and_reuse, 0), 0);
    expect_error(waiting, -EBADF);
    tear_down();
    close(fds[1]);
}

/* Many wait for one descriptor, and each gets one byte. */
static void many_read_from_one(void)
{
    enum { READERS = 20 };
    assert_int_equal(pipe(fds), 0);
    set_up(READERS);
    struct ovl_future *futures[READERS];
    for (int i = 0; i < READERS; i++)
        futures[i] = submit(wait_for_fd, READS);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(write(fds[1], "x", 1), 1);
    for (int i = 0; i < READERS; i++)
        expect_error(futures[i], 1);
    tear_down();
    close(fds[0]);
    close(fds[1]);
}

/* Lines that are longer than the stream's buffer. */
enum { LINE = 5000, LINES = 20, WRITERS = 8 };

static FILE *shared_stream;

static int print_lines(FILE *stream, char letter)
{
    char line[LINE + 1];
    memset(line, letter, LINE);
    line[LINE] = '\0';
    for (int i = 0; i < LINES; i++)
        if (fprintf(stream, "%s\n", line) != LINE + 1)
            return -EIO;
    return fflush(stream) ? -errno : 0;
}

static int print_in_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return print_lines(shared_stream, *(const char *)item.data);
}

static void *print_in_thread(void *letter)
{
    return (void *)(intptr_t)print_lines(shared_stream, *(const char *)letter);
}

static int read_lines(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    char line[LINE + 2];
    FILE *stream = fdopen(fds[0], "r");
    if (!stream)
        return -errno;
    int lines = 0;
    while (fgets(line, sizeof line, stream))
        if (strspn(line, (char[]){line[0], '\0'}) == LINE && line[LINE] == '\n')
            lines++;
    fclose(stream);
    return lines;
}

/* Coroutines and another thread print to one stream, whose pipe is full: no line is torn. */
static void many_print_to_one(void)
{
    assert_int_equal(pipe(fds), 0);
    shared_stream = fdopen(fds[1], "w");
    assert_non_null(shared_stream);
    set_up(WRITERS + 1);
    struct ovl_future *futures[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        char letter = (char)('a' + i);
        assert_int_equal(ovl_submit(executor, print_in_task,
                                    (struct ovl_bytes){.data = &letter, .size = 1}, &futures[i]),
                         0);
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, print_in_thread, (void *)"z"), 0);
    struct ovl_future *reader = NULL;
    assert_int_equal(ovl_submit(executor, read_lines, (struct ovl_bytes){0}, &reader), 0);
    for (int i = 0; i < WRITERS; i++)
        expect_error(futures[i], 0);
    void *printed;
    assert_int_equal(pthread_join(thread, &printed), 0);
    assert_null(printed);
    fclose(shared_stream);
    expect_error(reader, (WRITERS + 1) * LINES);
    tear_down();
}

enum { SPELLERS = 6, WORDS = 10, LETTERS = 8 };

/* Spells words, each under the stream's lock, which it takes twice, and gives way at each letter.
 */
static int spell(FILE *stream, char letter)
{
    for (int word = 0; word < WORDS; word++) {
        if (ftrylockfile(stream))
            flockfile(stream);
        for (int i = 0; i < LETTERS; i++) {
            flockfile(stream);
            fputc(letter, stream);
            funlockfile(stream);
            sched_yield();
        }
        fprintf(stream, "\n");
        funlockfile(stream);
        sched_yield();
    }
    return ferror(stream) ? -EIO : 0;
}

static int spell_in_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return spell(shared_stream, (char)*(const int *)item.data);
}

static void *spell_in_thread(void *letter)
{
    return (void *)(intptr_t)spell(shared_stream, *(const char *)letter);
}

/* Puts letters between, where the lock does not keep it from that: it never asks for it. */
static int put_lines(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    for (int i = 0; i < WORDS; i++) {
        if (fprintf(shared_stream, "%.*s\n", LETTERS, "pppppppp") != LETTERS + 1)
            return -EIO;
        sched_yield();
    }
    return 0;
}

/* How many words are whole: the letters of one speller each. */
static int count_words(FILE *stream)
{
    char line[LETTERS * WORDS];
    int words = 0;
    while (fgets(line, sizeof line, stream))
        words += strspn(line, (char[]){line[0], '\0'}) == LETTERS && line[LETTERS] == '\n';
    return words;
}

static void spell_to(FILE *written, FILE *read)
{
    shared_stream = written;
    set_up(SPELLERS);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, spell_in_thread, (void *)"z"), 0);
    struct ovl_future *futures[SPELLERS];
    futures[0] = submit(put_lines, 0);
    for (int i = 1; i < SPELLERS; i++)
        futures[i] = submit(spell_in_task, 'a' + i);
    for (int i = 0; i < SPELLERS; i++)
        expect_error(futures[i], 0);
    void *spelled;
    assert_int_equal(pthread_join(thread, &spelled), 0);
    assert_null(spelled);
    tear_down();
    assert_int_equal(fflush(written), 0);
    if (written == read)
        rewind(read);
    else
        assert_int_equal(fclose(written), 0);
    assert_int_equal(count_words(read), (SPELLERS + 1) * WORDS);
    fclose(read);
}

/* What flockfile locks is a coroutine's, as it is a thread's elsewhere: no word is torn. */
static void streams_are_locked_by_a_coroutine(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    spell_to(file, file);
    assert_int_equal(pipe(fds), 0);
    FILE *written = fdopen(fds[1], "w");
    FILE *read = fdopen(fds[0], "r");
    assert_non_null(written);
    assert_non_null(read);
    spell_to(written, read);
}

static int write_then_read(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    int end = *(const int *)item.data;
    for (int i = 0; i < 1000; i++) {
        int number = i;
        int got = -1;
        if (write(fds[end], &number, sizeof number) != sizeof number)
            return -EIO;
        if (read(fds[end], &got, sizeof got) != sizeof got || got != i)
            return -EBADMSG;
    }
    return 0;
}

static void coroutines_talk_to_each_other(void)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    set_up(2);
    struct ovl_future *one = submit(write_then_read, 0);
    struct ovl_future *other = submit(write_then_read, 1);
    expect_error(one, 0);
    expect_error(other, 0);
    tear_down();
    close(fds[0]);
    close(fds[1]);
}

/* errno belongs to the coroutine, not to the thread. */
static int keep_errno(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    int number = *(const int *)item.data;
    for (int i = 0; i < 50; i++) {
        errno = number;
        usleep(10);
        if (errno != number)
            return -EBADMSG;
    }
    return 0;
}

static void errno_is_each_coroutine_s_own(void)
{
    set_up(10);
    struct ovl_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = submit(keep_errno, 100 + i);
    for (int i = 0; i < 10; i++)
        expect_error(futures[i], 0);
    tear_down();
}

/* A child of a coroutine is no coroutine's affair: its calls are plain ones. */
static pid_t fork_and_run(void)
{
    pid_t child = fork();
    if (child == 0) {
        usleep(1);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    return child;
}

/* It ends as programs do, from within a coroutine, and what is to be done at the end is done. */
static pid_t fork_and_exit(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0 && SANITIZED)
        _exit(0);
    if (child == 0)
        exit(0);
    return child;
}

static pid_t vfork_and_run(void)
{
    pid_t child = vfork(); /* NOLINT: what is tested */
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    return child;
}

static pid_t spawn(void)
{
    char *command[] = {"true", NULL};
    char *environment[] = {NULL};
    pid_t child;
    int error = posix_spawn(&child, "/bin/true", NULL, NULL, command, environment);
    errno = error;
    return error ? -1 : child;
}

static pid_t (*const ways_to_start[])(void) = {fork_and_run, fork_and_exit, vfork_and_run, spawn};

static int start_and_wait(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    pid_t child = ways_to_start[*(const int *)item.data % 4]();
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -errno;
    return status;
}

static void coroutines_may_start_children(void)
{
    set_up(4);
    struct ovl_future *futures[8];
    for (int i = 0; i < 8; i++)
        futures[i] = submit(start_and_wait, i);
    for (int i = 0; i < 8; i++)
        expect_error(futures[i], 0);
    tear_down();
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(close_ends_another_s_wait),
        TEST_CASE(reused_number_is_not_mixed_up),
        TEST_CASE(many_read_from_one),
        TEST_CASE(many_print_to_one),
        TEST_CASE(streams_are_locked_by_a_coroutine),
        TEST_CASE(coroutines_talk_to_each_other),
        TEST_CASE(errno_is_each_coroutine_s_own),
        TEST_CASE(coroutines_may_start_children),
    };
    return run_cases("coroutines", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
