/*
 * What a program did, as a tree of calls: who called whom from which loop, how many times, and how
 * long each computed and waited. It grows with the shape of the program and not with the time it
 * runs.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_TREE_H
#define TOOL_ADVISE_TREE_H

#include "advise/agent/record.h"
#include "advise/spent.h"

#include <overlap/time.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line of source. Two frames at the same line are at the same place. */
struct place {
    char *file;
    char *function;
    int line;
    int first_line; /* of the function */
    uint32_t flags;
    /* Of the loop around it in the source, and of the one around a loop, where those have been
     * looked for; 0: none. */
    int loop_line;
    int outer_line;
    bool loop_known;
    bool outer_known;
    bool own;    /* of the user's code: neither Python's own library nor one that was installed */
    bool import; /* of the machinery that imports modules */
};

/*
 * What computes before the waits of one place is somewhere else, as a rule. Where looks found it,
 * by numbers of nodes or of places: of what lies between two waits the last look counts.
 */
#define TREE_LOOKS 4

struct unseen {
    ovl_time cpu_ns; /* with no look in between; counted for the place that waits meanwhile */
    uint32_t at[TREE_LOOKS];
    uint32_t times[TREE_LOOKS];
};

/* One call of a function, or one turn of a loop, that has ended. */
struct instance {
    ovl_time start_ns;
    ovl_time wall_ns;
    struct spent spent;
};

/* A commit of SQLite's makes sure of a journal, another one each time, twice, and once of its
 * database. */
#define TREE_SYNCED 4

#define TREE_INSTANCES 256

enum node_kind {
    NODE_ROOT,
    NODE_CALL,
    NODE_LOOP,
};

struct node {
    enum node_kind kind;
    uint32_t parent;
    uint32_t place; /* of the function's first line; of the loop's head */
    uint32_t depth;
    uint64_t count;  /* calls; turns */
    uint64_t seen;   /* of these, those that were seen: others were too short */
    uint64_t waited; /* of those, the ones in which a wait was: that is never missed */
    uint64_t looks;  /* how often it was looked at while one of them went on, or waited */
    struct spent spent;
    ovl_time wall_ns; /* of those that have ended */
    ovl_time first_ns;
    ovl_time last_ns;
    uint32_t first_child;
    uint32_t next_sibling;

    /* Of single ones: each stride-th is kept. NULL: none. */
    uint32_t last_identity; /* of the one that was opened last, */
    bool left;              /* it was out of a stack that the thread itself told */
    uint32_t last_path;     /* and by whom, */
    uint32_t last_family;   /* of which family, */
    ovl_time last_open_ns;  /* and when */
    uint32_t turn_parent;   /* of a loop: the call that it was last seen in, */
    uint32_t turn_index;    /* and the number of its turn there; of all, where it is shared */
    uint32_t turn_process;  /* in which process, */
    uint32_t turn_family;   /* of which family */
    bool shared;            /* a fork goes on in the loop that its parent is in */
    struct instance *instances;
    size_t instance_count;
    size_t instance_room;
    size_t stride;

    /* What its waits used: whether all had the same descriptor. */
    uint64_t object; /* of the network or disk waits; 0: none yet */
    bool objects_differ;
    uint64_t synced[TREE_SYNCED]; /* the files that its waits made sure of most */
    uint32_t synced_times[TREE_SYNCED];
    uint32_t syncs;
    bool uncounted; /* a loop whose turns have no number: those count that were seen */

    struct unseen unseen;
};

/* What a line of the user's own code cost. */
struct line_cost {
    uint32_t place;
    struct spent spent;
    uint32_t library; /* the place of what it called first that is not the user's own; 0: none */
    char through[48]; /* the shared object that made the waiting call, where it is not Python's; or
                         "" */
    struct unseen unseen;
};

struct tree {
    struct place *places;
    size_t place_count;
    size_t place_room;
    uint32_t *place_slots;
    size_t place_slot_count;
    struct node *nodes;
    size_t node_count;
    size_t node_room;
    struct line_cost *lines;
    size_t line_count;
    size_t line_room;
    size_t instance_room; /* of all nodes */
    ovl_time light_ns;    /* nodes of less have no single ones; 0: there is room for all */
    uint32_t path_count;
    bool incomplete; /* for want of memory, or of room */
};

/* Returns 0 or -ENOMEM. */
int tree_init(struct tree *tree);
void tree_release(struct tree *tree);

/* In a place's flags: its file does not tell whose it is. It is a library's; it is the user's. */
#define TREE_LIBRARY 0x80000000u
#define TREE_OWN     0x40000000u

/* The number of a place, from 1; 0: no memory. */
uint32_t tree_place(struct tree *tree, const char *file, const char *function, int line,
                    int first_line, uint32_t flags);

/* One frame of a stack, in the tree's places. */
struct tree_level {
    uint32_t place;
    uint32_t call;
    struct record_loop loops[RECORD_LOOPS]; /* places are the tree's */
};

#define TREE_PATH_MAX 72

/* The calls and turns that a thread is in. */
struct tree_open {
    uint32_t node;
    uint32_t identity;
    bool again; /* it was seen before, and something else in between */
    ovl_time start_ns;
    struct spent spent;
};

struct tree_path {
    uint32_t number;  /* its own; 0: not yet */
    uint32_t process; /* whose thread it is; */
    uint32_t family;  /* the same for all that were forked from one program */
    ovl_time fork_ns; /* when it was; 0: it is no fork */
    bool told;        /* the thread itself tells the stacks that are seen: they are whole */
    struct tree_open open[TREE_PATH_MAX];
    size_t count;
    ovl_time seen_ns;
};

/*
 * A thread's stack is seen, outermost frame first: what it was in before and is no more has ended.
 * `spent` was spent in it since it was seen last. `idle` stacks cost nothing.
 */
void tree_see(struct tree *tree, struct tree_path *path, const struct tree_level *levels,
              size_t level_count, ovl_time now_ns, const struct spent *spent);

/* More was spent in what it was seen in last. */
void tree_spend(struct tree *tree, struct tree_path *path, const struct spent *spent);

/* The innermost node that it was seen in last; 0: none. */
uint32_t tree_innermost(const struct tree_path *path);

/* The thread ends. */
void tree_end(struct tree *tree, struct tree_path *path, ovl_time now_ns);

/* Notes what a wait of the path used: a descriptor's inode. */
void tree_uses(struct tree *tree, const struct tree_path *path, uint64_t object);

/* Notes which file a wait of the path made sure of. */
void tree_syncs(struct tree *tree, const struct tree_path *path, uint64_t file);

/* Whether one file was made sure of over and over, beside others perhaps. */
bool tree_syncs_one(const struct node *node);

/* The line of the user's own code that the stack is at, innermost; or the innermost at all. NULL:
 * no memory. */
struct line_cost *tree_line(struct tree *tree, const struct tree_level *levels, size_t level_count);

/* The costs of a place that tree_line has found before. NULL: no memory. */
struct line_cost *tree_line_at(struct tree *tree, uint32_t place);

#endif
