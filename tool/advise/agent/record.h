/*
 * What the agent writes and the command reads: one file for each process image, mapped by both.
 *
 * The agent runs inside of the program. It writes down each long wait as it ends, with the stack
 * that waited, into a ring that the command empties all the time; and the sums of the short ones.
 * What is in the file is there however the program ends. Nothing is ever waited for: where the ring
 * is full, the wait is counted, and its stack is lost.
 */
#ifndef TOOL_ADVISE_AGENT_RECORD_H
#define TOOL_ADVISE_AGENT_RECORD_H

#include <stdatomic.h>
#include <stdint.h>

#define RECORD_MAGIC   0x6f76616476697365u
#define RECORD_VERSION 6u

/* The environment by which the agent finds the folder that its file goes to. */
#define RECORD_FOLDER_VARIABLE "OVERLAP_ADVISE_FOLDER"

#define RECORD_THREADS 1024
#define RECORD_PLACES  8192
#define RECORD_STRINGS (512u * 1024)
#define RECORD_RING    (1024u * 1024) /* a power of 2 */
#define RECORD_LEVELS  64
#define RECORD_LOOPS   2
#define RECORD_MODULES 512

enum record_kind {
    RECORD_NETWORK,
    RECORD_DISK,
    RECORD_SLEEP,
    RECORD_LOCK,
    RECORD_CHILD,
    RECORD_OTHER,
    RECORD_GIL,
    RECORD_TERMINAL, /* or who is at the other end of its own input, its output, or a full pipe */
    RECORD_KIND_COUNT,
};

/* A wait that is shorter is only added up. */
#define RECORD_SHORT_NS 50000
#define RECORD_SYNC_NS  10000 /* the same for syncs */

struct record_thread {
    _Atomic uint32_t state;  /* enum record_thread_state */
    uint32_t id;             /* the kernel's */
    uint64_t ident;          /* pthread_self() */
    _Atomic uint64_t python; /* its thread state; 0: none that was seen */
    _Atomic uint64_t start_ns;
    _Atomic uint64_t end_ns;
    _Atomic uint64_t cpu_ns;                      /* as last seen */
    _Atomic uint64_t short_ns[RECORD_KIND_COUNT]; /* waits that got no entry */
    _Atomic uint64_t reads;                       /* that got something */
    _Atomic uint64_t read_bytes;

    /* What it waits for now, since when; wait_ns is 0 where it does not. */
    _Atomic uint64_t wait_ns;
    _Atomic uint32_t wait_kind;
};

enum record_thread_state {
    RECORD_THREAD_FREE,
    RECORD_THREAD_RUNS,
    RECORD_THREAD_ENDED,
    RECORD_THREAD_TAKEN,  /* the command has all of it: another thread may have its place */
    RECORD_THREAD_BEGINS, /* which this one fills in */
};

/* An object that is loaded: the program, a shared library. */
struct record_module {
    uint64_t start;
    uint64_t end;
    uint64_t bias; /* between its own addresses and those in memory */
    uint32_t file; /* in the strings */
    uint32_t unused;
};

/* A line of source, or of a program: where a frame was. */
#define RECORD_ADDRESS UINT32_MAX

struct record_place {
    uint64_t code;        /* a Python code object; or an address in the program */
    uint32_t instruction; /* in bytes; RECORD_ADDRESS: it is an address */
    int32_t line;
    int32_t first_line;
    uint32_t flags;
    uint32_t file; /* in the strings */
    uint32_t function;
};

struct record_loop {
    uint32_t place; /* of its head */
    uint32_t turn;  /* another one each turn; 0: there is no loop */
    uint32_t index; /* one more with each turn; 0: not known */
};

/* One frame of a stack. */
struct record_level {
    uint32_t place;
    uint32_t call;
    struct record_loop loops[RECORD_LOOPS];
};

/* A wait, followed by its levels, outermost first. In the ring it begins at a multiple of 8, and
 * never wraps. */
struct record_wait {
    uint32_t size; /* with the levels; 0: the rest of the ring is skipped */
    uint16_t thread;
    uint8_t kind;
    uint8_t level_count;
    int32_t descriptor; /* what was waited for; -1: none */
    uint32_t flags;     /* RECORD_… */
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t cpu_ns;  /* the thread's, at the end */
    uint64_t busy_ns; /* of that, inside of the call and before start_ns, where that is known */
    uint64_t object;  /* of a lock; the child's pid; a socket's inode; of a file, its device */
    uint64_t synced;  /* of a sync: another number for each file; 0: not known, or a folder */
    uint64_t caller;  /* the address that the call came from */
};

#define RECORD_NATIVE   1u /* the levels are addresses of the program's own */
#define RECORD_GIL_HELD 2u /* the thread held the GIL while it waited */
#define RECORD_IDLE     4u /* waits for other's work: a join */
#define RECORD_POLL     8u
#define RECORD_SYNC     16u /* for what must be on the disk */
#define RECORD_WRITE    32u /* what is written, not what is read */

struct record {
    uint64_t magic;
    uint32_t version;
    int32_t pid;
    int32_t parent;
    uint32_t generation; /* of the process: 1 and up with each exec or fork */
    uint64_t start_ns;
    uint64_t start_cpu_ns;   /* the main thread's by then: before an exec, it ran another program */
    _Atomic uint64_t end_ns; /* 0: it runs, or was killed */
    _Atomic uint64_t cpu_ns; /* all of the process's, at its end */
    _Atomic uint64_t children_cpu_ns;
    _Atomic uint32_t ready; /* the rest of the head is filled in */

    /* Python: 0 where there is none */
    int32_t python_major;
    int32_t python_minor;
    uint64_t python_runtime;     /* &_PyRuntime */
    _Atomic uint32_t python_fit; /* an enum python_fit */
    char python_version[32];
    char program[256]; /* its executable */
    char command[256]; /* the first words of its command line */

    _Atomic uint32_t thread_count;
    _Atomic uint32_t threads_lost;
    _Atomic uint32_t threads_now;  /* that run, */
    _Atomic uint32_t threads_most; /* and the most that ever did */
    _Atomic uint32_t place_count;
    _Atomic uint32_t places_lost;
    uint32_t strings_used;
    _Atomic uint32_t module_count;
    _Atomic uint64_t waits_lost;

    /* Bytes since the start. The agent moves `head`, the command `tail`. */
    _Atomic uint64_t head;
    _Atomic uint64_t tail;

    struct record_thread threads[RECORD_THREADS];
    struct record_module modules[RECORD_MODULES];
    struct record_place places[RECORD_PLACES];
    char strings[RECORD_STRINGS];
    _Alignas(8) char ring[RECORD_RING];
};

#endif
