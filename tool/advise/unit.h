/* The repeated unit of work: what is done over and over, one after the other. */
#ifndef TOOL_ADVISE_UNIT_H
#define TOOL_ADVISE_UNIT_H

#include "advise/tree.h"

#include <overlap/model.h>

struct unit {
    uint32_t node;     /* 0: there is none, or it was not counted */
    uint32_t function; /* the place of the function that does it; 0: it is the body of a loop */
    uint32_t call;     /* the place of the loop, or of the function that calls it */
    double share;      /* of all computing, where that is sampled; 0: it is counted */
    uint64_t count;    /* how many times in all; 0: not known, as where that is sampled */
    uint64_t groups;   /* how many loops: each is over before the next begins */
    struct spent spent;
    ovl_time first_ns;
    ovl_time last_ns;
    bool one_connection;                  /* all of its network waits were on one socket */
    bool server;                          /* it answers requests, for a server of a library's */
    const char *several[OVL_MODEL_COUNT]; /* how that answers several at once; NULL: not known */
    bool one_file;                        /* all make sure of the same one (fsync) */
    bool new_files;                       /* they make sure of one after the other */
    bool uncounted; /* it was done more often than `count` says: that is how often it was seen */
    bool at_least;  /* it may have been done more often: not each of `count` was seen to wait */
    bool stream;    /* a loop that reads on from where it stopped */
};

/* Finds it in the tree. `cores`: to compute on. unit->node is 0 where there is none. */
void unit_find(const struct tree *tree, unsigned cores, struct unit *unit);

#endif
