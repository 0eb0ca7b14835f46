#include "run/printer.h"

#include "report/console.h"
#include "run/order.h"
#include "run/text.h"

#include <errno.h>
#include <overlap/lock.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line that is longer is printed in parts. */
#define LINE_MAX_BYTES (1u << 20)

/* Tagged lines are written so many at a time. */
#define CHUNK_BYTES (64u << 10)

struct printer {
    struct printer_options options;
    struct order *order;     /* those that wait; NULL: none has to */
    struct ovl_mutex *mutex; /* who writes */
    struct text chunk;
    atomic_int error;
};

struct printer *printer_new(const struct printer_options *options)
{
    struct printer *printer = calloc(1, sizeof *printer);
    if (!printer)
        return NULL;
    printer->options = *options;
    if (ovl_mutex_open(&printer->mutex) ||
        (options->keep_order && !(printer->order = order_new()))) {
        printer_free(printer);
        return NULL;
    }
    return printer;
}

void printer_free(struct printer *printer)
{
    if (!printer)
        return;
    struct job *job;
    while (printer->order && (job = order_pop(printer->order)))
        job_free(job, printer->options.spool);
    order_free(printer->order);
    if (printer->mutex)
        ovl_mutex_free(printer->mutex);
    text_release(&printer->chunk);
    free(printer);
}

/* --- writing --- */

static void note_error(struct printer *printer, int error)
{
    int none = 0;
    if (error)
        atomic_compare_exchange_strong(&printer->error, &none, error);
}

int printer_error(struct printer *printer)
{
    return atomic_load(&printer->error);
}

/* What cannot be written to standard error cannot be told anywhere: it is dropped. */
static int write_stream(struct printer *printer, int stream, const char *bytes, size_t size)
{
    if (stream == JOB_ERR || printer->options.all_to_error) {
        console_write(STDERR_FILENO, bytes, size);
        return 0;
    }
    int error = printer_error(printer);
    if (!error)
        error = console_write(STDOUT_FILENO, bytes, size);
    note_error(printer, error);
    return error;
}

int printer_write(struct printer *printer, struct ovl_bytes bytes)
{
    int error = printer_error(printer);
    if (!error)
        error = console_write(STDOUT_FILENO, bytes.data, bytes.size);
    note_error(printer, error);
    return error;
}

static char *tag_of(struct printer *printer, const struct job *job)
{
    const struct template_job values = {
        .row = job->row, .slot = job->slot, .total = printer->options.total};
    return printer->options.tag ? template_string(printer->options.tag, &values) : NULL;
}

/* --- output that was captured --- */

/* One stream of one job, on its way out. */
struct flow {
    struct printer *printer;
    int stream;
    const char *tag;
    bool in_line;
};

/* Begins each line with the tag. */
static int print_tagged(struct flow *flow, const char *bytes, size_t size)
{
    struct text *chunk = &flow->printer->chunk;
    while (size) {
        const char *end = memchr(bytes, '\n', size);
        size_t length = end ? (size_t)(end - bytes) + 1 : size;
        if (!flow->in_line) {
            text_add_string(chunk, flow->tag);
            text_add_string(chunk, "\t");
        }
        text_add(chunk, bytes, length);
        flow->in_line = !end;
        bytes += length;
        size -= length;
        if (chunk->size >= CHUNK_BYTES) {
            int error = write_stream(flow->printer, flow->stream, chunk->bytes, chunk->size);
            text_clear(chunk);
            if (error)
                return error;
        }
    }
    return chunk->failed ? -ENOMEM : 0;
}

static int print_bytes(void *context, struct ovl_bytes bytes)
{
    struct flow *flow = context;
    if (flow->tag)
        return print_tagged(flow, bytes.data, bytes.size);
    return write_stream(flow->printer, flow->stream, bytes.data, bytes.size);
}

static void print_stream(struct printer *printer, struct job *job, int stream, const char *tag)
{
    struct flow flow = {.printer = printer, .stream = stream, .tag = tag};
    int error = capture_each(&job->streams[stream], printer->options.spool, print_bytes, &flow);
    if (printer->chunk.size && !error)
        error = write_stream(printer, stream, printer->chunk.bytes, printer->chunk.size);
    text_clear(&printer->chunk);
    note_error(printer, error);
}

static void print_job(struct printer *printer, struct job *job)
{
    bool has_output = job->streams[JOB_OUT].size || job->streams[JOB_ERR].size;
    if (has_output && !printer->options.silent) {
        char *tag = tag_of(printer, job);
        print_stream(printer, job, JOB_OUT, tag);
        print_stream(printer, job, JOB_ERR, tag);
        free(tag);
    }
    if (printer->options.printed)
        printer->options.printed(printer->options.context, job);
    job_free(job, printer->options.spool);
}

void printer_add(struct printer *printer, struct job *job)
{
    if (!printer->order) {
        print_job(printer, job);
        return;
    }
    if (order_put(printer->order, job)) {
        note_error(printer, -ENOMEM);
        job_free(job, printer->options.spool);
    }
    while ((job = order_take(printer->order)))
        print_job(printer, job);
}

size_t printer_waiting(const struct printer *printer)
{
    return printer->order ? order_count(printer->order) : 0;
}

void printer_finish(struct printer *printer)
{
    struct job *job;
    while (printer->order && (job = order_pop(printer->order)))
        print_job(printer, job);
}

/* --- output as it comes --- */

/* The beginning of a line that has not ended. */
struct line {
    struct text text;
    char *tag;
};

static struct line *line_of(struct printer *printer, struct job *job, int stream)
{
    if (!job->lines[stream]) {
        struct line *line = calloc(1, sizeof *line);
        if (line)
            line->tag = tag_of(printer, job);
        job->lines[stream] = line;
    }
    return job->lines[stream];
}

/* Prints what the text has, up to `size`, which ends with a line. */
static int print_lines(struct printer *printer, int stream, struct line *line, size_t size)
{
    ovl_mutex_lock(printer->mutex, OVL_FOREVER);
    struct flow flow = {.printer = printer, .stream = stream, .tag = line->tag};
    int error = print_bytes(&flow, (struct ovl_bytes){line->text.bytes, size});
    if (printer->chunk.size && !error)
        error = write_stream(printer, stream, printer->chunk.bytes, printer->chunk.size);
    text_clear(&printer->chunk);
    ovl_mutex_unlock(printer->mutex);
    note_error(printer, error);
    memmove(line->text.bytes, line->text.bytes + size, line->text.size - size);
    line->text.size -= size;
    return error;
}

static int end_lines(struct printer *printer, struct job *job, int stream)
{
    struct line *line = job->lines[stream];
    if (!line)
        return 0;
    if (line->text.size)
        text_add_string(&line->text, "\n");
    int error = line->text.size ? print_lines(printer, stream, line, line->text.size) : 0;
    text_release(&line->text);
    free(line->tag);
    free(line);
    job->lines[stream] = NULL;
    return error;
}

int printer_take(void *context, struct job *job, int stream, const char *bytes, size_t size)
{
    struct printer *printer = context;
    if (!size)
        return end_lines(printer, job, stream);
    struct line *line = line_of(printer, job, stream);
    if (!line)
        return -ENOMEM;
    text_add(&line->text, bytes, size);
    if (line->text.failed)
        return -ENOMEM;
    const char *end = memrchr(line->text.bytes, '\n', line->text.size);
    if (end)
        return print_lines(printer, stream, line, (size_t)(end - line->text.bytes) + 1);
    return line->text.size > LINE_MAX_BYTES ? print_lines(printer, stream, line, line->text.size)
                                            : 0;
}
