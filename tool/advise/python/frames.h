/*
 * Reads a CPython thread's frames out of memory: which code each is at, and which turn of which
 * loop. The memory is the process's own or another's; nothing in it is called, held or changed.
 *
 * The stack may change while it is read from outside. What is found then can be wrong, and never
 * harms.
 */
#ifndef TOOL_ADVISE_PYTHON_FRAMES_H
#define TOOL_ADVISE_PYTHON_FRAMES_H

#include "advise/python/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `size` bytes at `address`. Returns whether they could be read. */
typedef bool python_read_fn(void *context, uint64_t address, void *buffer, size_t size);

#define PYTHON_LOOPS      2 /* of one frame: the outermost */
#define PYTHON_CODE_LOOPS 12
#define PYTHON_CODES      1024
#define PYTHON_FRAMES_MAX 64

/* A turn of a loop that a frame is in. */
struct python_loop {
    uint32_t instruction; /* of the loop's head, which has its line; only where `turn` is not 0 */
    uint32_t turn;        /* another one in each turn; 0: there is no loop */
    uint32_t index;       /* one more with each turn, where the loop's iterator counts; or 0 */
};

struct python_frame {
    uint64_t code;
    uint32_t instruction;
    int32_t first_line; /* of the code */
    uint32_t call;      /* another one for each call from the same place, as far as can be seen */
    struct python_loop loops[PYTHON_LOOPS];
};

struct python_code_loop {
    uint32_t start; /* in bytes of code */
    uint32_t end;
    int32_t variable;  /* the local that each turn sets first; -1: another kind of name */
    uint64_t names[2]; /* then those, if they are a module's; 0: not so many, or neither */
};

/* What is known of a code object. */
struct python_code {
    uint64_t address;
    uint64_t name;
    uint64_t file;
    uint64_t names; /* that it uses */
    int32_t first_line;
    uint32_t flags;
    uint32_t local_count; /* with cells and free variables */
    uint32_t stack_size;
    uint32_t loop_count;
    struct python_code_loop loops[PYTHON_CODE_LOOPS];
};

/* Whether the layout is that of the build: who builds CPython may have changed it. */
enum python_fit { PYTHON_FIT_OPEN, PYTHON_FITS, PYTHON_MISFIT };

/* One process as it is read. Set `layout`, `read`, `checked` and `context`; the rest is zero. */
struct python_reader {
    const struct python_layout *layout;
    python_read_fn *read;    /* of what is sure to be there, where the process reads itself */
    python_read_fn *checked; /* of what may be anything: fails, and never faults */
    void *context;
    enum python_fit fit; /* until it fits, `checked` alone is used, and no frames are found */
    unsigned misses;
    struct python_code codes[PYTHON_CODES];
};

/*
 * Reads the frames of the thread state at `thread`, innermost first, at most PYTHON_FRAMES_MAX:
 * where there are more, the outermost of them are kept, and the innermost PYTHON_FRAMES_MAX/4.
 * Returns how many.
 */
size_t python_frames(struct python_reader *reader, uint64_t thread,
                     struct python_frame *ret_frames);

/* A line of source. */
struct python_place {
    char file[240];
    char function[104];
    int32_t line; /* 0: not known */
    int32_t first_line;
    uint32_t flags; /* of the code: generator, coroutine */
};

/* Finds what the instruction of a code object belongs to. Returns whether it could be read. */
bool python_place(struct python_reader *reader, uint64_t code, uint32_t instruction,
                  struct python_place *ret_place);

/* Bits of python_place's flags: generators and coroutines. */
#define PYTHON_CODE_SUSPENDS 0x2a0u

#endif
