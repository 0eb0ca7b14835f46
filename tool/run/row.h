/*
 * Rows: what one job works on, as bytes that any worker can be given. The item as it is told of,
 * and the fields of it that replacement strings name; each field is a part of the item's bytes.
 */
#ifndef TOOL_RUN_ROW_H
#define TOOL_RUN_ROW_H

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_range {
    size_t start;
    size_t size;
};

struct row {
    uint64_t number;  /* of the job, from 1 */
    int64_t replaces; /* the journal's entry of it that failed; 0: none */
    size_t item_size;
    size_t input_size; /* of what is given on standard input; 0: nothing is */
    size_t count;      /* fields */
    struct row_range fields[];
    /* then the item's bytes, then the input's */
};

struct ovl_bytes row_item(const struct row *row);
struct ovl_bytes row_field(const struct row *row, size_t n);
struct ovl_bytes row_input(const struct row *row);

/* A row that grows. All zero is an empty one. */
struct row_builder {
    char *bytes;
    size_t size;
    size_t room;
    struct row_range *fields;
    size_t count;
    size_t fields_room;
    char *whole; /* what row_builder_finish gave */
    size_t whole_room;
};

void row_builder_clear(struct row_builder *builder);
void row_builder_release(struct row_builder *builder);

/* Appends a field; between it and the last one stands a blank. 0 or -ENOMEM. */
int row_builder_add(struct row_builder *builder, struct ovl_bytes field);

/* Appends bytes of the item that belong to no field. 0 or -ENOMEM. */
int row_builder_text(struct row_builder *builder, struct ovl_bytes text);

/* Makes a part of what was appended a field. 0 or -ENOMEM. */
int row_builder_mark(struct row_builder *builder, struct row_range field);

/* The row, the builder's until it changes. -ENOMEM: *ret_row is untouched. */
int row_builder_finish(struct row_builder *builder, uint64_t number, struct ovl_bytes *ret_row);

/* The same, with input for the job. */
int row_builder_finish_with(struct row_builder *builder, uint64_t number, struct ovl_bytes input,
                            struct ovl_bytes *ret_row);

#endif
