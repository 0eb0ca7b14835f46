/*
 * Backtraces of stacks that do not run: of a copy of the stack and the registers it was left with,
 * so that its owner may long be going on. With libdw, if it can be loaded: by the unwind tables,
 * whatever the code was compiled with. For one thread at a time.
 */
#ifndef OVL_BACKTRACE_BACKTRACE_H
#define OVL_BACKTRACE_BACKTRACE_H

#include <overlap/watchdog.h>
#include <stdint.h>

/* By DWARF's numbers of them, those that a function preserves at least. */
#if defined(__x86_64__)
#define OVL__REGISTERS 17
#define OVL__FRAME     6 /* rbp */
#define OVL__STACK     7 /* rsp */
#else
#define OVL__REGISTERS 32
#define OVL__FRAME     29
#define OVL__STACK     31
#endif

struct ovl__stack_copy {
    uint64_t registers[OVL__REGISTERS];
    uint64_t pc;
    uint64_t base; /* the address of the first byte of data, where it was copied from */
    const char *data;
    size_t size;
};

struct ovl__symbols;

/* What is loaded now, for looking into. NULL: no memory. */
struct ovl__symbols *ovl__symbols_open(void);
void ovl__symbols_close(struct ovl__symbols *symbols);

/*
 * Finds up to `max` frames, the innermost first, and returns how many. Their strings are valid
 * until the symbols are closed.
 */
size_t ovl__backtrace(struct ovl__symbols *symbols, const struct ovl__stack_copy *copy,
                      struct ovl_frame *ret_frames, size_t max);

#endif
