#include "run/source.h"

#include "report/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (64u << 10)

/* A record that is longer has the wrong delimiter. */
#define RECORD_MAX (64u << 20)

struct source {
    /* Words: */
    char *const *words;
    size_t count;
    size_t next;

    /* A file; NULL path: there is none. */
    const char *path;
    int fd;
    bool may_wait; /* a pipe, a socket, a terminal */
    struct source_style style;
    char *buffer;
    size_t room;
    size_t start;   /* of what was not given yet */
    size_t scanned; /* up to here there is no delimiter */
    size_t end;
    bool quoted; /* at `scanned`, of CSV */
    bool ended;  /* the file has no more */
    bool failed; /* it was said why */
};

struct source *source_words(char *const *words, size_t count)
{
    struct source *source = calloc(1, sizeof *source);
    if (source)
        *source = (struct source){.words = words, .count = count, .fd = -1};
    return source;
}

static int open_path(const char *path)
{
    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

struct source *source_file(const char *path, const struct source_style *style)
{
    int fd = open_path(path);
    if (fd < 0) {
        console_error("%s: cannot open it: %s; name a file of items that can be read", path,
                      strerror(errno));
        return NULL;
    }
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        console_error("%s: it is a folder; name a file that lists the items", path);
        close(fd);
        return NULL;
    }
    struct source *source = calloc(1, sizeof *source);
    char *buffer = malloc(BUFFER_BYTES);
    if (!source || !buffer) {
        console_error("%s: out of memory", path);
        free(source);
        free(buffer);
        return NULL;
    }
    *source = (struct source){.path = path,
                              .fd = fd,
                              .may_wait = !S_ISREG(status.st_mode),
                              .style = *style,
                              .buffer = buffer,
                              .room = BUFFER_BYTES};
    return source;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->fd > STDERR_FILENO)
        close(source->fd);
    free(source->buffer);
    free(source);
}

int source_descriptor(const struct source *source)
{
    return source->may_wait && !source->ended ? source->fd : -1;
}

long long source_count(const struct source *source)
{
    return source->path ? -1 : (long long)source->count;
}

/* --- records of a file --- */

/* Where the record at `start` ends; false: its end is not in the buffer. */
static bool find_end(struct source *source, size_t *ret_end)
{
    if (!source->style.csv) {
        char *found = memchr(source->buffer + source->scanned, source->style.delimiter,
                             source->end - source->scanned);
        source->scanned = source->end;
        if (found)
            *ret_end = (size_t)(found - source->buffer);
        return found;
    }
    for (; source->scanned < source->end; source->scanned++) {
        char byte = source->buffer[source->scanned];
        if (byte == '"')
            source->quoted = !source->quoted;
        if (byte == source->style.delimiter && !source->quoted) {
            *ret_end = source->scanned;
            return true;
        }
    }
    return false;
}

static const char *name_of(const struct source *source)
{
    return strcmp(source->path, "-") == 0 ? "standard input" : source->path;
}

/* Room for more behind what is in the buffer. */
static int make_room(struct source *source)
{
    if (source->start) {
        memmove(source->buffer, source->buffer + source->start, source->end - source->start);
        source->end -= source->start;
        source->scanned -= source->start;
        source->start = 0;
    }
    if (source->end < source->room)
        return 0;
    if (source->room >= RECORD_MAX) {
        console_error("%s: an item of more than 64 MiB; is another --delimiter meant?",
                      name_of(source));
        return -1;
    }
    size_t room = source->room ? 2 * source->room : BUFFER_BYTES;
    char *moved = realloc(source->buffer, room);
    if (!moved) {
        console_error("%s: out of memory for a long item", name_of(source));
        return -1;
    }
    source->buffer = moved;
    source->room = room;
    return 0;
}

static bool is_ready(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) != 0;
}

