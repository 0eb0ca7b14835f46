#include "journal/request.h"

#include <stdlib.h>
#include <string.h>

/* Where the strings of a request are put, one behind the other. */
struct place {
    char *next;
};

static size_t string_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const char *put(struct place *place, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memcpy(place->next, text, size);
    place->next += size;
    return copy;
}

static size_t memory_size(const struct journal_entry *entry, const char *from, const char *to)
{
    return entry->item.size + string_size(entry->error) + string_size(entry->file) +
           string_size(entry->etag) + string_size(entry->last_modified) +
           string_size(entry->checksum) + string_size(entry->command) + string_size(from) +
           string_size(to);
}

struct request *request_new(const struct journal_entry *entry, const char *from, const char *to)
{
    size_t size = sizeof(struct request) + memory_size(entry, from, to);
    struct request *request = malloc(size);
    if (!request)
        return NULL;
    *request = (struct request){.entry = *entry, .size = size};
    atomic_init(&request->references, 1);
    struct place place = {.next = request->memory};
    if (entry->item.size) {
        request->entry.item.data = memcpy(place.next, entry->item.data, entry->item.size);
        place.next += entry->item.size;
    }
    request->entry.error = put(&place, entry->error);
    request->entry.file = put(&place, entry->file);
    request->entry.etag = put(&place, entry->etag);
    request->entry.last_modified = put(&place, entry->last_modified);
    request->entry.checksum = put(&place, entry->checksum);
    request->entry.command = put(&place, entry->command);
    request->from = put(&place, from);
    request->to = put(&place, to);
    return request;
}

void request_drop(struct request *request)
{
    if (atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) > 1)
        return;
    ovl_event_free(request->ended);
    free(request);
}
