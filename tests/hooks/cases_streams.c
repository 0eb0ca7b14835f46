/*
 * Streams of stdio. Compiled twice, under the name CASES_STREAMS: plainly, and with -O2
 * -D_FORTIFY_SOURCE=3.
 */
#include "../support/scratch.h"
#include "places.h"
#include <stdio.h>
#include <wchar.h>

static FILE *stream_of(struct record *record, int fd, const char *mode)
{
    FILE *stream = fdopen(fd, mode);
    NEED(record, stream != NULL);
    return stream;
}

/* What another writes while the case waits; then it closes its end, where it is told to. */
struct words {
    int fd;
    const char *text;
    bool last;
};

static void write_words(void *argument)
{
    const struct words *words = argument;
    if (write(words->fd, words->text, strlen(words->text)) != (ssize_t)strlen(words->text))
        abort();
    if (words->last)
        close(words->fd);
}

static void write_words_later(struct later *later, struct record *record, struct words *words)
{
    later_begin(later, record, write_words, words);
}

static void state(struct record *record, FILE *stream)
{
    FACT(record, feof(stream) != 0);
    FACT(record, ferror(stream) != 0);
}

static void get_line(struct record *record, FILE *stream, size_t room)
{
    char line[64] = "";
    errno = 0; /* the end leaves it as it is */
    char *got = fgets(line, (int)size_of(room), stream);
    record_call(record, "fgets", got ? (long)strlen(line) : -1);
    record_bytes(record, "line", line, strlen(line));
    state(record, stream);
}

static void lines_are_waited_for(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    FILE *stream = stream_of(record, fds[0], "r");
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], "one\ntwo and a ", false});
    get_line(record, stream, 64);
    later_end(&later);
    write_words_later(&later, record, &(struct words){fds[1], "half\nthree\nfour is long", false});
    get_line(record, stream, 64);
    later_end(&later);
    get_line(record, stream, 64);
    get_line(record, stream, 1);
    get_line(record, stream, 5);
    write_words_later(&later, record, &(struct words){fds[1], " and has no end", true});
    get_line(record, stream, 64);
    later_end(&later);
    get_line(record, stream, 64);
    fclose(stream);
}

static void bytes_are_waited_for(struct record *record)
{
    int fds[2];
    char bytes[16] = {0};
    unix_pair(record, SOCK_STREAM, fds);
    FILE *stream = stream_of(record, fds[0], "r");
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], "01234567890123456789", false});
    CALL(record, fread(bytes, 1, size_of(16), stream));
    later_end(&later);
    record_bytes(record, "bytes", bytes, sizeof bytes);
    write_words_later(&later, record, &(struct words){fds[1], "abc", true});
    CALL(record, fread(bytes, 3, size_of(4), stream));
    later_end(&later);
    record_bytes(record, "bytes", bytes, sizeof bytes);
    state(record, stream);
    CALL(record, fread(bytes, 0, size_of(4), stream));
    CALL(record, fread(bytes, 4, size_of(0), stream));
    fclose(stream);
}

static void characters_are_waited_for(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    FILE *stream = stream_of(record, fds[0], "r");
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], "\377bcd", false});
    CALL(record, fgetc(stream));
    later_end(&later);
    errno = 0;
    CALL(record, getc(stream));
    CALL(record, ungetc('x', stream));
    CALL(record, getc(stream));
    CALL(record, getc_unlocked(stream));
    CALL(record, getc(stream));
    write_words_later(&later, record, &(struct words){fds[1], "ef", false});
    CALL(record, getc_unlocked(stream));
    later_end(&later);
    CALL(record, ungetc('y', stream));
    CALL(record, getc_unlocked(stream));
    CALL(record, fgetc_unlocked(stream));
    write_words_later(&later, record, &(struct words){fds[1], "gh", false});
    CALL(record, (fgetc_unlocked)(stream));
    later_end(&later);
    CALL(record, (getc_unlocked)(stream));
    write_words_later(&later, record, &(struct words){fds[1], "", true});
    errno = 0;
    CALL(record, getc(stream));
    later_end(&later);
    errno = 0;
    CALL(record, getc(stream));
    CALL(record, getc_unlocked(stream));
    state(record, stream);
    fclose(stream);
}

static void characters_of_standard_input_are_waited_for(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    FILE *before = stdin;
    stdin = stream_of(record, fds[0], "r");
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], "a", false});
    CALL(record, getchar());
    later_end(&later);
    write_words_later(&later, record, &(struct words){fds[1], "b", false});
    CALL(record, getchar_unlocked());
    later_end(&later);
    write_words_later(&later, record, &(struct words){fds[1], "cd", true});
    CALL(record, (getchar_unlocked)());
    later_end(&later);
    CALL(record, (getchar)());
    errno = 0; /* the end leaves it as it is */
    CALL(record, getchar());
    state(record, stdin);
    fclose(stdin);
    stdin = before;
}

static void lines_of_any_length(struct record *record)
{
    enum { LENGTH = 10000 };
    static char text[LENGTH + 1];
    int fds[2];
    pipe_open(record, fds);
    FILE *stream = stream_of(record, fds[0], "r");
    memset(text, 'a', LENGTH);
    text[1] = ';';
    text[LENGTH - 1] = '\n';
    char *line = NULL;
    size_t room = 0;
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], text, false});
    CALL(record, getdelim(&line, &room, ';', stream));
    later_end(&later);
    CALL(record, getline(&line, &room, stream));
    record_bytes(record, "line", line, LENGTH - 2);
    FACT(record, room > LENGTH - 2);
    write_words_later(&later, record, &(struct words){fds[1], "the rest", true});
    CALL(record, getline(&line, &room, stream));
    later_end(&later);
    record_bytes(record, "line", line, 9);
    errno = 0;
    CALL(record, getline(&line, &room, stream));
    state(record, stream);
    CALL(record, getline(NULL, &room, stream));
    free(line);
    fclose(stream);
}

