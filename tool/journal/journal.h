/*
 * The journal: what became of each task, in an SQLite file that survives kill -9.
 *
 * The file has a table `tasks`, a row for each task that has ended: item, exit or status, seconds
 * and the other columns of database.c; whoever has SQLite reads it, also while it is written. An
 * entry is in the file 100 ms after it was recorded at the latest, and stays there whatever ends
 * the process. A task that has not ended has no row.
 *
 * Equal items are separate tasks: of five rows for one item, five tasks of a later call find one
 * each.
 *
 * Threads: any, unless a function says otherwise; a coroutine gives way where it waits. Not in a
 * process forked since the journal was opened (a worker of `processes`): leave it to the parent.
 */
#ifndef TOOL_JOURNAL_JOURNAL_H
#define TOOL_JOURNAL_JOURNAL_H

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

struct journal_options {
    const char *path;
    const char *verb;    /* "run": a journal of another verb is refused */
    const char *command; /* what is done with every item, in words; NULL: there is none */
    bool any_command;    /* take a journal of another command */
    bool durable;        /* survive a power failure too, at the price of a disk flush each commit */
};

/* What became of one task. Strings may be any bytes but zero; NULL: it has none. */
struct journal_entry {
    struct ovl_bytes item; /* as given */
    int64_t replaces;      /* the id of the entry whose task ran again; 0: none */
    bool done;             /* it succeeded */
    int exit;              /* its exit code; -1: none */
    int signal;            /* that ended it; 0: none */
    int status;            /* the server's; 0: none */
    double start;          /* seconds since 1970 */
    double seconds;        /* from its start to its end */
    double cpu_seconds;    /* negative: not measured */
    unsigned attempts;     /* how often it was begun */
    int64_t bytes;         /* how large its result is; -1: unknown */
    const char *error;     /* why it failed */
    const char *file;      /* its result's final name */
    const char *etag;      /* as the server gave them */
    const char *last_modified;
    const char *checksum;
    const char *command; /* as it was run */
};

/*
 * Opens a journal, and makes one where there is none. It is locked until journal_close: a second
 * process that opens it is refused.
 *
 * Returns 0 and *ret_journal; or, once it has said what is wrong and what to do, EXIT_REFUSED
 * (cannot be opened, locked, no journal, damaged, of a newer version, of another verb) or
 * EXIT_USAGE (of another command). Threads: any.
 */
int journal_open(const struct journal_options *options, struct journal **ret_journal);

/*
 * Writes what is still to be written, and ends the journal. NULL is allowed.
 *
 * Returns 0, or EXIT_REFUSED once it has said that entries could not be written.
 */
int journal_close(struct journal *journal);

/* How many entries there were when it was opened. */
size_t journal_count(const struct journal *journal);

/* An entry that was there when the journal was opened. */
struct journal_found {
    int64_t id; /* for `replaces` */
    struct journal_entry entry;
    void *memory; /* the entry's strings lie here */
};

/*
 * Finds an entry of this item that was there when the journal was opened and was not found before.
 * The item's bytes in ret_found->entry are the caller's.
 *
 * Returns 1 and *ret_found, for journal_found_release; 0: there is none; -1 once it has said that
 * the journal cannot be read.
 */
int journal_find(struct journal *journal, struct ovl_bytes item, struct journal_found *ret_found);

void journal_found_release(struct journal_found *found);

/*
 * Visits the entries that were there when the journal was opened, in the order in which they were
 * recorded, until `visit` returns anything but 0. The entry is valid during the call, and nothing
 * of the journal may be called in it.
 *
 * Returns what `visit` returned last, 0 where there are none; -1 once it has said that the journal
 * cannot be read.
 */
typedef int journal_visit_fn(void *context, int64_t id, const struct journal_entry *entry);
int journal_each(struct journal *journal, journal_visit_fn *visit, void *context);

/*
 * Records the end of a task. It is written within 100 ms, many at a time; where so many wait to be
 * written that memory would grow, the call waits.
 *
 * Ownership: everything is copied.
 * Errors: -ENOMEM; -EIO: the journal cannot be written (a full disk), which was said once. The
 *   caller is to begin nothing more, and exit with EXIT_REFUSED.
 */
int journal_record(struct journal *journal, const struct journal_entry *entry);

/*
 * Renames a finished file to its final name and records its task, so that the two cannot come
 * apart: the intent is in the journal before the rename, and a process that is killed between them
 * leaves what the next journal_open completes: either the file is still at `from` and its task has
 * no entry, or it is at `to` and has one. Waits until the entry is in the file. Both names must
 * be in one file system, and `to` is what the entry's `file` should say.
 *
 * `replace`: a file that is at `to` is replaced; otherwise that is -EEXIST.
 *
 * Errors: -errno of the rename, after which the file is at `from` and nothing is recorded; -ENOMEM
 *   and -EIO as journal_record, after which it may be at either.
 */
int journal_publish(struct journal *journal, const struct journal_entry *entry, const char *from,
                    const char *to, bool replace);

/* Whether an entry could not be written; what is wrong has been said. */
bool journal_failed(struct journal *journal);

#endif
