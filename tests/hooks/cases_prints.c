/*
 * Streams of stdio that are written, and scanned. Compiled twice, under the name CASES_PRINTS:
 * plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "places.h"
#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

enum { PIPE_SIZE = 4096, LONG = 20000 };

/* A text that is longer than a pipe holds, with a line's end here and there. */
static const char *long_text(void)
{
    static char text[LONG + 1];
    for (int i = 0; i < LONG; i++)
        text[i] = (char)(i % 70 == 69 ? '\n' : 'a' + i % 26);
    return text;
}

/* A stream into a pipe of the smallest size. */
static FILE *into_pipe(struct record *record, int fds[2])
{
    pipe_open(record, fds);
    NEED(record, fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) == PIPE_SIZE);
    FILE *stream = fdopen(fds[1], "w");
    NEED(record, stream != NULL);
    return stream;
}

/* What another reads while the case waits. */
struct reader {
    int fd;
    size_t size;
    char bytes[6 * LONG];
    size_t length;
};

static void read_all(void *argument)
{
    struct reader *reader = argument;
    reader->length = 0;
    while (reader->length < reader->size) {
        ssize_t size =
            read(reader->fd, reader->bytes + reader->length, reader->size - reader->length);
        if (size <= 0)
            return;
        reader->length += (size_t)size;
    }
}

static struct reader reader; /* too large for a coroutine's stack */

static void read_later(struct later *later, struct record *record, int fd, size_t size)
{
    reader.fd = fd;
    reader.size = size;
    later_begin(later, record, read_all, &reader);
}

static void end_reading(struct later *later, struct record *record)
{
    later_end(later);
    record_bytes(record, "read", reader.bytes, reader.length);
}

