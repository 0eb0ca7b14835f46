#include "executor/cluster/cluster.h"

#include <string.h>

static size_t aligned(size_t size)
{
    return (size + 15) / 16 * 16;
}

void ovl__letter_add(struct ovl__letter *message, const void *data, size_t size)
{
    size_t before = message->bytes.size;
    if (message->error)
        return;
    message->error = ovl__buffer_resize(&message->bytes, before + aligned(size));
    if (message->error)
        return;
    char *place = (char *)message->bytes.data + before;
    if (size)
        memcpy(place, data, size);
    memset(place + size, 0, aligned(size) - size);
}

void ovl__letter_begin(struct ovl__letter *message, enum ovl__letter_kind kind, uint64_t executor)
{
    struct ovl__letter_head head = {.kind = kind, .executor = executor, .now = ovl_now()};
    message->bytes.size = 0;
    message->error = 0;
    ovl__letter_add(message, &head, sizeof head);
}

struct ovl__letter_head *ovl__letter_head(const struct ovl__letter *message)
{
    return message->bytes.data;
}

const void *ovl__reader_take(struct ovl__reader *reader, size_t size)
{
    size_t whole = aligned(size);
    if (size > whole || whole > reader->left)
        return NULL;
    const void *here = reader->at;
    reader->at += whole;
    reader->left -= whole;
    return here;
}
