#include "run/inputs.h"

#include "report/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records of a source that are kept. */
struct kept {
    struct ovl_bytes *records;
    size_t count;
    size_t room;
    size_t named; /* fields that the headers up to this source's have named */
};

/* Sources side by side. */
struct group {
    struct source **sources;
    struct kept *kept; /* of each source; of a group that is read as it is needed, the one record */
    size_t count;
    size_t rows; /* of a group that is kept */
    size_t at;   /* the row that stands now; as it is read, the source to read next */
};

struct inputs {
    struct inputs_options options;
    struct group *groups;
    size_t count;
    bool streaming; /* the first group is read as it is needed */
    bool begun;     /* a row of a first group that is kept was given */
    bool standing;  /* the groups stand at a row that is to be given */
    uint64_t given;
    size_t pending; /* records of a job that are in the builder already */
    bool carried;   /* the record that the groups stand at was too much for the job before */
    struct row_builder builder;
    struct row_builder headers;
    struct ovl_bytes names; /* a row of them; of no bytes: there are none */
    char *headed;           /* a block with the header before it */
};

struct inputs *inputs_new(const struct inputs_options *options)
{
    struct inputs *inputs = calloc(1, sizeof *inputs);
    if (inputs)
        inputs->options = *options;
    return inputs;
}

static void release_records(struct kept *kept)
{
    for (size_t n = 0; n < kept->count; n++)
        free((void *)kept->records[n].data);
    kept->count = 0;
}

static void release_kept(struct kept *kept)
{
    release_records(kept);
    free(kept->records);
}

void inputs_free(struct inputs *inputs)
{
    if (!inputs)
        return;
    for (size_t n = 0; n < inputs->count; n++) {
        struct group *group = &inputs->groups[n];
        for (size_t s = 0; s < group->count; s++) {
            source_close(group->sources[s]);
            release_kept(&group->kept[s]);
        }
        free(group->sources);
        free(group->kept);
    }
    free(inputs->groups);
    row_builder_release(&inputs->builder);
    row_builder_release(&inputs->headers);
    free(inputs->headed);
    free(inputs);
}

static int add_to_group(struct group *group, struct source *source)
{
    struct source **sources = realloc(group->sources, (group->count + 1) * sizeof *sources);
    if (sources)
        group->sources = sources;
    struct kept *kept = realloc(group->kept, (group->count + 1) * sizeof *kept);
    if (kept)
        group->kept = kept;
    if (!sources || !kept)
        return -ENOMEM;
    group->sources[group->count] = source;
    group->kept[group->count++] = (struct kept){0};
    return 0;
}

int inputs_add(struct inputs *inputs, struct source *source, bool linked)
{
    if (!linked || !inputs->count) {
        struct group *groups = realloc(inputs->groups, (inputs->count + 1) * sizeof *groups);
        if (!groups)
            return -ENOMEM;
        inputs->groups = groups;
        inputs->groups[inputs->count++] = (struct group){0};
    }
    return add_to_group(&inputs->groups[inputs->count - 1], source);
}

/* --- groups that are kept --- */

static int keep(struct kept *kept, struct ovl_bytes record)
{
    if (kept->count == kept->room) {
        size_t room = kept->room ? 2 * kept->room : 64;
        struct ovl_bytes *records = realloc(kept->records, room * sizeof *records);
        if (!records)
            return -ENOMEM;
        kept->records = records;
        kept->room = room;
    }
    char *copy = malloc(record.size + 1);
    if (!copy)
        return -ENOMEM;
    if (record.size)
        memcpy(copy, record.data, record.size);
    copy[record.size] = '\0'; /* for regular expressions, which want one */
    kept->records[kept->count++] = (struct ovl_bytes){copy, record.size};
    return 0;
}

static int read_all(struct source *source, struct kept *kept)
{
    struct ovl_bytes record;
    int result;
    while ((result = source_next(source, true, &record)) == 1) {
        if (keep(kept, record)) {
            console_error("out of memory for items that are to be combined with others; give the "
                          "longest list first");
            return -1;
        }
    }
    return result;
}

/* The shortest source counts, or the longest where the others begin again. */
static void count_rows(struct group *group, bool wrap)
{
    group->rows = group->kept[0].count;
    bool empty = group->rows == 0;
    for (size_t n = 1; n < group->count; n++) {
        size_t count = group->kept[n].count;
        empty |= count == 0;
        if (wrap ? count > group->rows : count < group->rows)
            group->rows = count;
    }
    if (empty)
        group->rows = 0;
}

