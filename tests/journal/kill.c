/*
 * Proves that a kill at any moment costs no entry that was seen, and that a file and its entry
 * never come apart: a child records and publishes until it is killed, and what is left is looked
 * at. And that who was killed holds no lock by the children that it leaves.
 */
#include "journal/journal.h"

#include "command.h"

#include "support/cases.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <overlap.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS SCALE(40, 12)

static char folder[SCRATCH_BYTES];

static const struct journal_options options = {.path = "journal", .verb = "fetch"};

/* Publishes files f0, f1, … until it is killed, telling the parent of each that has ended. */
static void publish_until_killed(int first, int pipe)
{
    struct journal *journal;
    if (journal_open(&options, &journal))
        _exit(1);
    for (int n = first;; n++) {
        char from[32];
        char to[32];
        snprintf(from, sizeof from, "p%d", n);
        snprintf(to, sizeof to, "f%d", n);
        close(open(from, O_WRONLY | O_CREAT, 0666));
        struct journal_entry entry = {
            .item = {to, strlen(to)}, .done = true, .file = to, .bytes = 0, .cpu_seconds = -1};
        if (journal_publish(journal, &entry, from, to, false))
            _exit(2);
        if (write(pipe, &n, sizeof n) != sizeof n)
            _exit(3);
    }
}

static int count_entries(void *context, int64_t id, const struct journal_entry *entry)
{
    (void)id;
    ++*(int *)context;
    return access(entry->file, F_OK) == 0 ? 0 : 7; /* an entry without its file */
}

/* Files under final names; each must have its entry. */
static int files_with_entries(struct journal *journal, int limit)
{
    int files = 0;
    for (int n = 0; n < limit; n++) {
        char name[32];
        snprintf(name, sizeof name, "f%d", n);
        if (access(name, F_OK) < 0)
            continue;
        struct journal_found found;
        assert_int_equal(journal_find(journal, (struct ovl_bytes){name, strlen(name)}, &found), 1);
        journal_found_release(&found);
        files++;
    }
    return files;
}

static void a_file_and_its_entry_never_come_apart(void)
{
    int next = 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned seed = (unsigned)now.tv_nsec;
    print_message("seed %u\n", seed);
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            publish_until_killed(next, ends[1]);
        }
        close(ends[1]);
        int last = -1;
        /* Killed at some moment of its next publishing. */
        unsigned publishings = (unsigned)rand_r(&seed) % 5;
        for (unsigned n = 0; n <= publishings; n++)
            assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
        nanosleep(&(struct timespec){.tv_nsec = rand_r(&seed) % 1000000}, NULL);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &last, sizeof last) == sizeof last)
            ;
        close(ends[0]);

        struct journal *journal;
        assert_int_equal(journal_open(&options, &journal), 0);
        int entries = 0;
        assert_int_equal(journal_each(journal, count_entries, &entries), 0);
        int files = files_with_entries(journal, last + 2);
        if (files != entries || files < last + 1 - round)
            fail_msg("round %d: %d files, %d entries, %d seen", round, files, entries, last);
        journal_close(journal);
        next = last + 2; /* one may have been begun */
    }
}

/* Opens two journals, and has a child that tells of itself by `told`. Both stay until `held` ends.
 */
static void open_and_fork(const struct journal_options both[2], int told, int held)
{
    struct journal *journals[2];
    char byte = 0;
    for (int n = 0; n < 2; n++)
        if (journal_open(&both[n], &journals[n]))
            _exit(1);
    if (fork() == 0 && write(told, &byte, 1) != 1)
        _exit(1);
    _exit(read(held, &byte, 1) == 0 ? 0 : 1);
}

static void a_child_that_is_left_holds_no_lock(void)
{
    const struct journal_options both[2] = {{.path = "one", .verb = "fetch"},
                                            {.path = "other", .verb = "fetch"}};
    int told[2];
    int held[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(held), 0);
    pid_t owner = fork();
    if (owner == 0) {
        close(told[0]);
        close(held[1]);
        open_and_fork(both, told[1], held[0]);
    }
    close(told[1]);
    close(held[0]);
    assert_int_equal(read(told[0], &byte, 1), 1);

    /* As long as its owner is there, a journal is locked. */
    struct journal *journals[2];
    for (int n = 0; n < 2; n++)
        assert_int_equal(journal_open(&both[n], &journals[n]), EXIT_REFUSED);
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    for (int n = 0; n < 2; n++)
        assert_int_equal(journal_open(&both[n], &journals[n]), EXIT_DONE);
    for (int n = 0; n < 2; n++)
        journal_close(journals[n]);

    /* The child that was left was there all the time: it ends the pipe only now. */
    struct pollfd end = {.fd = told[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 0), 0);
    close(held[1]);
    assert_int_equal(read(told[0], &byte, 1), 0);
    close(told[0]);
}

static const struct test_case cases[] = {
    TEST_CASE(a_child_that_is_left_holds_no_lock),
    TEST_CASE(a_file_and_its_entry_never_come_apart),
};

int main(int argc, char **argv)
{
    char command[SCRATCH_BYTES + 16];
    if (!scratch_folder(folder, ANYWHERE) || chdir(folder) < 0)
        return EXIT_FAILURE;
    int failed = run_cases("journal_kill", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
