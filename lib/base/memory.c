#include "base/memory.h"

#include "base/system.h"

#include <errno.h>
#include <string.h>

void *ovl__zalloc(size_t size)
{
    void *data = ovl__sys.malloc(size);
    return data ? memset(data, 0, size) : NULL;
}

int ovl__buffer_resize(struct ovl__buffer *buffer, size_t size)
{
    if (size > buffer->capacity || !buffer->data) {
        size_t capacity = size;
        if (buffer->data && capacity < buffer->capacity + buffer->capacity / 2)
            capacity = buffer->capacity + buffer->capacity / 2;
        if (!capacity)
            capacity = 1;
        void *data = ovl__sys.realloc(buffer->data, capacity);
        if (!data)
            return -ENOMEM;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    buffer->size = size;
    return 0;
}

void ovl__buffer_release(struct ovl__buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct ovl__buffer){0};
}
