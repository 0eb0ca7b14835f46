/* File names that a URL or a server proposes, made harmless: nothing outside chooses a path. */
#ifndef TOOL_FETCH_NAME_H
#define TOOL_FETCH_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Longer names are cut in the middle of their stem, and keep their extension. With what is added to
 * them (".12", ".part") they stay below what file systems take. */
#define NAME_BYTES_MAX 200

/*
 * Makes `size` bytes at `text` a name of one file: valid UTF-8, no '/', no control characters and
 * none that turn the direction of text, not hidden, not the name of a device on any system, not
 * empty (then it is "index.html"), at most NAME_BYTES_MAX bytes.
 *
 * The caller frees it. NULL: no memory.
 */
char *name_clean(const char *text, size_t size);

/* The name that a URL's path ends with, its percent signs decoded, and cleaned. */
char *name_of_url(const char *url);

/* `name` with a number in front of its extension: "a.1.txt". The caller frees it; NULL: no memory.
 */
char *name_numbered(const char *name, unsigned number);

/* Whether a path that a list names stays in its folder: relative, and without "..", "." and empty
 * parts. */
bool name_stays_inside(const char *path);

#endif
