/* An entry as a row of the journal's tables. For database.c alone. */
#ifndef TOOL_JOURNAL_ROW_H
#define TOOL_JOURNAL_ROW_H

#include "journal/journal.h"

#include <sqlite3.h>

/* What the tables of entries share, in the order in which the functions below go. */
#define ROW_COLUMNS                                                                                \
    "item, exit, signal, status, start, seconds, cpu_seconds, attempts, done, bytes, error, "      \
    "file, etag, last_modified, checksum, command"
#define ROW_COLUMN_COUNT 16
#define ROW_TYPES                                                                                  \
    "item NOT NULL, exit INTEGER, signal INTEGER, status INTEGER, start REAL, seconds REAL, "      \
    "cpu_seconds REAL, attempts INTEGER, done INTEGER NOT NULL, bytes INTEGER, error, file, "      \
    "etag, last_modified, checksum, command"

/* NULL where there is no text; a blob where it is no UTF-8. It must stay until the statement is
 * reset. */
void row_bind_string(sqlite3_stmt *statement, int column, const char *text);

/* An item of no bytes has no address, and is not NULL all the same. */
void row_bind_item(sqlite3_stmt *statement, int column, struct ovl_bytes item);

/* Binds ROW_COLUMNS, and behind them the id of the entry that this one replaces. */
void row_bind_entry(sqlite3_stmt *statement, const struct journal_entry *entry);

/*
 * Reads a row that begins with ROW_COLUMNS. Its strings lie in *ret_memory, which the caller frees.
 * Returns 0, or -1: there is no memory.
 */
int row_take_entry(sqlite3_stmt *row, struct journal_entry *ret_entry, void **ret_memory);

#endif
