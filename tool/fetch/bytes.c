#include "fetch/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void block_release(struct block *block)
{
    free(block->data);
    *block = (struct block){0};
}

void block_clear(struct block *block)
{
    block->size = 0;
    block->failed = false;
}

static bool grow(struct block *block, size_t more)
{
    if (more > SIZE_MAX / 4 - block->size) {
        block->failed = true;
        return false;
    }
    size_t wanted = block->size + more;
    if (wanted <= block->room)
        return true;
    size_t room = block->room * 2 > wanted ? block->room * 2 : wanted + 64;
    char *data = realloc(block->data, room);
    if (!data) {
        block->failed = true;
        return false;
    }
    block->data = data;
    block->room = room;
    return true;
}

void block_add(struct block *block, const void *data, size_t size)
{
    if (!size || !grow(block, size))
        return;
    memcpy(block->data + block->size, data, size);
    block->size += size;
}

uint32_t block_add_text(struct block *block, const char *text)
{
    if (!text || !*text)
        return 0;
    size_t place = block->size;
    block_add(block, text, strlen(text) + 1);
    return block->failed || place > UINT32_MAX ? 0 : (uint32_t)place;
}

void block_print(struct block *block, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0 || !grow(block, (size_t)size + 1)) {
        block->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(block->data + block->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    block->size += (size_t)size;
}

char *text_join(const char *first, ...)
{
    va_list texts;
    size_t size = 1;
    va_start(texts, first);
    for (const char *text = first; text; text = va_arg(texts, const char *))
        size += strlen(text);
    va_end(texts);
    char *joined = malloc(size);
    if (!joined)
        return NULL;
    char *end = joined;
    va_start(texts, first);
    for (const char *text = first; text; text = va_arg(texts, const char *))
        end = stpcpy(end, text);
    va_end(texts);
    return joined;
}