static int keep_group(struct inputs *inputs, struct group *group)
{
    for (size_t n = 0; n < group->count; n++)
        if (read_all(group->sources[n], &group->kept[n]) < 0)
            return -1;
    count_rows(group, inputs->options.wrap);
    return 0;
}

/* --- headers --- */

/* Appends a record's fields to a row. */
static int add_fields(const struct inputs *inputs, struct ovl_bytes record,
                      struct row_builder *builder)
{
    return inputs->options.columns ? columns_split(inputs->options.columns, record, builder)
                                   : row_builder_add(builder, record);
}

/* A source without records has no header, and no items. */
static int read_header(struct inputs *inputs, struct source *source, struct kept *kept)
{
    static const struct source_blocks line = {.between = {"\n", 1}, .end_size = 1, .records = 1};
    struct ovl_bytes record;
    int result = inputs->options.blocks ? source_next_block(source, &line, true, &record)
                                        : source_next(source, true, &record);
    if (result == 1 && add_fields(inputs, record, &inputs->headers)) {
        console_error("out of memory for a header");
        return -1;
    }
    kept->named = inputs->headers.count;
    return result < 0 ? -1 : 0;
}

static int read_headers(struct inputs *inputs)
{
    for (size_t g = 0; g < inputs->count; g++)
        for (size_t s = 0; s < inputs->groups[g].count; s++)
            if (read_header(inputs, inputs->groups[g].sources[s], &inputs->groups[g].kept[s]) < 0)
                return -1;
    if (inputs->headers.count && row_builder_finish(&inputs->headers, 0, &inputs->names)) {
        console_error("out of memory for a header");
        return -1;
    }
    return 0;
}

struct ovl_bytes inputs_header(const struct inputs *inputs)
{
    return inputs->names;
}

const struct row *inputs_names(const struct inputs *inputs)
{
    return inputs->names.size ? inputs->names.data : NULL;
}

int inputs_begin(struct inputs *inputs)
{
    if (inputs->options.header && read_headers(inputs) < 0)
        return -1;
    inputs->streaming = !(inputs->options.wrap && inputs->groups[0].count > 1);
    for (size_t n = inputs->streaming; n < inputs->count; n++)
        if (keep_group(inputs, &inputs->groups[n]) < 0)
            return -1;
    return 0;
}

/* --- one row after the other --- */

/* Reads the next records of the first group, side by side. As source_next. */
static int read_side_by_side(struct inputs *inputs, bool wait)
{
    struct group *group = &inputs->groups[0];
    for (; group->at < group->count; group->at++) {
        struct ovl_bytes record;
        int result = source_next(group->sources[group->at], wait, &record);
        if (result != 1)
            return result;
        struct kept *kept = &group->kept[group->at];
        release_records(kept);
        if (keep(kept, record)) {
            console_error("out of memory for an item");
            return -1;
        }
    }
    group->at = 0;
    return 1;
}

/* The next row of the first group stands. As source_next. */
static int advance_first(struct inputs *inputs, bool wait)
{
    struct group *first = &inputs->groups[0];
    if (inputs->streaming)
        return read_side_by_side(inputs, wait);
    first->at += inputs->begun;
    inputs->begun = true;
    return first->at < first->rows;
}

static int advance(struct inputs *inputs, bool wait)
{
    for (size_t n = inputs->count; inputs->standing && n-- > 1;) {
        struct group *group = &inputs->groups[n];
        if (++group->at < group->rows)
            return 1;
        group->at = 0;
    }
    for (size_t n = 1; n < inputs->count; n++)
        if (!inputs->groups[n].rows)
            return 0;
    int result = advance_first(inputs, wait);
    inputs->standing = result == 1;
    return result;
}

static struct ovl_bytes standing_record(const struct inputs *inputs, size_t group, size_t source)
{
    const struct group *from = &inputs->groups[group];
    const struct kept *kept = &from->kept[source];
    size_t at = inputs->streaming && group == 0 ? 0 : from->at;
    return kept->records[at % kept->count];
}

static size_t standing_size(const struct inputs *inputs)
{
    size_t size = 0;
    for (size_t g = 0; g < inputs->count; g++)
        for (size_t s = 0; s < inputs->groups[g].count; s++)
            size += standing_record(inputs, g, s).size + 1;
    return size;
}

