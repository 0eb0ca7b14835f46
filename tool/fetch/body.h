/* The body of an answer, on its way into a part: checked, hashed, written. */
#ifndef TOOL_FETCH_BODY_H
#define TOOL_FETCH_BODY_H

#include "fetch/attempt.h"
#include "fetch/board.h"
#include "fetch/settings.h"

struct body {
    const struct settings *settings;
    const struct order *order;
    struct board *board;
    struct slot *slot;
    int fd; /* of the part; -1: it is not open */
    bool begun;
    bool held_up; /* other transfers wait while bytes are taken: that is not to give way */
    bool discard; /* the answer is no success: what it says is of no interest */
    uint64_t discarded;
    uint64_t offset;   /* where in the part the answer begins */
    uint64_t received; /* bytes that were written */
    bool large;        /* more than a little was written */
    bool at_once;      /* a large body too: its writes do not wait, or nobody would gain by it */
    char *held;        /* of a large body: bytes that are not written yet; or NULL */
    size_t held_size;
    uint64_t least_noted; /* bytes from which on a note is worth its while */
    struct rate rate;
    ovl_time deadline; /* of its waits for a rate: libcurl looks at the time after many of them */
    struct hasher *hasher;
    enum fault fault; /* what is wrong; FAULT_NONE: nothing as yet */
    int number;
};

/* What an answer's headers say of its body. NULL: nothing. */
struct body_headers {
    int status;
    const char *content_range;
    const char *etag;
    const char *modified;
    int64_t length; /* negative: not told */
};

void body_init(struct body *body, const struct settings *settings, const struct order *order,
               struct board *board);

/* Takes the headers, before the first byte. False: the transfer is to end, see `fault`. */
bool body_begin(struct body *body, const struct body_headers *headers);

/* Takes bytes. False as above. */
bool body_take(struct body *body, const char *data, size_t size);

/* Ends it: closes the part. `complete`: the answer came to its end. */
void body_end(struct body *body, bool complete, const struct body_headers *headers,
              struct checksum *ret_checksum);

/* Whether a body may be so long that its part is worth a note: then its marks are asked for. */
bool body_is_noted(const struct body_headers *headers);

/* Whether a part with these marks could be resumed: a strong ETag, or else a time. */
bool body_has_marks(const char *etag, const char *modified);

#endif
