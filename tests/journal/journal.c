/* Proves what the journal promises: entries, equal items, renames, and what it refuses. */
#include "journal/journal.h"

#include "command.h"
#include "support/cases.h"
#include "support/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[SCRATCH_BYTES];

static struct ovl_bytes bytes(const char *text)
{
    return (struct ovl_bytes){text, strlen(text)};
}

static struct journal_options options_of(const char *path)
{
    return (struct journal_options){.path = path, .verb = "run", .command = "true {}"};
}

static struct journal *open_at(const char *path)
{
    struct journal_options options = options_of(path);
    struct journal *journal;
    assert_int_equal(journal_open(&options, &journal), 0);
    return journal;
}

static struct journal_entry entry_of(const char *item)
{
    return (struct journal_entry){.item = bytes(item),
                                  .done = true,
                                  .start = 1.5,
                                  .seconds = 0.25,
                                  .cpu_seconds = 0.125,
                                  .attempts = 1,
                                  .bytes = -1};
}

/* Runs a query on a file that may be in use; returns the first number. */
static int64_t query(const char *path, const char *text)
{
    sqlite3 *connection;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(connection, text, -1, &statement, NULL), SQLITE_OK);
    int64_t number = -1;
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(connection);
    return number;
}

static bool find(struct journal *journal, const char *item)
{
    struct journal_found found;
    int result = journal_find(journal, bytes(item), &found);
    assert_true(result >= 0);
    if (result)
        journal_found_release(&found);
    return result;
}

static void an_entry_comes_back_as_it_was(void)
{
    struct journal *journal = open_at("as-it-was");
    assert_int_equal(journal_count(journal), 0);
    struct journal_entry entry = entry_of("an item\nof two lines");
    entry.done = false;
    entry.exit = 7;
    entry.signal = 0;
    entry.status = 404;
    entry.attempts = 3;
    entry.bytes = 1 << 20;
    entry.error = "exit code 7";
    entry.file = "out/caf\xc3\xa9";
    entry.etag = "\"abc\"";
    entry.last_modified = "Thu, 01 Jan 1970 00:00:00 GMT";
    entry.checksum = "sha256:00ff";
    entry.command = "true '\xff'";
    assert_int_equal(journal_record(journal, &entry), 0);
    assert_int_equal(journal_close(journal), 0);

    journal = open_at("as-it-was");
    assert_int_equal(journal_count(journal), 1);
    struct journal_found found;
    assert_int_equal(journal_find(journal, entry.item, &found), 1);
    assert_false(found.entry.done);
    assert_int_equal(found.entry.exit, 7);
    assert_int_equal(found.entry.signal, 0);
    assert_int_equal(found.entry.status, 404);
    assert_int_equal(found.entry.attempts, 3);
    assert_int_equal(found.entry.bytes, 1 << 20);
    assert_true(found.entry.start == 1.5 && found.entry.seconds == 0.25);
    assert_true(found.entry.cpu_seconds == 0.125);
    assert_string_equal(found.entry.error, entry.error);
    assert_string_equal(found.entry.file, entry.file);
    assert_string_equal(found.entry.etag, entry.etag);
    assert_string_equal(found.entry.last_modified, entry.last_modified);
    assert_string_equal(found.entry.checksum, entry.checksum);
    assert_string_equal(found.entry.command, entry.command);
    journal_found_release(&found);
    journal_close(journal);
}

static void equal_items_are_separate_tasks(void)
{
    struct journal *journal = open_at("equal");
    struct journal_entry entry = entry_of("same");
    struct journal_entry other = entry_of("other");
    for (int n = 0; n < 3; n++) {
        assert_int_equal(journal_record(journal, &entry), 0);
        assert_int_equal(journal_record(journal, &other), 0);
    }
    assert_false(find(journal, "same")); /* what this call recorded is not what it finds */
    journal_close(journal);

    journal = open_at("equal");
    for (int n = 0; n < 3; n++)
        assert_true(find(journal, "same"));
    assert_false(find(journal, "same"));
    assert_true(find(journal, "other"));
    assert_int_equal(journal_record(journal, &entry), 0);
    assert_false(find(journal, "same"));
    journal_close(journal);
    assert_int_equal(query("equal", "SELECT count(*) FROM tasks WHERE item = 'same'"), 4);
}

static void a_task_that_ran_again_has_one_entry(void)
{
    struct journal *journal = open_at("again");
    struct journal_entry entry = entry_of("x");
    entry.done = false;
    entry.exit = 1;
    journal_record(journal, &entry);
    journal_close(journal);

    journal = open_at("again");
    struct journal_found found;
    assert_int_equal(journal_find(journal, bytes("x"), &found), 1);
    entry.done = true;
    entry.exit = 0;
    entry.replaces = found.id;
    journal_record(journal, &entry);
    journal_found_release(&found);
    journal_close(journal);
    assert_int_equal(query("again", "SELECT count(*) FROM tasks"), 1);
    assert_int_equal(query("again", "SELECT exit FROM tasks"), 0);
}

