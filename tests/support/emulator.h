/*
 * What a program's emulator (qemu's user mode, by which the tests for aarch64 run elsewhere) may
 * lack, found out by doing it without the library. Where it is lacking, the reason is printed, and
 * the case is to skip().
 */
#ifndef TESTS_SUPPORT_EMULATOR_H
#define TESTS_SUPPORT_EMULATOR_H

#include <stdbool.h>

/* Whether a child, forked while other threads live, can start threads. */
bool forks_can_start_threads(void);

/* Whether posix_spawn tells that there is no such program. */
bool spawns_tell_errors(void);

/* Whether the memory of a process can be read by process_vm_readv. */
bool memory_can_be_read(void);

#endif
