/*
 * Streams of stdio that are written to pipes, sockets and terminals. libc empties a stream's buffer
 * by a call of its own, which no hook sees: a coroutine puts what it has into the buffer, and
 * where that is to go out, writes it by the hook that gives way.
 *
 * What is formatted is formatted first, so that its length is known.
 */
#include "hooks/stream.h"

#include "base/system.h"
#include "hooks/hooks.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

OVL__HOOK_FILE(print);

#define GUARDED OVL__STREAM_GUARDED

/* How a stream's flags say that it is being written, and that it is emptied with every call or with
 * every line. */
#define WRITTEN    0x800
#define UNBUFFERED 0x2
#define BY_LINES   0x200

GUARDED static bool is_written(const FILE *stream)
{
    return stream->_flags & WRITTEN;
}

GUARDED static size_t pending(const FILE *stream)
{
    return is_written(stream) ? (size_t)(stream->_IO_write_ptr - stream->_IO_write_base) : 0;
}

GUARDED static size_t room(const FILE *stream)
{
    return (size_t)(stream->_IO_buf_end - stream->_IO_write_ptr);
}

/* Whether so many bytes stay in the buffer. */
GUARDED static bool stays(const FILE *stream, size_t size)
{
    return is_written(stream) && !(stream->_flags & (UNBUFFERED | BY_LINES)) &&
           size <= room(stream);
}

GUARDED static void append(FILE *stream, const char *data, size_t size)
{
    memcpy(stream->_IO_write_ptr, data, size);
    stream->_IO_write_ptr += size;
}

GUARDED static bool fail(FILE *stream)
{
    stream->_flags |= _IO_ERR_SEEN;
    return false;
}

/* The first bytes in the buffer are written. */
GUARDED static void take_out(FILE *stream, size_t size)
{
    size_t rest = pending(stream) - size;
    memmove(stream->_IO_write_base, stream->_IO_write_base + size, rest);
    stream->_IO_write_ptr = stream->_IO_write_base + rest;
}

GUARDED static const char *buffer(const FILE *stream)
{
    return stream->_IO_write_base;
}

/* Empties the buffer; false with errno set, and the stream in error, and what is left lost: so libc
 * does it. */
static bool drain(FILE *stream)
{
    for (size_t size; (size = pending(stream)) > 0;) {
        ssize_t written = write(fileno(stream), buffer(stream), size);
        take_out(stream, written < 0 ? size : (size_t)written);
        if (written < 0)
            return fail(stream);
    }
    return true;
}

/* Writes past the buffer, which is empty. Returns how much was written. */
static size_t write_directly(FILE *stream, const char *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t written = write(fileno(stream), data + done, size - done);
        if (written < 0) {
            fail(stream);
            break;
        }
        done += (size_t)written;
    }
    return done;
}

/* Into the buffer as far as it is large enough. Returns how much is there or was written. */
static size_t put_some(FILE *stream, const char *data, size_t size)
{
    if (size > room(stream) && !drain(stream))
        return 0;
    if (size > room(stream))
        return write_directly(stream, data, size);
    append(stream, data, size);
    return size;
}

/* Makes the stream one that is written, as the first byte does: for EOF, libc only makes a buffer.
 */
static bool begin(FILE *stream)
{
    fwide(stream, -1);
    return is_written(stream) || __overflow(stream, EOF) != EOF;
}

GUARDED static bool is_by_lines(const FILE *stream)
{
    return stream->_flags & BY_LINES;
}

GUARDED static bool is_unbuffered(const FILE *stream)
{
    return stream->_flags & UNBUFFERED;
}

/* How much of this goes out at once. */
static size_t urgent(const FILE *stream, const char *data, size_t size)
{
    if (is_unbuffered(stream))
        return size;
    const char *end = is_by_lines(stream) ? memrchr(data, '\n', size) : NULL;
    return end ? (size_t)(end - data) + 1 : 0;
}

/* The stream is locked. Returns how many bytes were taken: fewer with errno set. */
static size_t put(FILE *stream, const char *data, size_t size)
{
    if (!begin(stream))
        return 0;
    size_t first = urgent(stream, data, size);
    size_t done = 0;
    if (first) {
        done = is_unbuffered(stream) && drain(stream) ? write_directly(stream, data, first)
                                                      : put_some(stream, data, first);
        if (done < first || !drain(stream))
            return done;
    }
    return done < size ? done + put_some(stream, data + done, size - done) : done;
}

/*
 * What a coroutine writes, in one piece. Streams that cannot be waited for are written as they are,
 * and so are others as long as the buffer holds it.
 */