static void items_are_any_bytes(void)
{
    static const struct ovl_bytes items[] = {
        {"", 0},     {"\0", 1},       {"a\0b", 3},
        {"a\0c", 3}, {"\xff\xfe", 2}, {"'; DROP TABLE tasks; --", 23},
    };
    struct journal *journal = open_at("any");
    for (size_t n = 0; n < COUNT_OF(items); n++) {
        struct journal_entry entry = entry_of("");
        entry.item = items[n];
        assert_int_equal(journal_record(journal, &entry), 0);
    }
    journal_close(journal);
    journal = open_at("any");
    for (size_t n = 0; n < COUNT_OF(items); n++) {
        struct journal_found found;
        assert_int_equal(journal_find(journal, items[n], &found), 1);
        journal_found_release(&found);
        assert_int_equal(journal_find(journal, items[n], &found), 0);
    }
    journal_close(journal);
}

static void an_entry_is_there_while_the_journal_is_open(void)
{
    struct journal *journal = open_at("soon");
    struct journal_entry entry = entry_of("x");
    ovl_time began = ovl_now();
    journal_record(journal, &entry);
    while (query("soon", "SELECT count(*) FROM tasks") == 0)
        assert_true(ovl_now() - began < PATIENCE_NS);
    journal_close(journal);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void a_rename_and_its_entry_come_together(void)
{
    struct journal *journal = open_at("renames");
    struct journal_entry entry = entry_of("x");
    entry.file = "final";
    write_file("part", "one");
    assert_int_equal(journal_publish(journal, &entry, "part", "final", false), 0);
    assert_true(exists("final") && !exists("part"));
    assert_int_equal(query("renames", "SELECT count(*) FROM tasks WHERE file = 'final'"), 1);
    assert_int_equal(query("renames", "SELECT count(*) FROM intents"), 0);

    write_file("part", "two");
    assert_int_equal(journal_publish(journal, &entry, "part", "final", false), -EEXIST);
    assert_true(exists("part"));
    assert_int_equal(journal_publish(journal, &entry, "absent", "other", true), -ENOENT);
    assert_int_equal(query("renames", "SELECT count(*) FROM tasks"), 1);
    assert_int_equal(journal_publish(journal, &entry, "part", "final", true), 0);
    assert_int_equal(query("renames", "SELECT count(*) FROM tasks"), 2);
    assert_int_equal(query("renames", "SELECT count(*) FROM intents"), 0);
    journal_close(journal);
}

#define PUBLISHERS 200

static struct journal *shared;

static int publish_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    char from[32];
    char to[32];
    const int *number = item.data;
    snprintf(from, sizeof from, "p%d", *number);
    snprintf(to, sizeof to, "f%d", *number);
    int fd = open(from, O_WRONLY | O_CREAT, 0666);
    if (fd < 0)
        return -errno;
    close(fd);
    struct journal_entry entry = entry_of(to);
    entry.file = to;
    return journal_publish(shared, &entry, from, to, false);
}

/* Coroutines of one thread publish at once: one that waits gives way to the others. */
static void many_coroutines_publish_at_once(void)
{
    shared = open_at("many");
    int numbers[PUBLISHERS];
    for (int n = 0; n < PUBLISHERS; n++)
        numbers[n] = n;
    struct ovl_executor *executor;
    struct ovl_options options = {.workers = PUBLISHERS};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    assert_int_equal(
        ovl_map(executor, publish_task, numbers, sizeof *numbers, NULL, 0, PUBLISHERS, NULL), 0);
    ovl_executor_close(executor, OVL_FOREVER);
    journal_close(shared);
    assert_int_equal(query("many", "SELECT count(*) FROM tasks"), PUBLISHERS);
}

/* Opens it with standard error in a file, and gives what was said. */
static int refused(const struct journal_options *options, char said[1024])
{
    struct journal *journal;
    int before = dup(STDERR_FILENO);
    int file = open("said", O_RDWR | O_CREAT | O_TRUNC, 0666);
    dup2(file, STDERR_FILENO);
    int code = journal_open(options, &journal);
    dup2(before, STDERR_FILENO);
    close(before);
    ssize_t size = pread(file, said, 1023, 0);
    said[size > 0 ? size : 0] = '\0';
    close(file);
    if (!code)
        journal_close(journal);
    return code;
}

static void assert_refused(const struct journal_options *options, int code, const char *why)
{
    char said[1024];
    assert_int_equal(refused(options, said), code);
    if (!strstr(said, why) || !strstr(said, options->path))
        fail_msg("%s: said: %s", why, said);
}

