/* One URL that was asked for, from the moment it is read until its fate is told. */
#ifndef TOOL_FETCH_ITEM_H
#define TOOL_FETCH_ITEM_H

#include "fetch/attempt.h"
#include "fetch/checksum.h"
#include "fetch/part.h"

#include <overlap.h>
#include <stdbool.h>
#include <stdint.h>

enum item_state {
    ITEM_WAITING, /* for its turn, or for its next attempt */
    ITEM_RUNNING,
    ITEM_DONE,
    ITEM_FAILED,
    ITEM_NOT_STARTED, /* all was stopped before its first attempt */
};

struct host;

/* What a list says of a request; NULL: as for all. */
struct item_request {
    char *method;
    char *data;
    char *headers; /* lines */
    char *agent;
    char *referer;
};

struct item {
    size_t index;      /* of the input, from 0 */
    struct item *next; /* in whatever queue it is */

    /* As it was given. */
    char *given;    /* the URL; any bytes but zero */
    char **mirrors; /* further URLs of the same file */
    size_t mirror_count;
    char *output; /* the name or path asked for; NULL: from the URL */
    char *folder; /* NULL: the one for all */
    bool trusted; /* `output` comes from the command line: any path will do */
    struct checksum checksum;
    struct item_request *request;

    /* Where it goes. */
    char *final; /* the file's path; NULL: standard output, or nowhere */
    char *part;
    struct part_note note; /* of what the part is, where it is of something */
    bool resumable;        /* there is a part, and `note` is of it */

    /* Where it comes from. */
    struct host *host; /* of the URL that is tried now */
    size_t at;         /* which: 0 is `given`, others mirrors */

    /* How far it is. */
    enum item_state state;
    unsigned attempts;
    unsigned failures;     /* that counted */
    unsigned restarts;     /* parts that were of no use */
    unsigned waits;        /* times that the machine had nothing to give */
    struct checksum wrong; /* what a complete body had in place of `checksum`; of no kind: none */
    uint64_t dead;         /* a bit for each of its first URLs that will not work */
    uint32_t slot;         /* while it runs */
    ovl_time due;          /* of the next attempt */
    ovl_time first;        /* begin of the first attempt */
    ovl_time seconds_ns;   /* of all attempts together */
    uint64_t received;     /* bytes, in all attempts */

    bool published;  /* its file has its name, and where there is a journal it knows */
    bool to_publish; /* its part is complete, and gets its name from the parent */
    char *proposed;  /* the server's name for it */
    bool ended;      /* it waits for those before it to be told */

    /* What the journal has of it. */
    bool recorded; /* it was done before: nothing is to be done, or it is to be asked for again */
    int64_t journal_id;

    /* How it ended. */
    enum fault fault;
    int number; /* of the fault */
    int status;
    uint64_t bytes; /* of the file */
    char *error;    /* NULL: none */
    char *etag;
    char *modified;
};

/* NULL: no memory. `given` is copied. */
struct item *item_new(size_t index, const char *given, size_t size);
void item_free(struct item *item);

/* The URL that is tried now. */
const char *item_url(const struct item *item);

/* Sets item->error to a formatted text; where there is no memory, to nothing. */
void item_set_error(struct item *item, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets one of the strings of an item to a copy. False: no memory. */
bool item_set(char **place, const char *text);

/* The request of an item, made where it has none. NULL: no memory. */
struct item_request *item_request(struct item *item);

bool item_add_mirror(struct item *item, const char *url, size_t size);

#endif
