/*
 * Cluster: the ranks of an MPI job. Rank 0 is the program; the others are its workers, each in a
 * process of its own, on this machine or another.
 *
 * Every rank runs the same program. Where it opens a cluster, or calls ovl_cluster_join, rank 0
 * goes on, and the others serve (rank.c) until rank 0 exits; they then exit too. Rank 0 has one
 * thread that does all the messages (cluster.c): nobody else uses the transport while it runs.
 *
 * A message is a head, and then its parts, each at a multiple of 16 bytes. A part's bytes follow
 * it, where they are few; large ones are a message of their own, with the tag OVL__BODY, sent from
 * where they are and received to where they belong. Large results of a rank on rank 0's machine are
 * in no message: they are written where rank 0 has them as well, in a lane.
 */
#ifndef OVL_EXECUTOR_CLUSTER_CLUSTER_H
#define OVL_EXECUTOR_CLUSTER_CLUSTER_H

#include "cluster/place.h"
#include "cluster/transport.h"
#include "executor/processes/lane.h"
#include "executor/queue.h"

/* A rank has at most so many tasks at a time. */
#define OVL__AHEAD 256

/* Bytes from which on an item or a result is a message of its own. */
#define OVL__APART ((size_t)64 << 10)

enum ovl__tag {
    OVL__HEAD = 1,
    OVL__BODY,
    OVL__CANCEL, /* letters CANCELLING and RECALLING: they are looked for while a task runs, ahead
                    of the others */
};

enum ovl__letter_kind {
    OVL__OPENING,    /* to a rank: an executor was opened; one part, struct ovl__opening */
    OVL__TASKS,      /* to a rank: run these; parts are struct ovl__task_part */
    OVL__CANCELLING, /* to a rank: end these; parts are uint32_t, a task's place among all it was
                        sent by this executor */
    OVL__RECALLING,  /* to a rank: another one has nothing to do: give back what you have not begun;
                        one part, uint32_t, how many tasks it was sent by this executor */
    OVL__RETURNING, /* to rank 0: the answer, where there are any; one part, struct ovl__returned */
    OVL__CLOSING,   /* to a rank: close the sessions */
    OVL__LEAVING,   /* to a rank: the program exits; it answers CLOSED, of no executor */
    OVL__RESULTS,   /* to rank 0: parts are struct ovl__result_part, in the order of the tasks */
    OVL__SAYING,    /* to rank 0: what a task says; one part, the size of the bytes behind it */
    OVL__CLOSED,    /* to rank 0: the sessions are closed */
};

struct ovl__letter_head {
    uint32_t kind;
    uint32_t count; /* parts */
    uint64_t
        executor; /* which of rank 0's, by their order: what is left of a former one is dropped */
    int64_t now;  /* the sender's clock */
    int64_t took_ns;   /* RESULTS: how long the tasks took together */
    uint64_t recorded; /* RESULTS: a meter follows each part */
};

struct ovl__opening {
    struct ovl__code_place session_open, session_close;
    struct ovl__lane_place lane;
    uint64_t recorded;
};

struct ovl__task_part {
    struct ovl__code_place fn;
    int64_t left_ns; /* until its deadline; OVL_FOREVER: none */
    uint64_t item_size;
};

/* Tasks that a rank will not run, by their places: from `first` on, before `end`. */
struct ovl__returned {
    uint32_t first, end;
};

struct ovl__result_part {
    int32_t error;
    int32_t detail;
    uint32_t begun;   /* 0: it was to end, as `error` says, before it could begin */
    uint32_t in_lane; /* 1: instead of its bytes there follows where they are, struct ovl__block */
    uint64_t size;
};

/* --- messages as they are made and read (letter.c) --- */

/* A message that is being put together. */
struct ovl__letter {
    struct ovl__buffer bytes;
    int error; /* some part did not fit into memory: the message is of no use */
};

void ovl__letter_begin(struct ovl__letter *message, enum ovl__letter_kind kind, uint64_t executor);

/* Appends a part, or its bytes, as they are; and what aligns the next one. */
void ovl__letter_add(struct ovl__letter *message, const void *data, size_t size);

struct ovl__letter_head *ovl__letter_head(const struct ovl__letter *message);

/* A message that is being read; everything of it is held against its size. */
struct ovl__reader {
    const char *at;
    size_t left;
};

/* The next `size` bytes, or NULL: there are not so many. */
const void *ovl__reader_take(struct ovl__reader *reader, size_t size);

/* --- the other ranks (rank.c) --- */

/* A task may say so much at once. */
#define OVL__SAY_MAX ((size_t)1 << 30)

/*
 * Serves rank 0 until it exits, and then exits: with the executor that this rank's program was
 * about to open.
 */
_Noreturn void ovl__rank_serve(const struct ovl__transport *transport, unsigned rank,
                               struct ovl_executor *executor);

/* How long to sleep before the next look for messages: longer, the longer nothing has arrived since
 * `since`. 0: not at all yet. */
ovl_time ovl__rank_pause(ovl_time since);

/* Sleeps so long, or gives way. */
void ovl__rank_rest(ovl_time since);

#endif