/* What lies in the pipe now. */
static void read_now(struct record *record, int fd)
{
    char bytes[PIPE_SIZE];
    int flags = fcntl(fd, F_GETFL);
    NEED(record, fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
    ssize_t size = read(fd, bytes, size_of(sizeof bytes));
    NEED(record, fcntl(fd, F_SETFL, flags) == 0);
    record_bytes(record, "now", bytes, size > 0 ? (size_t)size : 0);
}

static void what_is_formatted_waits(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    CALL(record, fprintf(stream, "%s %d", "short", 5));
    read_now(record, fds[0]);
    read_later(&later, record, fds[0], 7 + 6 + LONG);
    CALL(record, fprintf(stream, "[%s]%d\n", long_text(), 100));
    CALL(record, fflush(stream));
    end_reading(&later, record);
    read_now(record, fds[0]);
    CALL(record, fprintf(stream, "%s", ""));
    CALL(record, ferror(stream));
    fclose(stream);
    close(fds[0]);
}

__attribute__((format(printf, 2, 3))) static int print_list(FILE *stream, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vfprintf(stream, format, list);
    va_end(list);
    return length;
}

static void lists_wait(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    read_later(&later, record, fds[0], LONG + 3);
    CALL(record, print_list(stream, "%d%s%c", 10, long_text(), 'x'));
    CALL(record, fflush(stream));
    end_reading(&later, record);
    fclose(stream);
    close(fds[0]);
}

static void bytes_wait(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    CALL(record, fwrite("ab", 1, size_of(2), stream));
    read_later(&later, record, fds[0], 2 + LONG);
    CALL(record, fwrite(long_text(), 10, size_of(LONG / 10), stream));
    CALL(record, fflush(stream));
    end_reading(&later, record);
    CALL(record, fwrite("ab", 0, size_of(2), stream));
    CALL(record, fwrite("ab", 2, size_of(0), stream));
    read_later(&later, record, fds[0], 2 * PIPE_SIZE + 2);
    long sum = 0;
    for (int i = 0; i < 2 * PIPE_SIZE; i++)
        sum += putc("0123456789"[i % 10], stream);
    CALL(record, sum);
    CALL(record, fputc(255, stream));
    CALL(record, putc(-1, stream));
    CALL(record, fflush(stream));
    end_reading(&later, record);
    fclose(stream);
    close(fds[0]);
}

static void texts_wait(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    CALL(record, fputs("", stream));
    read_later(&later, record, fds[0], 3 * (size_t)LONG);
    for (int i = 0; i < 3; i++)
        CALL(record, fputs(long_text(), stream) >= 0);
    CALL(record, fflush(stream));
    end_reading(&later, record);
    fclose(stream);
    close(fds[0]);
}

/* What goes to standard output, which is the pipe for as long. */
static void standard_output_waits(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    FILE *before = stdout;
    const char *text = long_text();
    read_later(&later, record, fds[0], 2 * (size_t)LONG + 12);
    stdout = stream;
    int printed = printf("%s", text);
    int put = puts(text) >= 0;
    int character = putchar('x');
    int number = printf("%d", 1234567890);
    int flushed = fflush(NULL);
    stdout = before;
    CALL(record, printed);
    CALL(record, put);
    CALL(record, character);
    CALL(record, number);
    CALL(record, flushed);
    end_reading(&later, record);
    fclose(stream);
    close(fds[0]);
}

static void lines_go_out(struct record *record)
{
    int fds[2];
    struct later later;
    char buffer[1024]; /* of less, libc also writes what is no whole line */
    FILE *stream = into_pipe(record, fds);
    CALL(record, setvbuf(stream, buffer, _IOLBF, sizeof buffer));
    CALL(record, fputs("one\ntw", stream) >= 0);
    read_now(record, fds[0]);
    CALL(record, fprintf(stream, "o %s", "and"));
    read_now(record, fds[0]);
    CALL(record, fputc('\n', stream));
    read_now(record, fds[0]);
    CALL(record, fwrite("three\nfour\nfive", 1, size_of(15), stream));
    read_now(record, fds[0]);
    read_later(&later, record, fds[0], 4 + LONG + 1);
    CALL(record, fprintf(stream, "%s\n", long_text()));
    end_reading(&later, record);
    fclose(stream);
    close(fds[0]);
}

static void unbuffered_streams_wait(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    CALL(record, setvbuf(stream, NULL, _IONBF, 0));
    CALL(record, fputc('a', stream));
    read_now(record, fds[0]);
    CALL(record, fprintf(stream, "%s %d", "bcd", 1));
    read_now(record, fds[0]);
    read_later(&later, record, fds[0], LONG);
    CALL(record, fwrite(long_text(), 1, size_of(LONG), stream));
    end_reading(&later, record);
    fclose(stream);
    close(fds[0]);
}

static void the_close_waits(struct record *record)
{
    int fds[2];
    struct later later;
    FILE *stream = into_pipe(record, fds);
    CALL(record, write(fds[1], long_text(), size_of(PIPE_SIZE)));
    CALL(record, fputs("the rest", stream) >= 0);
    read_later(&later, record, fds[0], PIPE_SIZE + 8);
    CALL(record, fclose(stream));
    end_reading(&later, record);
    CALL(record, read(fds[0], reader.bytes, size_of(1)));
    close(fds[0]);
}

static void descriptors_are_printed_to(struct record *record)
{
    int fds[2];
    struct later later;
    fclose(into_pipe(record, fds));
    close(fds[0]);
    unix_pair(record, SOCK_STREAM, fds);
    const char *text = long_text();
    size_t size = 5 * (size_t)LONG;
    int small = 1;
    NEED(record, setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    read_later(&later, record, fds[1], size + 2);
    CALL(record, dprintf(fds[0], "%s%s%s%s%s%d", text, text, text, text, text, 12));
    end_reading(&later, record);
    close(fds[0]);
    close(fds[1]);
    int full = open("/dev/full", O_WRONLY);
    NEED(record, full >= 0);
    CALL(record, dprintf(full, "%s", "none"));
    close(full);
}

static void nobody_reads(struct record *record)
{
    int fds[2];
    FILE *stream = into_pipe(record, fds);
    close(fds[0]);
    CALL(record, fputs("kept", stream) >= 0);
    CALL(record, fflush(stream));
    FACT(record, ferror(stream) != 0);
    clearerr(stream);
    CALL(record, fprintf(stream, "%s", long_text()));
    FACT(record, ferror(stream) != 0);
    CALL(record, fclose(stream));
}

static void streams_that_are_not_written(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    FILE *stream = fdopen(fds[0], "r");
    NEED(record, stream != NULL);
    CALL(record, fprintf(stream, "%d", 1));
    FACT(record, ferror(stream) != 0);
    CALL(record, fputc('a', stream));
    CALL(record, fputs("ab", stream));
    errno = 0;
    CALL(record, fwrite("ab", 1, size_of(2), stream));
    fclose(stream);
    close(fds[1]);
}

static void nonblocking_prints(struct record *record)
{
    int fds[2];
    FILE *stream = into_pipe(record, fds);
    set_nonblocking(record, fds[1]);
    CALL(record, write(fds[1], long_text(), size_of(PIPE_SIZE)));
    CALL(record, fputs("kept", stream) >= 0);
    CALL(record, fflush(stream));
    FACT(record, ferror(stream) != 0);
    clearerr(stream);
    read_now(record, fds[0]);
    CALL(record, fflush(stream));
    read_now(record, fds[0]);
    fclose(stream);
    close(fds[0]);
}

static void prints_time_out(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    set_timeout(record, fds[0], SO_SNDTIMEO, 20);
    FILE *stream = fdopen(fds[0], "w");
    NEED(record, stream != NULL);
    struct stretch stretch = stretch_begin();
    int error = 0;
    while (!error)
        error = fputs(long_text(), stream) < 0 || fflush(stream) ? errno : 0;
    stretch_end(&stretch, record, 19 * MS);
    CALL(record, error);
    FACT(record, ferror(stream) != 0);
    CALL(record, shutdown(fds[1], SHUT_RDWR));
    CALL(record, fclose(stream));
    close(fds[1]);
}

/* Files, and streams without a descriptor, are written as they are. */
static void files_are_written(struct record *record)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    NEED(record, memory != NULL);
    CALL(record, fprintf(memory, "%s-%d", long_text(), 5));
    CALL(record, fputs("end", memory) >= 0);
    CALL(record, fclose(memory));
    record_bytes(record, "text", text, size);
    free(text);
    FILE *file = tmpfile();
    NEED(record, file != NULL);
    CALL(record, fprintf(file, "%s-%d", long_text(), 5));
    CALL(record, ftell(file));
    CALL(record, fseek(file, 10, SEEK_SET));
    CALL(record, fputs("changed", file) >= 0);
    CALL(record, fflush(file));
    rewind(file);
    CALL(record, fread(reader.bytes, 1, size_of(LONG + 2), file));
    record_bytes(record, "file", reader.bytes, LONG + 2);
    CALL(record, fclose(file));
}

static void wide_prints(struct record *record)
{
    int fds[2];
    FILE *stream = into_pipe(record, fds);
    CALL(record, fputwc(L'a', stream));
    CALL(record, fprintf(stream, "%d", 1) < 0); /* which sets no errno */
    CALL(record, fwprintf(stream, L"%d", 23));
    CALL(record, fflush(stream));
    read_now(record, fds[0]);
    fclose(stream);
    close(fds[0]);
}

/* --- scans --- */

struct word {
    int fd;
    const char *text;
};

static void write_word(void *argument)
{
    const struct word *word = argument;
    if (write(word->fd, word->text, strlen(word->text)) < 0)
        abort();
}

__attribute__((format(scanf, 2, 3))) static int scan_list(FILE *stream, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int count = vfscanf(stream, format, list);
    va_end(list);
    return count;
}

static void numbers_are_waited_for(struct record *record)
{
    int fds[2];
    int number = 0;
    char word[16] = "";
    struct later later;
    pipe_open(record, fds);
    FILE *stream = fdopen(fds[0], "r");
    NEED(record, stream != NULL);
    later_begin(&later, record, write_word, &(struct word){fds[1], "12 half"});
    CALL(record, fscanf(stream, "%d", &number));
    later_end(&later);
    CALL(record, number);
    later_begin(&later, record, write_word, &(struct word){fds[1], "way x\n"});
    CALL(record, fscanf(stream, "%15s", word));
    later_end(&later);
    record_bytes(record, "word", word, strlen(word));
    errno = 0;
    CALL(record, fscanf(stream, "%d", &number));
    CALL(record, fgetc(stream));
    later_begin(&later, record, write_word, &(struct word){fds[1], "7 8\n"});
    CALL(record, scan_list(stream, "%d %15s", &number, word));
    later_end(&later);
    CALL(record, number);
    close(fds[1]);
    CALL(record, fscanf(stream, "%d", &number));
    FACT(record, feof(stream) != 0);
    fclose(stream);
}

/* What the header's names may stand for, by what a program is compiled as. */
int gnu_fscanf(FILE *stream, const char *format, ...) __asm__("fscanf");
int c99_fscanf(FILE *stream, const char *format, ...) __asm__("__isoc99_fscanf");
int c23_fscanf(FILE *stream, const char *format, ...) __asm__("__isoc23_fscanf");

static void numbers_are_waited_for_in_each_dialect(struct record *record)
{
    int fds[2];
    int number = 0;
    struct later later;
    pipe_open(record, fds);
    FILE *stream = fdopen(fds[0], "r");
    NEED(record, stream != NULL);
    later_begin(&later, record, write_word, &(struct word){fds[1], "1\n"});
    CALL(record, gnu_fscanf(stream, "%d%*c", &number));
    later_end(&later);
    later_begin(&later, record, write_word, &(struct word){fds[1], "2\n"});
    CALL(record, c99_fscanf(stream, "%d%*c", &number));
    later_end(&later);
    later_begin(&later, record, write_word, &(struct word){fds[1], "3\n"});
    CALL(record, c23_fscanf(stream, "%d%*c", &number));
    later_end(&later);
    CALL(record, number);
    fclose(stream);
    close(fds[1]);
}

static void standard_input_is_scanned(struct record *record)
{
    int fds[2];
    int number = 0;
    struct later later;
    pipe_open(record, fds);
    FILE *stream = fdopen(fds[0], "r");
    NEED(record, stream != NULL);
    FILE *before = stdin;
    stdin = stream;
    later_begin(&later, record, write_word, &(struct word){fds[1], "34\n"});
    CALL(record, scanf("%d", &number));
    stdin = before;
    later_end(&later);
    CALL(record, number);
    fclose(stream);
    close(fds[1]);
}

const struct hook_case CASES_PRINTS[] = {
    CASE(what_is_formatted_waits),
    CASE(lists_wait),
    CASE(bytes_wait),
    CASE(texts_wait),
    CASE(standard_output_waits),
    CASE(lines_go_out),
    CASE(unbuffered_streams_wait),
    CASE(the_close_waits),
    CASE(descriptors_are_printed_to),
    CASE(nobody_reads),
    CASE(streams_that_are_not_written),
    CASE(nonblocking_prints),
    CASE(prints_time_out),
    CASE(files_are_written),
    CASE(wide_prints),
    CASE(numbers_are_waited_for),
    CASE(numbers_are_waited_for_in_each_dialect),
    CASE(standard_input_is_scanned),
    {0},
};
