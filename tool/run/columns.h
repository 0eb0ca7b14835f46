/* Columns: the fields of one record. */
#ifndef TOOL_RUN_COLUMNS_H
#define TOOL_RUN_COLUMNS_H

#include "run/row.h"

struct columns;

/*
 * Between columns stands what the regular expression matches (POSIX extended; \t and \n mean what
 * they mean in C), or in CSV a comma outside of quotes. Where `csv`, `separator` is one character.
 *
 * NULL once it has said what is wrong.
 */
struct columns *columns_new(const char *separator, bool csv);
void columns_free(struct columns *columns);

/* Appends the record and its fields to the row. 0 or -ENOMEM. */
int columns_split(const struct columns *columns, struct ovl_bytes record,
                  struct row_builder *builder);

#endif