static int add_standing(struct inputs *inputs)
{
    size_t before = inputs->builder.count;
    for (size_t g = 0; g < inputs->count; g++) {
        for (size_t s = 0; s < inputs->groups[g].count; s++) {
            struct row_builder *builder = &inputs->builder;
            if (add_fields(inputs, standing_record(inputs, g, s), builder))
                return -ENOMEM;
            /* So that a record that is short moves no name of a later source. */
            while (builder->count < before + inputs->groups[g].kept[s].named)
                if (row_builder_mark(builder, (struct row_range){builder->size, 0}))
                    return -ENOMEM;
        }
    }
    return 0;
}

static int give(struct inputs *inputs, struct ovl_bytes *ret_row)
{
    inputs->pending = 0;
    if (row_builder_finish(&inputs->builder, ++inputs->given, ret_row)) {
        console_error("out of memory for an item");
        return -1;
    }
    return 1;
}

static bool is_full(const struct inputs *inputs)
{
    size_t per_job = inputs->options.per_job ? inputs->options.per_job : 1;
    return inputs->pending >= per_job;
}

static bool is_too_much(const struct inputs *inputs)
{
    size_t most = inputs->options.bytes_per_job;
    return most && inputs->pending && inputs->builder.size + standing_size(inputs) > most;
}

/* The header, as it stood, begins the block. */
static int add_header(struct inputs *inputs, struct ovl_bytes *block)
{
    struct ovl_bytes header = row_item(inputs_names(inputs));
    char *bytes = realloc(inputs->headed, header.size + block->size);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, header.data, header.size);
    memcpy(bytes + header.size, block->data, block->size);
    inputs->headed = bytes;
    *block = (struct ovl_bytes){bytes, header.size + block->size};
    return 0;
}

/* A row whose input is a block; it is told of by its number. */
static int next_block(struct inputs *inputs, bool wait, struct ovl_bytes *ret_row)
{
    struct ovl_bytes block;
    char name[40];
    int result =
        source_next_block(inputs->groups[0].sources[0], inputs->options.blocks, wait, &block);
    if (result != 1)
        return result;
    int size = snprintf(name, sizeof name, "block %llu", (unsigned long long)++inputs->given);
    row_builder_clear(&inputs->builder);
    if ((inputs_names(inputs) && add_header(inputs, &block)) ||
        row_builder_add(&inputs->builder, (struct ovl_bytes){name, (size_t)size}) ||
        row_builder_finish_with(&inputs->builder, inputs->given, block, ret_row)) {
        console_error("out of memory for a block; a smaller --block needs less");
        return -1;
    }
    return 1;
}

int inputs_next(struct inputs *inputs, bool wait, struct ovl_bytes *ret_row)
{
    if (inputs->options.blocks)
        return next_block(inputs, wait, ret_row);
    if (!inputs->pending)
        row_builder_clear(&inputs->builder);
    for (;;) {
        int result = inputs->carried ? 1 : advance(inputs, wait);
        if (result == 0 && inputs->pending)
            return give(inputs, ret_row);
        if (result != 1)
            return result;
        inputs->carried = is_too_much(inputs);
        if (inputs->carried)
            return give(inputs, ret_row);
        if (add_standing(inputs)) {
            console_error("out of memory for an item");
            return -1;
        }
        inputs->pending++;
        if (is_full(inputs))
            return give(inputs, ret_row);
    }
}

int inputs_descriptor(const struct inputs *inputs)
{
    const struct group *first = &inputs->groups[0];
    return inputs->streaming
               ? source_descriptor(first->sources[first->at < first->count ? first->at : 0])
               : -1;
}

static long long rows_of_first(const struct inputs *inputs)
{
    const struct group *first = &inputs->groups[0];
    if (!inputs->streaming)
        return (long long)first->rows;
    long long least = source_count(first->sources[0]);
    for (size_t n = 1; n < first->count; n++) {
        long long count = source_count(first->sources[n]);
        least = count < least ? count : least;
    }
    return least > 0 && inputs->options.header ? least - 1 : least;
}

long long inputs_total(const struct inputs *inputs)
{
    long long total = rows_of_first(inputs);
    for (size_t n = 1; n < inputs->count && total >= 0; n++)
        if (__builtin_mul_overflow(total, (long long)inputs->groups[n].rows, &total))
            return -1;
    if (total < 0 || inputs->options.bytes_per_job || inputs->options.blocks)
        return -1;
    long long per_job = inputs->options.per_job ? (long long)inputs->options.per_job : 1;
    return (total + per_job - 1) / per_job;
}
