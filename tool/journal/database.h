/* The journal's file: what SQLite is asked to do. For journal.c alone. */
#ifndef TOOL_JOURNAL_DATABASE_H
#define TOOL_JOURNAL_DATABASE_H

#include "journal/journal.h"

/* Room for a sentence about what went wrong. */
#define DATABASE_MESSAGE_BYTES 512

/*
 * Two connections, each for one thread at a time: one writes, the other reads what was there at the
 * opening.
 */
struct database;

/* Returns 0 and *ret_database; or the exit code, with the reason in `message`. */
int database_open(const struct journal_options *options, struct database **ret_database,
                  char message[DATABASE_MESSAGE_BYTES]);
void database_close(struct database *database);

/* The highest id at the opening, and how many entries there were. */
int64_t database_last(const struct database *database);
size_t database_count(const struct database *database);

/* --- writing; each returns 0, or -1: then database_error tells why --- */

int database_begin(struct database *database);
int database_commit(struct database *database);
void database_roll_back(struct database *database);

int database_insert(struct database *database, const struct journal_entry *entry);

/* An entry that is to hold once a file with this device and inode is at `path`. */
struct database_intent {
    const char *path; /* absolute */
    uint64_t device;
    uint64_t inode;
};

int database_intend(struct database *database, const struct journal_entry *entry,
                    const struct database_intent *intent, int64_t *ret_id);

/* The intent becomes an entry; or is forgotten. */
int database_fulfil(struct database *database, int64_t intent);
int database_forget(struct database *database, int64_t intent);

const char *database_error(struct database *database);

/* --- reading --- */

/*
 * The first entry of this item with an id above `after` and of the opening's. Its strings lie in
 * *ret_memory, which the caller frees. Returns 1, 0 (none), or -1 (database_read_error).
 */
int database_find(struct database *database, struct ovl_bytes item, int64_t after, int64_t *ret_id,
                  struct journal_entry *ret_entry, void **ret_memory);

/* As journal_each; -1 also where the database cannot be read, and then *ret_error is set. */
int database_each(struct database *database, journal_visit_fn *visit, void *context,
                  bool *ret_error);

const char *database_read_error(struct database *database);

#endif
