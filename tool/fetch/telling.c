#include "fetch/telling.h"

#include "command.h"
#include "report/output.h"
#include "report/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* A string of any bytes; null for none. */
static json_t *text_or_null(const char *text)
{
    char *clean = text ? utf8_clean(text, strlen(text)) : NULL;
    json_t *string = clean ? json_string(clean) : json_null();
    free(clean);
    return string;
}

static json_t *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = strlen(text);
    char *coded = malloc((size + 2) / 3 * 4 + 1);
    char *out = coded;
    for (size_t n = 0; coded && n < size; n += 3) {
        unsigned bits = (unsigned)(unsigned char)text[n] << 16;
        size_t left = size - n;
        bits |= left > 1 ? (unsigned)(unsigned char)text[n + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned char)text[n + 2] : 0;
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[bits & 63] : '=';
    }
    json_t *string = coded ? json_stringn(coded, (size_t)(out - coded)) : json_null();
    free(coded);
    return string;
}

static const char *kind_of(const struct item *item)
{
    if (item->state == ITEM_NOT_STARTED)
        return "not_started";
    struct reply reply = {.fault = item->fault, .number = item->number};
    return reply_kind(&reply);
}

static json_t *make_item(const struct item *item)
{
    bool done = item->state == ITEM_DONE;
    json_t *object = json_object();
    json_object_set_new(object, "url", text_or_null(item->given));
    if (!utf8_is_valid(item->given, strlen(item->given)))
        json_object_set_new(object, "item_base64", base64(item->given));
    json_object_set_new(object, "file", done ? text_or_null(item->final) : json_null());
    json_object_set_new(object, "status",
                        item->status > 0 ? json_integer(item->status) : json_null());
    json_object_set_new(object, "bytes", json_integer((json_int_t)item->bytes));
    json_object_set_new(object, "seconds", json_real(seconds(item->seconds_ns)));
    json_object_set_new(object, "attempts", json_integer(item->attempts));
    json_object_set_new(object, "error",
                        done ? json_null()
                             : text_or_null(item->error ? item->error : "not started"));
    const char *kind = done ? NULL : kind_of(item);
    json_object_set_new(object, "error_kind", kind ? json_string(kind) : json_null());
    json_object_set_new(object, "unchanged", json_boolean(item->fault == FAULT_UNCHANGED));
    json_object_set_new(object, "journal", json_boolean(item->recorded && item->attempts == 0));
    return object;
}

bool telling_line(const struct item *item)
{
    json_t *object = make_item(item);
    if (object && json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0)
        putchar('\n');
    json_decref(object);
    return output_finish(EXIT_DONE) == EXIT_DONE;
}

static char *lines_of(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

/* As one of the document's items: each line behind its margin. */
static bool print_item(const struct item *item)
{
    char *text = lines_of(make_item(item));
    char *rest = text;
    bool good = text;
    for (const char *line; (line = strsep(&rest, "\n"));)
        printf("    %s%s", line, rest ? "\n" : "");
    free(text);
    return good;
}

/* The document as it is without items, and these one by one before its last bracket: all at once
 * would take several times the memory that they do. */
bool telling_document(const struct run *run)
{
    static const char last[] = "]\n}";
    const struct run_counts *counts = &run->counts;
    char *frame = lines_of(json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:s, s:I, s:[]}", "done", (json_int_t)counts->done, "failed",
        (json_int_t)counts->failed, "not_started", (json_int_t)counts->not_started, "bytes",
        (json_int_t)counts->bytes, "wall_seconds", seconds(run->end - run->start), "model",
        ovl_model_name(run->context.model), "workers", (json_int_t)run->limit, "items"));
    bool good = frame;
    /* A write that fails is output_finish's to tell. */
    if (good)
        fwrite(frame, 1, strlen(frame) - strlen(last), stdout);
    for (size_t n = 0; n < counts->items && good; n++) {
        fputs(n > 0 ? ",\n" : "\n", stdout);
        good = print_item(run->items[n]);
    }
    if (good)
        printf("%s%s\n", counts->items > 0 ? "\n  " : "", last);
    free(frame);
    return good;
}
