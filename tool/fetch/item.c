#include "fetch/item.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item *item_new(size_t index, const char *given, size_t size)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->index = index;
    item->given = strndup(given, size);
    if (!item->given) {
        free(item);
        return NULL;
    }
    return item;
}

static void free_request(struct item_request *request)
{
    if (!request)
        return;
    free(request->method);
    free(request->data);
    free(request->headers);
    free(request->agent);
    free(request->referer);
    free(request);
}

void item_free(struct item *item)
{
    if (!item)
        return;
    for (size_t n = 0; n < item->mirror_count; n++)
        free(item->mirrors[n]);
    free(item->mirrors);
    free_request(item->request);
    part_note_release(&item->note);
    free(item->given);
    free(item->output);
    free(item->folder);
    free(item->final);
    free(item->part);
    free(item->proposed);
    free(item->error);
    free(item->etag);
    free(item->modified);
    free(item);
}

const char *item_url(const struct item *item)
{
    return item->at == 0 ? item->given : item->mirrors[item->at - 1];
}

void item_set_error(struct item *item, const char *format, ...)
{
    va_list arguments;
    free(item->error);
    va_start(arguments, format);
    if (vasprintf(&item->error, format, arguments) < 0)
        item->error = NULL;
    va_end(arguments);
}

bool item_set(char **place, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return false;
    free(*place);
    *place = copy;
    return true;
}

struct item_request *item_request(struct item *item)
{
    if (!item->request)
        item->request = calloc(1, sizeof *item->request);
    return item->request;
}

bool item_add_mirror(struct item *item, const char *url, size_t size)
{
    char **list = realloc(item->mirrors, (item->mirror_count + 1) * sizeof *list);
    if (!list)
        return false;
    item->mirrors = list;
    list[item->mirror_count] = strndup(url, size);
    if (!list[item->mirror_count])
        return false;
    item->mirror_count++;
    return true;
}