static size_t write_in_coroutine(const char *data, size_t size, FILE *stream)
{
    bool may_wait = ovl__stream_may_wait(stream);
    if (!may_wait && !ovl__stream_is_another_s(stream))
        return ovl__sys.fwrite(data, 1, size, stream);
    struct ovl__stream_hold hold;
    ovl__stream_lock(stream, &hold);
    size_t done = !may_wait || stays(stream, size) ? ovl__sys.fwrite(data, 1, size, stream)
                                                   : put(stream, data, size);
    ovl__stream_unlock(&hold);
    return done;
}

/* A call of a task that is no coroutine. */
#define METERED(type, stream, call) OVL__METERED(type, fileno(stream), OVL_WAIT_OTHER, call)

/* --- bytes --- */

OVL__HOOK size_t fwrite(const void *restrict data, size_t size, size_t count, FILE *restrict stream)
{
    size_t bytes;
    if (!ovl__in_task() || __builtin_mul_overflow(size, count, &bytes) || !bytes)
        return ovl__sys.fwrite(data, size, count, stream);
    if (!ovl__current->coroutine)
        return stays(stream, bytes)
                   ? ovl__sys.fwrite(data, size, count, stream)
                   : METERED(size_t, stream, ovl__sys.fwrite(data, size, count, stream));
    return write_in_coroutine(data, bytes, stream) / size;
}

OVL__HOOK int fputc(int byte, FILE *stream)
{
    if (!ovl__in_task() || (!ovl__current->coroutine && stays(stream, 1)))
        return ovl__sys.fputc(byte, stream);
    if (!ovl__current->coroutine)
        return METERED(int, stream, ovl__sys.fputc(byte, stream));
    unsigned char data = (unsigned char)byte;
    return write_in_coroutine((const char *)&data, 1, stream) ? data : EOF;
}
#undef putc
OVL__HOOK_ALIAS(fputc, putc)

/* libc's header has it in line, as below some others: this one has another name in C. */
OVL__HOOK int ovl__putchar(int byte) __asm__("putchar");
int ovl__putchar(int byte)
{
    return fputc(byte, stdout);
}

/* --- text --- */

OVL__HOOK int fputs(const char *restrict text, FILE *restrict stream)
{
    if (!ovl__in_task())
        return ovl__sys.fputs(text, stream);
    if (!ovl__current->coroutine)
        return METERED(int, stream, ovl__sys.fputs(text, stream));
    size_t size = strlen(text);
    return !size || write_in_coroutine(text, size, stream) == size ? 1 : EOF;
}

OVL__HOOK int puts(const char *text)
{
    if (!ovl__in_task())
        return ovl__sys.puts(text);
    if (!ovl__current->coroutine)
        return METERED(int, stdout, ovl__sys.puts(text));
    return fprintf(stdout, "%s\n", text);
}

/* --- formats --- */

/* Text of a format: as it comes from a call, and as it is written. */
struct format {
    const char *text;
    va_list arguments;
    int checks; /* as the fortified calls hand them on; 0: none, as for all others */
};

int __vsnprintf_chk(char *text, size_t size, int checks, size_t room, const char *format,
                    va_list arguments);

static int format_into(char *text, size_t size, struct format *format)
{
    va_list arguments;
    va_copy(arguments, format->arguments);
    int length = __vsnprintf_chk(text, size, format->checks, size, format->text, arguments);
    va_end(arguments);
    return length;
}

/* What most formats fit into. */
#define SHORT 512

/* A formatted text: `few`, or where it is too long, memory that is to be freed. */
struct text {
    char *data;
    char few[SHORT];
};

/* Its length; -1 with errno set. */
static int text_init(struct text *text, struct format *format)
{
    text->data = text->few;
    int length = format_into(text->few, sizeof text->few, format);
    if (length < SHORT)
        return length;
    text->data = malloc((size_t)length + 1);
    return text->data ? format_into(text->data, (size_t)length + 1, format) : -1;
}

static void text_release(struct text *text)
{
    if (text->data != text->few)
        free(text->data);
}

static int print_in_coroutine(FILE *stream, struct format *format)
{
    struct text text;
    int length = text_init(&text, format);
    if (length > 0 && write_in_coroutine(text.data, (size_t)length, stream) < (size_t)length)
        length = -1;
    text_release(&text);
    return length;
}

static int print_as_is(FILE *stream, struct format *format)
{
    return ovl__sys.__vfprintf_chk(stream, format->checks, format->text, format->arguments);
}

static int print(FILE *stream, struct format *format)
{
    if (!ovl__in_task())
        return print_as_is(stream, format);
    if (!ovl__current->coroutine)
        return METERED(int, stream, print_as_is(stream, format));
    return fwide(stream, 0) > 0 ? print_as_is(stream, format) : print_in_coroutine(stream, format);
}

static int print_to_descriptor_as_is(int fd, struct format *format)
{
    return ovl__sys.__vdprintf_chk(fd, format->checks, format->text, format->arguments);
}