/* A reply is waited for on the stream that the question was written to. */
static void questions_and_answers(struct record *record)
{
    int fds[2];
    char asked[16] = {0};
    tcp_pair(record, fds);
    FILE *stream = stream_of(record, fds[0], "r+");
    for (int i = 0; i < 3; i++) {
        CALL(record, fprintf(stream, "question %d\n", i));
        struct later later;
        CALL(record, fflush(stream));
        CALL(record, read(fds[1], asked, size_of(11)));
        write_words_later(&later, record, &(struct words){fds[1], "answer\n", false});
        get_line(record, stream, 64);
        later_end(&later);
    }
    fclose(stream);
    close(fds[1]);
}

static void streams_time_out(struct record *record)
{
    int fds[2];
    unix_pair(record, SOCK_STREAM, fds);
    set_timeout(record, fds[0], SO_RCVTIMEO, 20);
    FILE *stream = stream_of(record, fds[0], "r");
    struct stretch stretch = stretch_begin();
    get_line(record, stream, 64);
    stretch_end(&stretch, record, 19 * MS);
    clearerr(stream);
    CALL(record, write(fds[1], "late\n", size_of(5)));
    get_line(record, stream, 64);
    fclose(stream);
    close(fds[1]);
}

static void nonblocking_streams(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    set_nonblocking(record, fds[0]);
    FILE *stream = stream_of(record, fds[0], "r");
    CALL(record, getc(stream));
    get_line(record, stream, 64);
    clearerr(stream);
    CALL(record, write(fds[1], "there\n", size_of(6)));
    get_line(record, stream, 64);
    fclose(stream);
    close(fds[1]);
}

/* The next stream's descriptor is that of the one before, which libc closed where no hook sees. */
static void numbers_are_used_again(struct record *record)
{
    for (int i = 0; i < 3; i++) {
        int fds[2];
        pipe_open(record, fds);
        FILE *stream = stream_of(record, fds[0], "r");
        struct later later;
        write_words_later(&later, record, &(struct words){fds[1], "late\n", true});
        get_line(record, stream, 64);
        later_end(&later);
        fclose(stream);
    }
}

static void what_is_pushed_back_comes_first(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    FILE *stream = stream_of(record, fds[0], "r");
    CALL(record, write(fds[1], "abc\ndef\n", size_of(8)));
    CALL(record, ungetc('1', stream));
    CALL(record, ungetc('0', stream));
    get_line(record, stream, 64);
    CALL(record, ungetc('\n', stream));
    CALL(record, ungetc('x', stream));
    get_line(record, stream, 64);
    get_line(record, stream, 64);
    CALL(record, ungetc('y', stream));
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], "es\n", true});
    get_line(record, stream, 64);
    later_end(&later);
    fclose(stream);
}

static void wide_streams(struct record *record)
{
    int fds[2];
    pipe_open(record, fds);
    FILE *stream = stream_of(record, fds[0], "r");
    CALL(record, write(fds[1], "ab\n", size_of(3)));
    CALL(record, fgetwc(stream));
    CALL(record, fgetwc(stream));
    CALL(record, fwide(stream, 0) > 0);
    fclose(stream);
    close(fds[1]);
}

/* Files, and streams without a descriptor, are read as they are. */
static void files_and_memory(struct record *record)
{
    char bytes[8] = {0};
    char text[] = "one\ntwo\nthree";
    FILE *memory = fmemopen(text, strlen(text), "r");
    NEED(record, memory != NULL);
    get_line(record, memory, 64);
    CALL(record, fread(bytes, 2, size_of(4), memory));
    get_line(record, memory, 64);
    fclose(memory);
    FILE *file = tmpfile();
    NEED(record, file != NULL);
    CALL(record, fputs(text, file));
    rewind(file);
    get_line(record, file, 64);
    CALL(record, fread(bytes, 1, size_of(8), file));
    record_bytes(record, "bytes", bytes, sizeof bytes);
    CALL(record, ftell(file));
    get_line(record, file, 64);
    CALL(record, fread(bytes, 1, size_of(8), file));
    state(record, file);
    fclose(file);
}

/* The child echoes what it is told, once it is told. */
static void children_are_read(struct record *record)
{
    int fds[2];
    char command[64];
    NEED(record, pipe(fds) == 0);
    snprintf(command, sizeof command, "read word <&%d; echo $word; exit 3", fds[0]);
    FILE *child = popen(command, "r"); /* NOLINT(cert-env33-c) */
    NEED(record, child != NULL);
    struct later later;
    write_words_later(&later, record, &(struct words){fds[1], "hello\n", false});
    get_line(record, child, 64);
    later_end(&later);
    get_line(record, child, 64);
    CALL(record, pclose(child));
    close(fds[0]);
    close(fds[1]);
}

const struct hook_case CASES_STREAMS[] = {
    CASE(lines_are_waited_for),
    CASE(bytes_are_waited_for),
    CASE(characters_are_waited_for),
    CASE(characters_of_standard_input_are_waited_for),
    CASE(lines_of_any_length),
    CASE(questions_and_answers),
    CASE(streams_time_out),
    CASE(nonblocking_streams),
    CASE(numbers_are_used_again),
    CASE(what_is_pushed_back_comes_first),
    CASE(wide_streams),
    CASE(files_and_memory),
    CASE(children_are_read),
    {0},
};
