#include "base/memory.h"

#include "base/system.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

void *ovl__zalloc(size_t size)
{
    void *data = ovl__sys.malloc(size);
    return data ? memset(data, 0, size) : NULL;
}

#define LINE_BYTES 64

/* The address that malloc gave stands right before the first line. */
void *ovl__lines_zalloc(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    char *data = ovl__sys.malloc(size + LINE_BYTES + sizeof(void *));
    if (!data)
        return NULL;
    uintptr_t first = (uintptr_t)data + sizeof(void *) + LINE_BYTES - 1;
    char *lines = data + (first / LINE_BYTES * LINE_BYTES - (uintptr_t)data);
    memcpy(lines - sizeof(void *), &data, sizeof(void *));
    return memset(lines, 0, size);
}

void ovl__lines_free(void *lines)
{
    if (!lines)
        return;
    void *data;
    memcpy(&data, (char *)lines - sizeof(void *), sizeof(void *));
    free(data);
}

static int grow(struct ovl__buffer *buffer, size_t size)
{
    size_t capacity = size;
    if (buffer->data && capacity < buffer->capacity + buffer->capacity / 2)
        capacity = buffer->capacity + buffer->capacity / 2;
    if (!capacity)
        capacity = 1;
    void *data = ovl__sys.realloc(buffer->borrowed ? NULL : buffer->data, capacity);
    if (!data)
        return -ENOMEM;
    if (buffer->borrowed && buffer->data)
        memcpy(data, buffer->data, buffer->size);
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->borrowed = false;
    return 0;
}

int ovl__buffer_resize(struct ovl__buffer *buffer, size_t size)
{
    if ((size > buffer->capacity || !buffer->data) && grow(buffer, size))
        return -ENOMEM;
    buffer->size = size;
    return 0;
}

void ovl__buffer_release(struct ovl__buffer *buffer)
{
    if (!buffer->borrowed)
        free(buffer->data);
    *buffer = (struct ovl__buffer){0};
}
