#include "run/row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *bytes_of(const struct row *row)
{
    return (const char *)(row->fields + row->count);
}

struct ovl_bytes row_item(const struct row *row)
{
    return (struct ovl_bytes){bytes_of(row), row->item_size};
}

struct ovl_bytes row_field(const struct row *row, size_t n)
{
    return (struct ovl_bytes){bytes_of(row) + row->fields[n].start, row->fields[n].size};
}

struct ovl_bytes row_input(const struct row *row)
{
    return (struct ovl_bytes){bytes_of(row) + row->item_size, row->input_size};
}

void row_builder_clear(struct row_builder *builder)
{
    builder->size = 0;
    builder->count = 0;
}

void row_builder_release(struct row_builder *builder)
{
    free(builder->bytes);
    free(builder->fields);
    free(builder->whole);
    *builder = (struct row_builder){0};
}

/* Makes room for `size` bytes at *memory. */
static int reserve(void *memory, size_t *room, size_t size)
{
    if (size <= *room)
        return 0;
    size_t wanted = size < 128 ? 256 : 2 * size;
    void *moved = realloc(*(void **)memory, wanted);
    if (!moved)
        return -ENOMEM;
    *(void **)memory = moved;
    *room = wanted;
    return 0;
}

int row_builder_text(struct row_builder *builder, struct ovl_bytes text)
{
    if (reserve(&builder->bytes, &builder->room, builder->size + text.size + 1))
        return -ENOMEM;
    if (text.size)
        memcpy(builder->bytes + builder->size, text.data, text.size);
    builder->size += text.size;
    return 0;
}

int row_builder_mark(struct row_builder *builder, struct row_range field)
{
    size_t room = builder->fields_room * sizeof field;
    if (reserve(&builder->fields, &room, (builder->count + 1) * sizeof field))
        return -ENOMEM;
    builder->fields_room = room / sizeof field;
    builder->fields[builder->count++] = field;
    return 0;
}

int row_builder_add(struct row_builder *builder, struct ovl_bytes field)
{
    if (builder->count && row_builder_text(builder, (struct ovl_bytes){" ", 1}))
        return -ENOMEM;
    size_t start = builder->size;
    if (row_builder_text(builder, field))
        return -ENOMEM;
    return row_builder_mark(builder, (struct row_range){start, field.size});
}

int row_builder_finish_with(struct row_builder *builder, uint64_t number, struct ovl_bytes input,
                            struct ovl_bytes *ret_row)
{
    size_t ranges = builder->count * sizeof(struct row_range);
    size_t size = sizeof(struct row) + ranges + builder->size + input.size;
    if (reserve(&builder->whole, &builder->whole_room, size))
        return -ENOMEM;
    struct row *row = (struct row *)(void *)builder->whole;
    *row = (struct row){.number = number,
                        .item_size = builder->size,
                        .input_size = input.size,
                        .count = builder->count};
    char *bytes = (char *)(row->fields + row->count);
    if (ranges)
        memcpy(row->fields, builder->fields, ranges);
    if (builder->size)
        memcpy(bytes, builder->bytes, builder->size);
    if (input.size)
        memcpy(bytes + builder->size, input.data, input.size);
    *ret_row = (struct ovl_bytes){row, size};
    return 0;
}

int row_builder_finish(struct row_builder *builder, uint64_t number, struct ovl_bytes *ret_row)
{
    return row_builder_finish_with(builder, number, (struct ovl_bytes){0}, ret_row);
}
