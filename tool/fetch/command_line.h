/* The command line of `overlap fetch`: its options, as a table. */
#ifndef TOOL_FETCH_COMMAND_LINE_H
#define TOOL_FETCH_COMMAND_LINE_H

#include "fetch/settings.h"

/*
 * Writes what was given into *settings; the rest of it stays. Returns OPTIONS_GO, or the command's
 * exit code: --help was printed, or what is wrong was said.
 *
 * Threads: one at a time.
 */
int command_line_read(int argc, char **argv, struct settings *settings);

#endif
