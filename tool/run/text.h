/* Text that grows. */
#ifndef TOOL_RUN_TEXT_H
#define TOOL_RUN_TEXT_H

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty one. Where memory ran out it says so, and takes no more. */
struct text {
    char *bytes;
    size_t size;
    size_t room;
    bool failed;
};

void text_add(struct text *text, const void *bytes, size_t size);
void text_add_string(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As one word of a shell: as it is where that is safe, otherwise in quotes. */
void text_add_quoted(struct text *text, struct ovl_bytes word);

/* As a JSON string with its quotes; bytes that are not UTF-8 are U+FFFD. */
void text_add_json(struct text *text, struct ovl_bytes value);

/* In base64. */
void text_add_base64(struct text *text, struct ovl_bytes value);

/* Empties it, and keeps its memory. */
void text_clear(struct text *text);
void text_release(struct text *text);

/* Ends it with a zero, and gives it to the caller, who frees it. NULL: memory ran out. */
char *text_take(struct text *text);

#endif
