/* Text of any bytes in what people and programs read: UTF-8, pages, traces. */
#include "report/page.h"
#include "report/trace.h"
#include "report/utf8.h"

#include "fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void check_page(const struct timeline *timeline, const char *label)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    page_text(out, label);
    page_timeline(out, timeline);
    fclose(out);
    MUST(utf8_is_valid(text, size));
    MUST(!strstr(text, "<script") && !memchr(text, 0x1b, size));
    free(text);
}

static void check_trace(const struct timeline *timeline)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    MUST(trace_write(out, &timeline, 1) == 0);
    fclose(out);
    json_t *document = json_loadb(text, size, 0, NULL);
    MUST(document);
    json_decref(document);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *clean = utf8_clean((const char *)data, size);
    MUST(clean && utf8_is_valid(clean, strlen(clean)));
    if (utf8_is_valid((const char *)data, size) && !memchr(data, 0, size))
        MUST(strlen(clean) == size && !memcmp(clean, data, size));
    free(clean);
    char *label = strndup((const char *)data, size);
    struct timeline *timeline = timeline_new(label);
    size_t track = timeline_track(timeline, label);
    timeline_add(timeline, track, TIMELINE_RUNNING, 0, 1 + (ovl_time)size, label);
    check_page(timeline, label);
    check_trace(timeline);
    timeline_free(timeline);
    free(label);
    return 0;
}
