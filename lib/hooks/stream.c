/*
 * Streams of stdio that are read from pipes, sockets and terminals. libc fills a stream's buffer by
 * a call of its own, which no hook sees: a coroutine waits until there is something to fill it
 * with, and takes what came, as often as it needs.
 */
#include "hooks/stream.h"

#include "hooks/hooks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

OVL__HOOK_FILE(stream);

/*
 * Part of libc's binary interface, as are a stream's fields, for what its headers do in line: fills
 * the empty buffer by one read, and returns the first byte in it, or EOF.
 */
int __underflow(FILE *stream);

#define GUARDED OVL__STREAM_GUARDED

/* --- what is read --- */

GUARDED static size_t buffered(const FILE *stream)
{
    return (size_t)(stream->_IO_read_end - stream->_IO_read_ptr);
}

/*
 * Whether the buffer is that of bytes which were pushed back, and others are kept behind it: once
 * it is empty, __underflow goes on with those.
 */
#define IN_BACKUP 0x100
GUARDED static bool has_more_behind(const FILE *stream)
{
    return stream->_flags & IN_BACKUP && stream->_IO_save_base != stream->_IO_save_end;
}

/* How many bytes in the buffer end with the delimiter; 0: it is not among them. */
GUARDED static size_t delimited(const FILE *stream, int delimiter)
{
    size_t size = buffered(stream);
    const char *end = size ? memchr(stream->_IO_read_ptr, delimiter, size) : NULL;
    return end ? (size_t)(end - stream->_IO_read_ptr) + 1 : 0;
}

GUARDED bool ovl__stream_may_wait(FILE *stream)
{
    int before = errno;
    int fd = fileno(stream);
    bool may = fd >= 0 && fwide(stream, 0) <= 0 && ovl__wait_kind(fd) != OVL_WAIT_DISK &&
               !ovl__is_nonblocking(fd);
    errno = before;
    return may;
}

/* Whether the stream's descriptor has something to read, or will have nothing more. */
static bool is_ready(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return ovl__sys.poll(&wanted, 1, 0) != 0;
}

GUARDED enum ovl__filled ovl__stream_fill(struct ovl__stream_hold *hold)
{
    FILE *stream = hold->stream;
    struct ovl__blocked blocked = {.fd = fileno(stream), .events = POLLIN};
    int before = errno;
    while (!buffered(stream) && !has_more_behind(stream) && !feof_unlocked(stream) &&
           !is_ready(blocked.fd)) {
        ovl__stream_unlock(hold);
        bool again = ovl__block(&blocked);
        ovl__stream_lock(stream, hold);
        if (!again) {
            stream->_flags |= _IO_ERR_SEEN;
            return OVL__FAILED;
        }
    }
    errno = before;
    if (buffered(stream))
        return OVL__FILLED;
    int error = stream->_flags & _IO_ERR_SEEN;
    stream->_flags &= ~_IO_ERR_SEEN;
    enum ovl__filled filled = OVL__FILLED;
    if (__underflow(stream) == EOF)
        filled = stream->_flags & _IO_ERR_SEEN ? OVL__FAILED : OVL__AT_END;
    stream->_flags |= error;
    return filled;
}

/* Takes at most `size` bytes out of the buffer. */
GUARDED static size_t take(FILE *stream, char *data, size_t size)
{
    size = size < buffered(stream) ? size : buffered(stream);
    memcpy(data, stream->_IO_read_ptr, size);
    stream->_IO_read_ptr += size;
    ovl__took((ssize_t)size);
    return size;
}

/* A call of a task that is no coroutine, or whose stream cannot be waited for. */
#define METERED(type, stream, call) OVL__METERED(type, fileno(stream), OVL_WAIT_OTHER, call)

/* --- bytes --- */

static size_t yielding_read(char *data, size_t size, FILE *stream)
{
    size_t length = 0;
    struct ovl__stream_hold hold;
    ovl__stream_lock(stream, &hold);
    while (length < size && ovl__stream_fill(&hold) == OVL__FILLED)
        length += take(stream, data + length, size - length);
    ovl__stream_unlock(&hold);
    return length;
}

static int read_one(FILE *stream)
{
    char byte;
    return yielding_read(&byte, 1, stream) ? (unsigned char)byte : EOF;
}

OVL__HOOK size_t fread(void *restrict data, size_t size, size_t count, FILE *restrict stream)
{
    size_t bytes;
    if (!ovl__in_task() || __builtin_mul_overflow(size, count, &bytes) || bytes <= buffered(stream))
        return ovl__sys.fread(data, size, count, stream);
    if (!ovl__current->coroutine || !ovl__stream_may_wait(stream))
        return METERED(size_t, stream, ovl__sys.fread(data, size, count, stream));
    return yielding_read(data, bytes, stream) / size;
}

OVL__HOOK int fgetc(FILE *stream)
{
    if (!ovl__in_task() || buffered(stream))
        return ovl__sys.fgetc(stream);
    if (!ovl__current->coroutine || !ovl__stream_may_wait(stream))
        return METERED(int, stream, ovl__sys.fgetc(stream));
    return read_one(stream);
}
#undef getc
OVL__HOOK_ALIAS(fgetc, getc)

