/*
 * A thread writes: it takes all that waits, commits it in one transaction, and does the renames
 * between two, so that an intent is in the file before its rename, and the entry after it.
 */
#include "journal/journal.h"

#include "command.h"
#include "journal/claims.h"
#include "journal/database.h"
#include "journal/request.h"
#include "report/console.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long an entry waits for others to be written with it. */
#define LINGER_NS (20 * OVL_MILLISECOND)

/* How many bytes may wait to be written before journal_record waits too. */
#define QUEUE_BYTES (8u << 20)

struct journal {
    struct database *database;
    struct claims *claims;
    char *path;
    pthread_t writer;

    pthread_mutex_t reading; /* the database's reader, and the claims */

    pthread_mutex_t lock; /* all below */
    pthread_cond_t work;  /* there is something to write, or reason to hurry */
    pthread_cond_t room;  /* something was written */
    struct request *first;
    struct request **last;
    size_t queued_bytes;
    bool hurry; /* somebody waits for what is queued */
    bool closing;
    bool failed;
};

/* --- writing --- */

static void fail(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    bool first = !journal->failed;
    journal->failed = true;
    pthread_mutex_unlock(&journal->lock);
    if (first)
        console_error("--journal %s: cannot write to it: %s; make room, and call again: what it "
                      "has will not be repeated",
                      journal->path, database_error(journal->database));
}

static int intend(struct journal *journal, struct request *request)
{
    struct stat status;
    if (stat(request->from, &status) < 0) {
        request->result = -errno;
        return 0;
    }
    struct database_intent intent = {
        .path = request->to, .device = status.st_dev, .inode = status.st_ino};
    return database_intend(journal->database, &request->entry, &intent, &request->intent);
}

/* First transaction: entries, and what is intended. Returns whether anything is. */
static int write_first(struct journal *journal, struct request *batch, bool *ret_intended)
{
    *ret_intended = false;
    if (database_begin(journal->database))
        return -1;
    for (struct request *request = batch; request; request = request->next) {
        int error = request->from ? intend(journal, request)
                                  : database_insert(journal->database, &request->entry);
        if (error) {
            /* The reason is kept: a roll-back has none. */
            fail(journal);
            database_roll_back(journal->database);
            return -1;
        }
        *ret_intended |= request->intent != 0;
    }
    return database_commit(journal->database);
}

static void rename_one(struct request *request)
{
    int result = request->replace
                     ? rename(request->from, request->to)
                     : renameat2(AT_FDCWD, request->from, AT_FDCWD, request->to, RENAME_NOREPLACE);
    /* A file system that does not know the flag: a link fails where the name is taken. */
    if (result < 0 && errno == EINVAL && !request->replace) {
        result = link(request->from, request->to);
        if (!result)
            unlink(request->from);
    }
    request->result = result < 0 ? -errno : 0;
}

/* Second transaction: what was intended has become so, or not. */
static int write_second(struct journal *journal, struct request *batch)
{
    if (database_begin(journal->database))
        return -1;
    for (struct request *request = batch; request; request = request->next) {
        if (!request->intent)
            continue;
        int error = !request->result && database_fulfil(journal->database, request->intent);
        if (error || database_forget(journal->database, request->intent)) {
            fail(journal);
            database_roll_back(journal->database);
            return -1;
        }
    }
    return database_commit(journal->database);
}

static void answer(struct request *batch, bool failed)
{
    while (batch) {
        struct request *request = batch;
        batch = request->next;
        if (failed)
            request->result = -EIO;
        if (request->ended)
            ovl_event_set(request->ended);
        request_drop(request);
    }
}

static void write_batch(struct journal *journal, struct request *batch)
{
    bool intended;
    int error = write_first(journal, batch, &intended);
    if (!error && intended) {
        for (struct request *request = batch; request; request = request->next)
            if (request->intent)
                rename_one(request);
        error = write_second(journal, batch);
    }
    if (error)
        fail(journal);
    answer(batch, error != 0);
}

/* Waits for something to write, and a little longer for more. NULL: the journal is closing. */
static struct request *take_batch(struct journal *journal)
{
    while (!journal->first && !journal->closing)
        pthread_cond_wait(&journal->work, &journal->lock);
    struct timespec until;
    ovl_time due = ovl_after(LINGER_NS);
    until.tv_sec = due / OVL_SECOND;
    until.tv_nsec = due % OVL_SECOND;
    while (journal->first && !journal->hurry && !journal->closing &&
           journal->queued_bytes < QUEUE_BYTES / 2)
        if (pthread_cond_timedwait(&journal->work, &journal->lock, &until) == ETIMEDOUT)
            break;
    struct request *batch = journal->first;
    journal->first = NULL;
    journal->last = &journal->first;
    journal->queued_bytes = 0;
    journal->hurry = false;
    return batch;
}

