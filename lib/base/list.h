/* Doubly linked lists through a member of what is linked. A list is a link whose neighbours go
 * round. */
#ifndef OVL_BASE_LIST_H
#define OVL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ovl__link {
    struct ovl__link *previous;
    struct ovl__link *next;
};

/* The object of type `type` whose member `member` is the link. */
#define ovl__of(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void ovl__list_init(struct ovl__link *list)
{
    list->previous = list;
    list->next = list;
}

static inline bool ovl__list_empty(const struct ovl__link *list)
{
    return list->next == list;
}

static inline void ovl__list_append(struct ovl__link *list, struct ovl__link *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void ovl__list_prepend(struct ovl__link *list, struct ovl__link *link)
{
    ovl__list_append(list->next, link);
}

/* Takes a link out of its list; it is then an empty list of its own, so that it can be taken again.
 */
static inline void ovl__list_remove(struct ovl__link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    ovl__list_init(link);
}

/* Takes the first link out, or NULL. */
static inline struct ovl__link *ovl__list_take(struct ovl__link *list)
{
    struct ovl__link *link = list->next;
    if (link == list)
        return NULL;
    ovl__list_remove(link);
    return link;
}

/* Moves all links of `from` to the end of the list. */
static inline void ovl__list_splice(struct ovl__link *list, struct ovl__link *from)
{
    if (ovl__list_empty(from))
        return;
    from->next->previous = list->previous;
    from->previous->next = list;
    list->previous->next = from->next;
    list->previous = from->previous;
    ovl__list_init(from);
}

#endif
