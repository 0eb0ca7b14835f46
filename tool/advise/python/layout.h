/*
 * Where the parts of CPython's structures are, version by version: what is needed to read a
 * thread's frames without its headers, from inside of the process or from outside.
 *
 * Source: the headers of CPython 3.8 to 3.15, 64-bit, ordinary builds (not the free-threaded one).
 */
#ifndef TOOL_ADVISE_PYTHON_LAYOUT_H
#define TOOL_ADVISE_PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* How a code object says which line an instruction is of. */
enum python_lines {
    PYTHON_LINES_LNOTAB,    /* 3.8, 3.9 */
    PYTHON_LINES_TABLE,     /* 3.10: PEP 626 */
    PYTHON_LINES_LOCATIONS, /* 3.11 on: PEP 657 */
};

/* Offsets in bytes; -1: there is no such field. */
struct python_layout {
    int major;
    int minor;

    /* _PyRuntime, interpreters, threads */
    int runtime_interpreters;
    int runtime_gil;
    int interpreter_next;
    int interpreter_threads;
    int interpreter_gil; /* a pointer to the GIL */
    int gil_holder;
    int gil_locked;
    int thread_next;
    int thread_ident;  /* pthread_self() */
    int thread_native; /* the kernel's number */
    int thread_frame;  /* the frame, or the cframe where there is one */
    int cframe_frame;

    /* frames */
    int frame_code;
    int frame_previous;
    int frame_instruction; /* a pointer into the code's bytes, or an int where code_bytes is -1 */
    int frame_locals;
    int frame_owner;
    int frame_entry;    /* 3.11: whether it was called from C */
    int frame_names;    /* the dict that holds the names of a module */
    uint8_t frame_tags; /* the lowest bits of a frame's references that are none of an address */
    bool
        frame_counts; /* whether loops over sequences count on the stack, where both bits are set */

    /* code objects */
    int code_file;
    int code_name;
    int code_names; /* the tuple of the names that it uses */
    int code_first_line;
    int code_flags;
    int code_stack_size;
    int code_lines;
    int code_bytes;
    int code_string; /* 3.8 to 3.10: the bytes object of the code */
    int code_local_count;
    int code_cells;
    int code_free;

    /* str, tuple and dict */
    int text_ascii;
    int text_compact;
    int tuple_items;
    int dict_version;

    /* the instructions of for loops */
    uint8_t for_iter;
    uint8_t for_iter_special_first; /* what it may have become */
    uint8_t for_iter_special_last;
    uint8_t for_iter_cache; /* words after it */
    uint8_t jump_cache;     /* words after the jump back */
    uint8_t jump_back;
    uint8_t jump_back_special_first; /* what it may have become */
    uint8_t jump_back_special_last;
    uint8_t extended_arg;
    uint8_t store_fast;
    uint8_t store_name;
    uint8_t unpack_cache;     /* words after an instruction that unpacks a sequence */
    uint8_t instruction_unit; /* bytes that one step of an instruction's number means: 1 or 2 */
    bool jump_absolute;
    enum python_lines lines;
};

/* The layout of a version; NULL: none is known. */
const struct python_layout *python_layout_find(int major, int minor);

#endif