static int print_to_descriptor(int fd, struct format *format)
{
    if (!ovl__in_task())
        return print_to_descriptor_as_is(fd, format);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, fd, 0, print_to_descriptor_as_is(fd, format));
    struct text text;
    int length = text_init(&text, format);
    ssize_t written = 0;
    for (int done = 0; done < length && written >= 0; done += (int)written)
        written = write(fd, text.data + done, (size_t)(length - done));
    text_release(&text);
    return written < 0 ? -1 : length;
}

/* The value of print(to, …) with the arguments that follow `last`. */
#define PRINT(print, to, checked, format_, last)                                                   \
    ({                                                                                             \
        struct format text_ = {.text = (format_), .checks = (checked)};                            \
        va_start(text_.arguments, last);                                                           \
        int length_ = print((to), &text_);                                                         \
        va_end(text_.arguments);                                                                   \
        length_;                                                                                   \
    })

/* The same with those of a list. */
#define PRINT_LIST(print, to, checked, format_, list)                                              \
    ({                                                                                             \
        struct format text_ = {.text = (format_), .checks = (checked)};                            \
        va_copy(text_.arguments, list);                                                            \
        int length_ = print((to), &text_);                                                         \
        va_end(text_.arguments);                                                                   \
        length_;                                                                                   \
    })

OVL__HOOK int printf(const char *restrict format, ...)
{
    return PRINT(print, stdout, 0, format, format);
}

OVL__HOOK int fprintf(FILE *restrict stream, const char *restrict format, ...)
{
    return PRINT(print, stream, 0, format, format);
}

OVL__HOOK int ovl__vprintf(const char *restrict format, va_list list) __asm__("vprintf");
int ovl__vprintf(const char *restrict format, va_list list)
{
    return PRINT_LIST(print, stdout, 0, format, list);
}

OVL__HOOK int vfprintf(FILE *restrict stream, const char *restrict format, va_list list)
{
    return PRINT_LIST(print, stream, 0, format, list);
}

OVL__HOOK int dprintf(int fd, const char *restrict format, ...)
{
    return PRINT(print_to_descriptor, fd, 0, format, format);
}

OVL__HOOK int vdprintf(int fd, const char *restrict format, va_list list)
{
    return PRINT_LIST(print_to_descriptor, fd, 0, format, list);
}

/* What they are where a program is fortified. */
int __printf_chk(int checks, const char *format, ...);
int __fprintf_chk(FILE *stream, int checks, const char *format, ...);
int __vprintf_chk(int checks, const char *format, va_list list);
int __vfprintf_chk(FILE *stream, int checks, const char *format, va_list list);
int __dprintf_chk(int fd, int checks, const char *format, ...);
int __vdprintf_chk(int fd, int checks, const char *format, va_list list);

OVL__HOOK int __printf_chk(int checks, const char *format, ...)
{
    return PRINT(print, stdout, checks, format, format);
}

OVL__HOOK int __fprintf_chk(FILE *stream, int checks, const char *format, ...)
{
    return PRINT(print, stream, checks, format, format);
}

OVL__HOOK int __vprintf_chk(int checks, const char *format, va_list list)
{
    return PRINT_LIST(print, stdout, checks, format, list);
}

OVL__HOOK int __vfprintf_chk(FILE *stream, int checks, const char *format, va_list list)
{
    return PRINT_LIST(print, stream, checks, format, list);
}

OVL__HOOK int __dprintf_chk(int fd, int checks, const char *format, ...)
{
    return PRINT(print_to_descriptor, fd, checks, format, format);
}

OVL__HOOK int __vdprintf_chk(int fd, int checks, const char *format, va_list list)
{
    return PRINT_LIST(print_to_descriptor, fd, checks, format, list);
}

/* --- the end --- */

/* Empties the stream's buffer where that is to be waited for. */
static bool drain_in_coroutine(FILE *stream)
{
    if (!pending(stream) || !ovl__stream_may_wait(stream))
        return true;
    struct ovl__stream_hold hold;
    ovl__stream_lock(stream, &hold);
    bool drained = drain(stream);
    ovl__stream_unlock(&hold);
    return drained;
}

OVL__HOOK int fflush(FILE *stream)
{
    if (!ovl__in_task())
        return ovl__sys.fflush(stream);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, stream ? fileno(stream) : -1, OVL_WAIT_OTHER,
                            ovl__sys.fflush(stream));
    /* Of all streams at once only this one is known here. */
    return drain_in_coroutine(stream ? stream : stdout) ? ovl__sys.fflush(stream) : EOF;
}

OVL__HOOK int fclose(FILE *stream)
{
    if (!ovl__in_coroutine())
        return ovl__sys.fclose(stream);
    bool drained = drain_in_coroutine(stream);
    int error = errno;
    int closed = ovl__sys.fclose(stream);
    if (drained)
        return closed;
    errno = error;
    return EOF;
}
