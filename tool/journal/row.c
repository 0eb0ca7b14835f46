#include "journal/row.h"

#include "report/utf8.h"

#include <stdlib.h>
#include <string.h>

static void bind_text(sqlite3_stmt *statement, int column, const char *text, size_t size)
{
    if (!text)
        sqlite3_bind_null(statement, column);
    else if (utf8_is_valid(text, size) && !memchr(text, 0, size))
        sqlite3_bind_text64(statement, column, text, size, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_blob64(statement, column, text, size, SQLITE_STATIC);
}

void row_bind_string(sqlite3_stmt *statement, int column, const char *text)
{
    bind_text(statement, column, text, text ? strlen(text) : 0);
}

static void bind_unless(sqlite3_stmt *statement, int column, int64_t value, bool absent)
{
    if (absent)
        sqlite3_bind_null(statement, column);
    else
        sqlite3_bind_int64(statement, column, value);
}

void row_bind_item(sqlite3_stmt *statement, int column, struct ovl_bytes item)
{
    bind_text(statement, column, item.data ? item.data : "", item.size);
}

void row_bind_entry(sqlite3_stmt *statement, const struct journal_entry *entry)
{
    row_bind_item(statement, 1, entry->item);
    bind_unless(statement, 2, entry->exit, entry->exit < 0);
    bind_unless(statement, 3, entry->signal, !entry->signal);
    bind_unless(statement, 4, entry->status, !entry->status);
    sqlite3_bind_double(statement, 5, entry->start);
    sqlite3_bind_double(statement, 6, entry->seconds);
    if (entry->cpu_seconds < 0)
        sqlite3_bind_null(statement, 7);
    else
        sqlite3_bind_double(statement, 7, entry->cpu_seconds);
    sqlite3_bind_int64(statement, 8, entry->attempts);
    sqlite3_bind_int64(statement, 9, entry->done);
    bind_unless(statement, 10, entry->bytes, entry->bytes < 0);
    row_bind_string(statement, 11, entry->error);
    row_bind_string(statement, 12, entry->file);
    row_bind_string(statement, 13, entry->etag);
    row_bind_string(statement, 14, entry->last_modified);
    row_bind_string(statement, 15, entry->checksum);
    row_bind_string(statement, 16, entry->command);
    bind_unless(statement, ROW_COLUMN_COUNT + 1, entry->replaces, !entry->replaces);
}

/* The strings of a row, one after the other, each with a zero at its end. */
struct strings {
    char *memory;
    size_t size;
};

static int column_int(sqlite3_stmt *row, int column, int absent)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? absent
                                                           : sqlite3_column_int(row, column);
}

static size_t strings_size(sqlite3_stmt *row)
{
    size_t size = 0;
    for (int column = 10; column < ROW_COLUMN_COUNT; column++)
        size += (size_t)sqlite3_column_bytes(row, column) + 1;
    return size + (size_t)sqlite3_column_bytes(row, 0) + 1;
}

static const char *keep(struct strings *strings, sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return NULL;
    const void *data = sqlite3_column_blob(row, column);
    size_t size = (size_t)sqlite3_column_bytes(row, column);
    char *text = strings->memory + strings->size;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    strings->size += size + 1;
    return text;
}

int row_take_entry(sqlite3_stmt *row, struct journal_entry *ret_entry, void **ret_memory)
{
    struct strings strings = {.memory = malloc(strings_size(row))};
    if (!strings.memory)
        return -1;
    *ret_memory = strings.memory;
    size_t item_size = (size_t)sqlite3_column_bytes(row, 0);
    *ret_entry = (struct journal_entry){
        .exit = column_int(row, 1, -1),
        .signal = column_int(row, 2, 0),
        .status = column_int(row, 3, 0),
        .start = sqlite3_column_double(row, 4),
        .seconds = sqlite3_column_double(row, 5),
        .cpu_seconds =
            sqlite3_column_type(row, 6) == SQLITE_NULL ? -1 : sqlite3_column_double(row, 6),
        .attempts = (unsigned)sqlite3_column_int(row, 7),
        .done = sqlite3_column_int(row, 8) != 0,
        .bytes = sqlite3_column_type(row, 9) == SQLITE_NULL ? -1 : sqlite3_column_int64(row, 9),
    };
    ret_entry->item = (struct ovl_bytes){keep(&strings, row, 0), item_size};
    ret_entry->error = keep(&strings, row, 10);
    ret_entry->file = keep(&strings, row, 11);
    ret_entry->etag = keep(&strings, row, 12);
    ret_entry->last_modified = keep(&strings, row, 13);
    ret_entry->checksum = keep(&strings, row, 14);
    ret_entry->command = keep(&strings, row, 15);
    return 0;
}
