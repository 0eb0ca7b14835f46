/* Sources of items: words of the command line, a file, standard input. */
#ifndef TOOL_RUN_SOURCE_H
#define TOOL_RUN_SOURCE_H

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stddef.h>

struct source;

/* How records end. */
struct source_style {
    char delimiter;
    bool csv;        /* a delimiter within "quotes" ends nothing */
    bool skip_empty; /* leave out records of no bytes, or of blanks */
};

/* What source_next returns where the next record is not there yet. */
#define SOURCE_LATER 2

/* Words of the command line, which stay the caller's. NULL: no memory. */
struct source *source_words(char *const *words, size_t count);

/* A file, "-" for standard input. NULL once it has said why it cannot be opened. */
struct source *source_file(const char *path, const struct source_style *style);

/* NULL is allowed. */
void source_close(struct source *source);

/*
 * The next record, without its delimiter; its bytes stay until the next call. With `wait` it waits
 * for it, otherwise a pipe or terminal that has none now is SOURCE_LATER.
 *
 * Returns 1; 0: there are no more; SOURCE_LATER; or -1 once it has said what is wrong.
 */
int source_next(struct source *source, bool wait, struct ovl_bytes *ret_record);

/* How a source is cut into blocks. */
struct source_blocks {
    size_t bytes;             /* about so many */
    struct ovl_bytes between; /* how a record ends, and how the next one begins; of no bytes: a
                                 block ends anywhere */
    size_t end_size;          /* so much of that is the end of the former */
    size_t records;           /* so many records a block, at most; 0: as many as fit */
};

/* As source_next, a block of a file; a record that is longer than a block is one. */
int source_next_block(struct source *source, const struct source_blocks *blocks, bool wait,
                      struct ovl_bytes *ret_block);

/* The descriptor that source_next waits for; -1: it never waits. */
int source_descriptor(const struct source *source);

/* How many records there are, where that is known without reading them; -1: it is not. */
long long source_count(const struct source *source);

#endif