static void *write_all(void *argument)
{
    struct journal *journal = argument;
    pthread_mutex_lock(&journal->lock);
    for (;;) {
        struct request *batch = take_batch(journal);
        if (!batch)
            break;
        bool failed = journal->failed;
        pthread_cond_broadcast(&journal->room);
        pthread_mutex_unlock(&journal->lock);
        if (failed)
            answer(batch, true);
        else
            write_batch(journal, batch);
        pthread_mutex_lock(&journal->lock);
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

/* --- asking for it --- */

static int enqueue(struct journal *journal, struct request *request)
{
    pthread_mutex_lock(&journal->lock);
    while (journal->queued_bytes >= QUEUE_BYTES && !journal->failed)
        pthread_cond_wait(&journal->room, &journal->lock);
    bool failed = journal->failed;
    if (!failed) {
        bool first = !journal->first;
        *journal->last = request;
        journal->last = &request->next;
        journal->queued_bytes += request->size;
        journal->hurry |= request->ended != NULL;
        if (first || journal->hurry || journal->queued_bytes >= QUEUE_BYTES / 2)
            pthread_cond_signal(&journal->work);
    }
    pthread_mutex_unlock(&journal->lock);
    return failed ? -EIO : 0;
}

int journal_record(struct journal *journal, const struct journal_entry *entry)
{
    struct request *request = request_new(entry, NULL, NULL);
    if (!request)
        return -ENOMEM;
    int error = enqueue(journal, request);
    if (error)
        request_drop(request);
    return error;
}

/* A path as any later process would find it. The caller frees it; NULL: no memory. */
static char *absolute(const char *path)
{
    if (path[0] == '/')
        return strdup(path);
    char *folder = getcwd(NULL, 0);
    char *whole;
    if (!folder || asprintf(&whole, "%s/%s", folder, path) < 0)
        whole = NULL;
    free(folder);
    return whole;
}

/*
 * The request's end is waited for whatever happens: the file may be renamed at any moment until
 * then. A coroutine whose scope was cancelled cannot give way any more, and waits as a thread does.
 */
static void await(struct request *request)
{
    while (ovl_event_wait(request->ended, OVL_FOREVER))
        if (!ovl_event_is_set(request->ended))
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

int journal_publish(struct journal *journal, const struct journal_entry *entry, const char *from,
                    const char *to, bool replace)
{
    char *target = absolute(to);
    struct request *request = target ? request_new(entry, from, target) : NULL;
    free(target);
    if (!request)
        return -ENOMEM;
    request->replace = replace;
    int error = ovl_event_open(&request->ended);
    if (!error) {
        atomic_store(&request->references, 2);
        error = enqueue(journal, request);
        if (error)
            request_drop(request);
    }
    if (!error) {
        await(request);
        error = request->result;
    }
    request_drop(request);
    return error;
}

bool journal_failed(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    bool failed = journal->failed;
    pthread_mutex_unlock(&journal->lock);
    return failed;
}

/* --- reading --- */

static void complain_reading(struct journal *journal)
{
    console_error("--journal %s: cannot read it: %s; move it away and begin anew", journal->path,
                  database_read_error(journal->database));
}

int journal_find(struct journal *journal, struct ovl_bytes item, struct journal_found *ret_found)
{
    if (!journal_count(journal))
        return 0;
    pthread_mutex_lock(&journal->reading);
    int64_t after = claims_begin(journal->claims, item);
    int found;
    for (;;) {
        found = database_find(journal->database, item, after, &ret_found->id, &ret_found->entry,
                              &ret_found->memory);
        if (found != 1)
            break;
        after = ret_found->id;
        if (claims_take(journal->claims, item, after)) {
            ret_found->entry.item = item;
            break;
        }
        free(ret_found->memory);
    }
    if (found < 0)
        complain_reading(journal);
    pthread_mutex_unlock(&journal->reading);
    return found;
}

void journal_found_release(struct journal_found *found)
{
    free(found->memory);
    found->memory = NULL;
}

int journal_each(struct journal *journal, journal_visit_fn *visit, void *context)
{
    bool error;
    pthread_mutex_lock(&journal->reading);
    int result = database_each(journal->database, visit, context, &error);
    if (error)
        complain_reading(journal);
    pthread_mutex_unlock(&journal->reading);
    return result;
}

size_t journal_count(const struct journal *journal)
{
    return database_count(journal->database);
}

/* --- opening and closing --- */

static void release(struct journal *journal)
{
    pthread_cond_destroy(&journal->work);
    pthread_cond_destroy(&journal->room);
    pthread_mutex_destroy(&journal->lock);
    pthread_mutex_destroy(&journal->reading);
    if (journal->database)
        database_close(journal->database);
    claims_free(journal->claims);
    free(journal->path);
    free(journal);
}

static struct journal *new_journal(const char *path)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_mutex_init(&journal->reading, NULL);
    pthread_cond_init(&journal->work, &monotonic);
    pthread_cond_init(&journal->room, NULL);
    pthread_condattr_destroy(&monotonic);
    journal->last = &journal->first;
    journal->path = strdup(path);
    if (!journal->path) {
        release(journal);
        return NULL;
    }
    return journal;
}

/* The writer takes no signals: they are the command's. */
static int start_writer(struct journal *journal)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&journal->writer, NULL, write_all, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int journal_open(const struct journal_options *options, struct journal **ret_journal)
{
    char message[DATABASE_MESSAGE_BYTES];
    struct journal *journal = new_journal(options->path);
    if (!journal) {
        console_error("--journal %s: out of memory", options->path);
        return EXIT_REFUSED;
    }
    int code = database_open(options, &journal->database, message);
    int error = code ? 0 : claims_new(database_last(journal->database), &journal->claims);
    if (error) {
        snprintf(message, sizeof message, "--journal %s: %s", options->path,
                 error == -ERANGE ? "damaged: its entries have numbers that are none of overlap's; "
                                    "move it away and begin anew"
                                  : "out of memory");
        code = EXIT_REFUSED;
    }
    if (!code && start_writer(journal)) {
        snprintf(message, sizeof message, "--journal %s: no thread is to be had to write it",
                 options->path);
        code = EXIT_REFUSED;
    }
    if (code) {
        console_error("%s", message);
        release(journal);
        return code;
    }
    *ret_journal = journal;
    return EXIT_DONE;
}

int journal_close(struct journal *journal)
{
    if (!journal)
        return EXIT_DONE;
    pthread_mutex_lock(&journal->lock);
    journal->closing = true;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->writer, NULL);
    int code = journal->failed ? EXIT_REFUSED : EXIT_DONE;
    release(journal);
    return code;
}
