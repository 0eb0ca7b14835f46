/* What every part of the page is written with. */
#ifndef TOOL_REPORT_HTML_H
#define TOOL_REPORT_HTML_H

#include <overlap/time.h>
#include <stdio.h>

/* Writes text of any bytes, escaped for an element or for an attribute in double quotes. */
void html_text(FILE *out, const char *text);

/* Room for the text of a length of time. */
#define HTML_TIME_BYTES 32

/* A length of time as people read it: "8.08 s", "96.2 ms", "0 s". Returns `buffer`. */
const char *html_time(ovl_time ns, char buffer[HTML_TIME_BYTES]);

/*
 * The distance between the marks of an axis from 0 to `end`, so that there are about `count`:
 * 1, 2 or 5 times a power of ten.
 */
double html_step(double end, unsigned count);

#endif