static int read_more(struct source *source, bool wait)
{
    if (make_room(source) < 0)
        return -1;
    if (!wait && source->may_wait && !is_ready(source->fd))
        return SOURCE_LATER;
    for (;;) {
        ssize_t size = read(source->fd, source->buffer + source->end, source->room - source->end);
        if (size >= 0) {
            source->end += (size_t)size;
            source->ended = size == 0;
            return 1;
        }
        if (errno == EAGAIN) { /* somebody has made it so */
            if (!wait)
                return SOURCE_LATER;
            poll(&(struct pollfd){.fd = source->fd, .events = POLLIN}, 1, -1);
        } else if (errno != EINTR) {
            console_error("%s: cannot read items: %s; name a file that can be read",
                          name_of(source), strerror(errno));
            return -1;
        }
    }
}

/* Reads more. Returns 1, SOURCE_LATER, or -1; at its end source->ended is set. */
static int fill(struct source *source, bool wait)
{
    int result = source->failed ? -1 : read_more(source, wait);
    source->failed = result == -1;
    return result;
}

static int next_of_file(struct source *source, bool wait, struct ovl_bytes *ret_record)
{
    size_t end;
    while (!find_end(source, &end)) {
        if (source->ended) {
            if (source->start == source->end)
                return 0;
            *ret_record =
                (struct ovl_bytes){source->buffer + source->start, source->end - source->start};
            source->start = source->scanned = source->end;
            return 1;
        }
        int more = fill(source, wait);
        if (more != 1)
            return more;
    }
    *ret_record = (struct ovl_bytes){source->buffer + source->start, end - source->start};
    source->start = source->scanned = end + 1;
    return 1;
}

static bool is_blank(struct ovl_bytes record)
{
    const char *bytes = record.data;
    for (size_t n = 0; n < record.size; n++)
        if (bytes[n] != ' ' && bytes[n] != '\t')
            return false;
    return true;
}

int source_next(struct source *source, bool wait, struct ovl_bytes *ret_record)
{
    if (!source->path) {
        if (source->next == source->count)
            return 0;
        const char *word = source->words[source->next++];
        *ret_record = (struct ovl_bytes){word, strlen(word)};
        return 1;
    }
    for (;;) {
        struct ovl_bytes record;
        int result = next_of_file(source, wait, &record);
        if (result == 1 && source->style.skip_empty && is_blank(record))
            continue;
        if (result == 1)
            *ret_record = record;
        return result;
    }
}

/* --- blocks --- */

/* Where the record that begins at `start` ends. 0: it does not yet. */
static size_t record_end(const struct source_blocks *blocks, const char *bytes, size_t size,
                         size_t start)
{
    /* Without an end of its own it goes on until the next one begins. */
    size_t from = start + (blocks->end_size == 0);
    if (from > size)
        return 0;
    const char *found =
        memmem(bytes + from, size - from, blocks->between.data, blocks->between.size);
    return found ? (size_t)(found - bytes) + blocks->end_size : 0;
}

/* Where the block ends: with its last record, or the one that fills it. 0: there is none yet. */
static size_t block_size(const struct source *source, const struct source_blocks *blocks)
{
    const char *bytes = source->buffer + source->start;
    size_t size = source->end - source->start;
    if (!blocks->between.size)
        return size < blocks->bytes ? 0 : blocks->bytes;
    size_t found = 0;
    for (size_t records = 0; found < size; records++) {
        if (records && (found >= blocks->bytes || records == blocks->records))
            return found;
        size_t end = record_end(blocks, bytes, size, found);
        if (!end)
            break;
        if (records && !blocks->records && end > blocks->bytes)
            return found;
        found = end;
    }
    return 0;
}

int source_next_block(struct source *source, const struct source_blocks *blocks, bool wait,
                      struct ovl_bytes *ret_block)
{
    size_t size = 0;
    for (;;) {
        bool enough = source->end - source->start >= blocks->bytes || blocks->records;
        size = enough || source->ended ? block_size(source, blocks) : 0;
        if (!size && source->ended)
            size = source->end - source->start;
        if (size || source->ended)
            break;
        int more = fill(source, wait);
        if (more != 1)
            return more;
    }
    *ret_block = (struct ovl_bytes){source->buffer + source->start, size};
    source->start += size;
    return size > 0;
}
