/*
 * One process that is watched: its record, its memory as far as it may be read, its threads.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_PROCESS_H
#define TOOL_ADVISE_PROCESS_H

#include "advise/agent/record.h"
#include "advise/code.h"
#include "advise/native.h"
#include "advise/plumbing.h"
#include "advise/python/frames.h"
#include "advise/tree.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where a look found that a thread computes. */
struct thread_look {
    bool found;
    uint32_t node; /* the innermost */
    uint32_t line; /* of the user's own; 0: none */
    enum plumbing_kind plumbing;
};

/* What is known of a thread. */
struct watched_thread {
    int id; /* the kernel's */
    struct tree_path path;
    struct thread_look look;   /* the last one, since its last wait */
    struct native_path native; /* of a program that is not Python's */
    size_t track;              /* of the timeline */
    ovl_time cpu_ns;           /* up to which it has been counted */
    ovl_time outside_ns;       /* the same, at the last look from outside */
    ovl_time ready_ns;         /* that it was without a processor, until then */
    ovl_time delay_ns;         /* the same, as last read, */
    ovl_time delay_before_ns;  /* and before it was looked at */
    ovl_time lined_ns;         /* the same, for the lines of a program that is not Python's */
    ovl_time drawn_ns;         /* until when it was drawn where it computes */
    bool stopping;             /* as of stopped_take */
    ovl_time stop_ns;          /* since when */
    ovl_time held_ns;          /* how long it was stopped, of stops that are over */
    ovl_time seen_ns;
    ovl_time first_ns;
    ovl_time last_ns;
    int clock; /* its processor time in /proc; -1: not open; -2: cannot be */
    bool ended;
    bool python;       /* it was seen in Python code */
    ovl_time work_ns;  /* computed, and waited for something else than others' work */
    ovl_time alone_ns; /* of that, before the process had another thread */
    ovl_time wait_ns[RECORD_KIND_COUNT];
    ovl_time idle_ns;

    /* A wait that has lasted long already: it may be the thread's last. */
    ovl_time open_wait_ns;
    enum record_kind open_kind; /* as seen from outside */
    struct tree_level open_levels[RECORD_LEVELS];
    size_t open_level_count;
};

#define PROCESS_GONE 64

struct process {
    pid_t pid;
    pid_t parent;
    uint32_t family;              /* the same for all that were forked from one program */
    char program[32];             /* the name of its executable, the first part of a long one */
    struct record *record;        /* NULL: the process is only looked at from outside */
    struct python_reader *reader; /* NULL: no Python that is known */
    uint64_t runtime;             /* of CPython */
    bool unreadable;              /* its memory may not be read; or its threads not stopped */
    bool child;                   /* of this command itself */
    bool worker;                  /* of Python's multiprocessing */
    bool outside;                 /* it has no record */
    uint64_t image;               /* then: which program it runs */
    unsigned refused;             /* how often a thread could not be stopped */
    bool retired;                 /* it has ended, and only the few numbers here are kept */
    bool was_python;
    bool launcher;    /* as launchers_find says: nothing of it is added up */
    bool command;     /* run by a program in Python: its own work is in what that waits for */
    ovl_time work_ns; /* of all its threads, once it has been finished */
    unsigned working_threads;   /* that did something */
    ovl_time waited_ns;         /* all its threads */
    ovl_time waited_counted_ns; /* as cpu_counted_ns */
    ovl_time last_cpu_ns;       /* of a retired one: process_cpu, */
    ovl_time last_own_cpu_ns;   /* process_own_cpu */
    ovl_time start_ns;
    ovl_time end_ns;         /* once it has been finished */
    ovl_time cpu_counted_ns; /* that its parent's waits have been told of */
    struct code *code;       /* NULL: none yet */
    uint64_t ring_mark;      /* up to which ring_empty_marked takes */
    uint32_t *places;        /* the tree's, by the record's */
    size_t place_room;
    struct sampled_place *sampled; /* the tree's, by code and instruction */
    struct watched_thread **threads;
    size_t thread_count;
    size_t thread_turn;                  /* of its threads, whose children are looked for next */
    ovl_time others_ns;                  /* of work_ns, what the main thread did not */
    ovl_time gone_work_ns[PROCESS_GONE]; /* of threads that are forgotten: the busiest first */
    size_t gone_count;
};

/* Opens the record in `path`. NULL: it is not whole yet, or there is no memory. */
struct process *process_open(const char *path);

/* A process without a record: it is looked at from outside. NULL: no memory. */
struct process *process_attach(pid_t pid, const struct python_layout *layout, uint64_t runtime);

/* It has ended and been counted: what is large is given back. */
void process_retire(struct process *process);

void process_free(struct process *process);

/* The thread of that number, made when it is asked for first. NULL: no memory. */
struct watched_thread *process_thread(struct process *process, int id);

/* Gives back what is kept of a thread that has ended. */
void process_forget_thread(struct process *process, struct watched_thread *thread);

/* What the agent knows of a thread. NULL: nothing. */
struct record_thread *process_record_of(struct process *process, int id);

/* The processor time of a thread so far, from outside; -1: not known. How long it was ready so far,
 * and had no processor, is in thread->delay_ns then. */
ovl_time process_thread_cpu(struct process *process, struct watched_thread *thread);

/* Whether it computes now, or is ready to. */
bool process_thread_runs(const struct process *process, const struct watched_thread *thread);

/* Enough for /proc/PID/stat. */
#define PROCESS_STAT_BYTES 1024

/* A field of /proc/PID/stat, from the third on, as proc(5) numbers them: it and what follows lie in
 * `text`. NULL: there is no such process. */
const char *process_stat_field(pid_t pid, int number, char *text, size_t size);

/* Whether it is over, also where its parent has not waited for it yet. */
bool process_has_ended(pid_t pid);

/* The numbers of all its threads, at most `most`. Returns how many. */
size_t process_tasks(const struct process *process, int *ret_ids, size_t most);

/* The processor time of the process and of the children that it has waited for. */
ovl_time process_cpu(const struct process *process);

/* Without these children. */
ovl_time process_own_cpu(const struct process *process);

/* A place of the record, as the tree's. */
uint32_t process_place(struct process *process, struct tree *tree, uint32_t place);

/* Its code, where that is not Python's: of such a one it is a library's in C. NULL: it is, or no
 * memory. */
struct code *process_code(struct process *process);

/* One of CPython's threads, as it is now. */
struct process_state {
    uint64_t address;
    uint64_t owner; /* CPython's own number of the thread */
    int id;
};

/* Lists CPython's thread states, at most `most`. Returns how many; 0 where they cannot be read. */
size_t process_states(struct process *process, struct process_state *ret_states, size_t most);

/* Whether it ran a Python whose structures are not known: a version or a build of its own. Once its
 * end_ns is known. */
bool process_hides_python(const struct process *process);

/* Which thread state holds the GIL; 0: none, or not known. */
uint64_t process_gil_holder(struct process *process);

/* Whether a lock at this address is a part of the GIL, as far as it shows: of glibc's. */
bool process_is_gil(struct process *process, uint64_t address);

/* The stack of one of them, outermost first. Returns how many levels; 0 where it could not be read
 * in one go, or is another thread's by now. */
size_t process_stack(struct process *process, struct tree *tree, const struct process_state *state,
                     struct tree_level *ret_levels);

#endif
