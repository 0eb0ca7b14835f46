/* A table from strings to pointers. */
#ifndef TOOL_FETCH_TABLE_H
#define TOOL_FETCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

/* NULL: no memory. */
struct table *table_new(void);

/* Calls `release`, where it is not NULL, for every value. */
void table_free(struct table *table, void (*release)(void *value));

/* The value; NULL: the key is not there. */
void *table_get(const struct table *table, const char *key);

/* Puts a key that is not there. The key must live as long as the table; the value is not NULL.
 * False: no memory. */
bool table_put(struct table *table, const char *key, void *value);

/* All values: those of the places from 0 below table_size, where a place may be empty: NULL. */
size_t table_size(const struct table *table);
void *table_at(const struct table *table, size_t place);

#endif
