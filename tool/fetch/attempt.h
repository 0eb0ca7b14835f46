/*
 * One attempt at one URL: what a task is told, and what it answers. Both are plain bytes, so that a
 * worker may be another process: a struct, behind which its strings lie.
 */
#ifndef TOOL_FETCH_ATTEMPT_H
#define TOOL_FETCH_ATTEMPT_H

#include "fetch/bytes.h"
#include "fetch/checksum.h"

#include <overlap.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a string lies, from the beginning of its struct: for block_text. 0: there is none. */
typedef uint32_t text_at;

struct order {
    uint64_t index;   /* of the item */
    uint64_t resume;  /* bytes that are in the part already; 0: it begins anew */
    uint32_t slot;    /* of the board, where to tell how far it is */
    bool head;        /* no body is wanted */
    bool own_headers; /* `headers` are there */
    bool conditional; /* `etag` and `modified` are of the file that is there: only if it changed */
    bool note;        /* keep a note beside the part, so that another run can resume it */
    bool publish;     /* give the complete part its name in the task */
    bool replace;     /* also where a file has it */
    bool patient;     /* may wait for the host's first connection, which may be one for all */
    int64_t journal_id; /* of the entry that this replaces; 0: none */
    unsigned attempts;  /* this one included */
    ovl_time before_ns; /* what the earlier ones took */
    struct checksum checksum;
    text_at url;
    text_at given; /* the URL as it was given, which may be another than this mirror */
    text_at part;  /* the path of the part file */
    text_at final; /* the path it gets; none where the parent gives it */
    text_at etag;  /* what the part is of, or the file */
    text_at modified;
    text_at method;
    text_at data;
    text_at headers; /* lines, ended by '\n' */
    text_at agent;
    text_at referer;
};

/* What became of an attempt. */
enum fault {
    FAULT_NONE,      /* complete, and where it was asked for, verified */
    FAULT_UNCHANGED, /* the file that is there is what the server has */
    FAULT_SKIPPED,   /* a file was there, and that counts as done */
    FAULT_CURL,      /* `number` is libcurl's code */
    FAULT_STATUS,    /* the status is no success */
    FAULT_RANGE,     /* the answer was not the rest that was asked for: begin anew */
    FAULT_CHECKSUM,  /* complete, and not what it should be */
    FAULT_TOO_LARGE, /* more than --max-filesize */
    FAULT_HEADERS,   /* more than --max-header-bytes, or than libcurl takes */
    FAULT_FILE,      /* a file could not be written: `number` is the errno */
    FAULT_EXISTS,    /* a file of that name is there */
    FAULT_JOURNAL,   /* the journal cannot be written, which was said */
    FAULT_INTERRUPTED,
    FAULT_MEMORY,
    FAULT_WORKER, /* whoever ran it died; `text` tells */
    FAULT_URL,    /* what was given is no URL; `text` tells */
    FAULT_HOST,   /* the host was given up */
};

struct reply {
    enum fault fault;
    int number;
    int system_error; /* errno of a connection that failed; 0: unknown */
    int status;
    uint64_t received;  /* bytes of the body in this attempt */
    uint64_t size;      /* of the part now, or of the file */
    uint64_t transfers; /* connections that were made */
    bool keep;          /* the part can be resumed */
    bool stored;        /* there is a part with its body */
    bool published;     /* the file has its name */
    ovl_time begun;     /* of the clock of ovl_now */
    ovl_time ended;
    ovl_time first_byte_ns;
    double retry_after;       /* seconds the server wants to be left alone; negative: not told */
    bool spent;               /* its rate limit is used up, until retry_after is over */
    struct checksum checksum; /* what the body had, where one was computed */
    text_at final;            /* the name it got, where it is another */
    text_at etag;
    text_at modified;
    text_at name; /* that the server proposes, cleaned */
    text_at type;
    text_at text; /* what libcurl said */
};

/* Tells what went wrong, and what to do about it, in a sentence without a full stop. */
void reply_describe(const struct reply *reply, char *buffer, size_t size);

/* The word for it in JSON: "timeout", "status", …. Constant string; NULL for none. */
const char *reply_kind(const struct reply *reply);

#endif