/*
 * What getc_unlocked, which libc's header has in line, comes to once the buffer is empty. Its
 * caller may have locked the stream, and then this locks it once more.
 */
OVL__HOOK int __uflow(FILE *stream)
{
    if (!ovl__in_task() || buffered(stream))
        return ovl__sys.__uflow(stream);
    if (!ovl__current->coroutine || !ovl__stream_may_wait(stream))
        return METERED(int, stream, ovl__sys.__uflow(stream));
    return read_one(stream);
}

/* These have other names in C, since the header has them in line. */
OVL__HOOK int ovl__getchar(void) __asm__("getchar");
int ovl__getchar(void)
{
    return fgetc(stdin);
}

OVL__HOOK int ovl__fgetc_unlocked(FILE *stream) __asm__("fgetc_unlocked");
GUARDED int ovl__fgetc_unlocked(FILE *stream)
{
    return __getc_unlocked_body(stream);
}

OVL__HOOK int ovl__getc_unlocked(FILE *stream) __asm__("getc_unlocked");
int ovl__getc_unlocked(FILE *stream)
{
    return ovl__fgetc_unlocked(stream);
}

OVL__HOOK int ovl__getchar_unlocked(void) __asm__("getchar_unlocked");
int ovl__getchar_unlocked(void)
{
    return ovl__fgetc_unlocked(stdin);
}

/* --- lines --- */

/* Takes what is left of a line, if there is room for it; says whether that is its end. */
GUARDED static bool take_line(FILE *stream, char *data, size_t room, int delimiter,
                              size_t *ret_size)
{
    size_t line = delimited(stream, delimiter);
    *ret_size = take(stream, data, line && line < room ? line : room);
    return line && *ret_size == line;
}

static char *yielding_gets(char *line, size_t room, FILE *stream)
{
    size_t length = 0;
    bool ends = false;
    enum ovl__filled filled = OVL__FILLED;
    struct ovl__stream_hold hold;
    ovl__stream_lock(stream, &hold);
    while (!ends && length < room && (filled = ovl__stream_fill(&hold)) == OVL__FILLED) {
        size_t size;
        ends = take_line(stream, line + length, room - length, '\n', &size);
        length += size;
    }
    ovl__stream_unlock(&hold);
    if ((!length && room) || filled == OVL__FAILED)
        return NULL;
    line[length] = '\0';
    return line;
}

OVL__HOOK char *fgets(char *restrict line, int size, FILE *restrict stream)
{
    if (!ovl__in_task() || size <= 1 || buffered(stream) >= (size_t)size - 1 ||
        delimited(stream, '\n'))
        return ovl__sys.fgets(line, size, stream);
    if (!ovl__current->coroutine || !ovl__stream_may_wait(stream))
        return METERED(char *, stream, ovl__sys.fgets(line, size, stream));
    return yielding_gets(line, (size_t)size - 1, stream);
}

/* Makes room for so many bytes in what getdelim's caller has given; false: no memory. */
static bool make_room(char **line, size_t *room, size_t wanted)
{
    if (*line && *room >= wanted)
        return true;
    size_t size = *line && 2 * *room > wanted ? 2 * *room : wanted + 100;
    char *moved = realloc(*line, size);
    if (!moved)
        return false;
    *line = moved;
    *room = size;
    return true;
}

static ssize_t yielding_getdelim(char **line, size_t *room, int delimiter, FILE *stream)
{
    size_t length = 0;
    bool ends = false;
    bool memory = true;
    struct ovl__stream_hold hold;
    ovl__stream_lock(stream, &hold);
    while (!ends && ovl__stream_fill(&hold) == OVL__FILLED) {
        size_t size = buffered(stream);
        memory = make_room(line, room, length + size + 1);
        if (!memory)
            break;
        ends = take_line(stream, *line + length, size, delimiter, &size);
        length += size;
    }
    ovl__stream_unlock(&hold);
    if (!length || !memory)
        return -1;
    (*line)[length] = '\0';
    return (ssize_t)length;
}

OVL__HOOK ssize_t getdelim(char **restrict line, size_t *restrict room, int delimiter,
                           FILE *restrict stream)
{
    if (!ovl__in_task() || !line || !room || delimited(stream, delimiter))
        return ovl__sys.getdelim(line, room, delimiter, stream);
    if (!ovl__current->coroutine || !ovl__stream_may_wait(stream))
        return METERED(ssize_t, stream, ovl__sys.getdelim(line, room, delimiter, stream));
    return yielding_getdelim(line, room, delimiter, stream);
}
OVL__HOOK_ALIAS(getdelim, __getdelim)

/* libc's header has it in line, which Clang takes for its definition: this one has another name in
 * C. */
OVL__HOOK ssize_t ovl__getline(char **restrict line, size_t *restrict room,
                               FILE *restrict stream) __asm__("getline");
ssize_t ovl__getline(char **restrict line, size_t *restrict room, FILE *restrict stream)
{
    return getdelim(line, room, '\n', stream);
}
