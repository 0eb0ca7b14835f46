/* Standard output: what was asked for, and whether it could be written. */
#ifndef TOOL_REPORT_OUTPUT_H
#define TOOL_REPORT_OUTPUT_H

/*
 * Writes out what is buffered. Returns `code`, or EXIT_REFUSED where standard output could not be
 * written, now or before, once it has said so: the first time only.
 */
int output_finish(int code);

/* Says that standard output cannot be written, and what to do: the first time only. `error` is an
 * errno. */
void output_refused(int error);

/*
 * Why a write of before to `fd` failed, which stdio does not keep: what stood in the way still
 * does, so that it is tried again with the end of a line. An errno.
 */
int output_former_error(int fd);

#endif