static void what_is_no_journal_is_refused_and_left_alone(void)
{
    struct journal_options text = options_of("text");
    write_file("text", "an important letter");
    assert_refused(&text, EXIT_REFUSED, "not a journal");
    struct stat status;
    assert_int_equal(stat("text", &status), 0);
    assert_int_equal(status.st_size, strlen("an important letter"));

    struct journal_options foreign = options_of("foreign");
    sqlite3 *connection;
    assert_int_equal(sqlite3_open("foreign", &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "CREATE TABLE tasks(a)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(connection);
    assert_refused(&foreign, EXIT_REFUSED, "not a journal");

    mkdir("folder", 0777);
    struct journal_options directory = options_of("folder");
    assert_refused(&directory, EXIT_REFUSED, "cannot open it");
    struct journal_options absent = options_of("nowhere/journal");
    assert_refused(&absent, EXIT_REFUSED, "No such file");
    mkfifo("pipe", 0666);
    struct journal_options pipe = options_of("pipe");
    assert_refused(&pipe, EXIT_REFUSED, "not a regular file");
}

static void change(const char *path, const char *sql)
{
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(connection);
}

static void a_journal_of_another_kind_is_refused(void)
{
    journal_close(open_at("kinds"));
    struct journal_options verb = {.path = "kinds", .verb = "fetch"};
    assert_refused(&verb, EXIT_REFUSED, "overlap run");
    struct journal_options command = {.path = "kinds", .verb = "run", .command = "false"};
    assert_refused(&command, EXIT_USAGE, "another command (true {})");
    command.any_command = true;
    char said[1024];
    assert_int_equal(refused(&command, said), 0);

    change("kinds", "PRAGMA user_version = 99");
    struct journal_options newer = options_of("kinds");
    assert_refused(&newer, EXIT_REFUSED, "newer");
    change("kinds", "PRAGMA user_version = 1; DROP TABLE tasks");
    assert_int_equal(refused(&newer, said), EXIT_REFUSED);
}

/* Every page of a good journal is spoilt in turn: a clear error, or a journal that works. */
static void a_damaged_journal_is_no_crash(void)
{
    struct journal *journal = open_at("sound");
    char item[32];
    for (int n = 0; n < 500; n++) {
        snprintf(item, sizeof item, "item %d", n);
        struct journal_entry entry = entry_of(item);
        journal_record(journal, &entry);
    }
    journal_close(journal);
    static char whole[1 << 20];
    int fd = open("sound", O_RDONLY);
    ssize_t size = read(fd, whole, sizeof whole);
    close(fd);
    assert_true(size > 8192 && size < (ssize_t)sizeof whole);
    int refusals = 0;
    for (ssize_t at = 0; at < size; at += 1024) {
        static char spoilt[1 << 20];
        char said[1024];
        memcpy(spoilt, whole, (size_t)size);
        memset(spoilt + at, 0x5a, size - at < 512 ? (size_t)(size - at) : 512);
        fd = open("spoilt", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        assert_int_equal(write(fd, spoilt, (size_t)size), size);
        close(fd);
        struct journal_options options = options_of("spoilt");
        int code = refused(&options, said);
        assert_true(code == EXIT_DONE || (code == EXIT_REFUSED && *said));
        refusals += code != EXIT_DONE;
        unlink("spoilt-wal");
        unlink("spoilt-shm");
    }
    assert_true(refusals > 3);
}

static void two_at_once_are_refused(void)
{
    struct journal *journal = open_at("locked");
    struct journal_options options = options_of("locked");
    assert_refused(&options, EXIT_REFUSED, "another overlap uses it now");
    journal_close(journal);
    char said[1024];
    assert_int_equal(refused(&options, said), 0);
}

static int stop_at_second(void *context, int64_t id, const struct journal_entry *entry)
{
    int *visited = context;
    assert_int_equal(id, *visited + 1);
    assert_int_equal(entry->item.size, 1);
    return ++*visited == 2 ? 5 : 0;
}

static void entries_are_visited_in_order(void)
{
    struct journal *journal = open_at("visits");
    const char *items[] = {"a", "b", "c"};
    for (int n = 0; n < 3; n++) {
        struct journal_entry entry = entry_of(items[n]);
        journal_record(journal, &entry);
    }
    journal_close(journal);
    journal = open_at("visits");
    int visited = 0;
    assert_int_equal(journal_each(journal, stop_at_second, &visited), 5);
    assert_int_equal(visited, 2);
    journal_close(journal);
}

static const struct test_case cases[] = {
    TEST_CASE(an_entry_comes_back_as_it_was),
    TEST_CASE(equal_items_are_separate_tasks),
    TEST_CASE(a_task_that_ran_again_has_one_entry),
    TEST_CASE(items_are_any_bytes),
    TEST_CASE(an_entry_is_there_while_the_journal_is_open),
    TEST_CASE(a_rename_and_its_entry_come_together),
    TEST_CASE(many_coroutines_publish_at_once),
    TEST_CASE(what_is_no_journal_is_refused_and_left_alone),
    TEST_CASE(a_journal_of_another_kind_is_refused),
    TEST_CASE(a_damaged_journal_is_no_crash),
    TEST_CASE(two_at_once_are_refused),
    TEST_CASE(entries_are_visited_in_order),
};

int main(int argc, char **argv)
{
    char command[SCRATCH_BYTES + 16];
    if (!scratch_folder(folder, ANYWHERE) || chdir(folder) < 0)
        return EXIT_FAILURE;
    int failed = run_cases("journal", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
