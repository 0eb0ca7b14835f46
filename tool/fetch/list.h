/*
 * Lists of URLs: what the command line and the files of -i have, one item after the other. Nothing
 * is read before it is wanted, and standard input is not waited for.
 */
#ifndef TOOL_FETCH_LIST_H
#define TOOL_FETCH_LIST_H

#include "fetch/item.h"
#include "fetch/settings.h"

struct list;

enum list_state {
    LIST_ITEM,
    LIST_LATER, /* more may come through a pipe */
    LIST_END,
    LIST_FAILED, /* a list cannot be read, or there is no memory; it was said */
};

/*
 * Opens the files. Returns 0, or the exit code once it has said what is wrong. The settings must
 * outlive it.
 */
int list_open(const struct settings *settings, struct list **ret_list);
void list_close(struct list *list);

/* The next item, which is the caller's. */
enum list_state list_next(struct list *list, struct item **ret_item);

/*
 * Reads one line of a list, without its end: a URL and what follows after tabs. NULL in *ret_item:
 * it has none (empty, or a comment). What is wrong with it stands in the item's `error`.
 * 0 or -ENOMEM.
 */
int list_read_line(const char *line, size_t size, size_t index, struct item **ret_item);

/*
 * Reads an indented line below an item's: "out=name". What is wrong with it goes to the item's
 * `error`. 0 or -ENOMEM.
 */
int list_read_option(struct item *item, const char *line, size_t size);

#endif
