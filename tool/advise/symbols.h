/*
 * What an address of a program belongs to: its function, and its line of source where there is
 * debug information. By libdw, which is loaded where the first address is asked for.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_SYMBOLS_H
#define TOOL_ADVISE_SYMBOLS_H

#include "advise/agent/record.h"
#include "advise/stopped.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function that became a part of another one has a symbol of its own, and so has the other. */
#define SYMBOLS_MAX 6

struct symbol {
    uint64_t address; /* that it is at: of one that has another one in it, where that begins */
    char file[512]; /* of the source; of the program or library itself, where no source is known */
    char function[160];
    int line; /* 0: not known */
    int first_line;
    bool own; /* neither the program nor the library that it is in is the system's */
};

struct symbols;

/* Those of a process: what is loaded is looked up in its record, where it has one, and in /proc as
 * long as it runs. NULL: no memory, or there is no libdw. */
struct symbols *symbols_open(pid_t pid, const struct record *record);
void symbols_close(struct symbols *symbols);

/* Finds what an instruction belongs to, outermost first, at most SYMBOLS_MAX. Returns how many; 0:
 * it is in no module that is known. */
size_t symbols_find(struct symbols *symbols, uint64_t address, struct symbol *ret);

/*
 * The frames of a stack, innermost first, at most `most`: addresses that the code returns to, and
 * for the first the one after where it is, so that the instruction before each is the one in
 * question. Returns how many, at least 1.
 */
size_t symbols_unwind(struct symbols *symbols, const struct stopped *stack, uint64_t *ret_addresses,
                      size_t most);

#endif
