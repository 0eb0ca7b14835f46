/* Standard output: what was asked for, and whether it could be written. */
#ifndef TOOL_REPORT_OUTPUT_H
#define TOOL_REPORT_OUTPUT_H

/*
 * Writes out what is buffered. Returns `code`, or EXIT_REFUSED where standard output could not be
 * written, now or before, once it has said so: the first time only.
 */
int output_finish(int code);

#endif
