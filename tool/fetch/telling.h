/* JSON: the document of the whole, and a line for each item as it ends. */
#ifndef TOOL_FETCH_TELLING_H
#define TOOL_FETCH_TELLING_H

#include "fetch/run.h"

/* Prints the document on standard output. False: there was no memory. */
bool telling_document(const struct run *run);

/* Prints an item's object as one line, and sends it off. False: it could not be written; that was
 * said. */
bool telling_line(const struct item *item);

#endif
