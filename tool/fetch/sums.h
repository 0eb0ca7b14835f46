/* Lists of checksums by file name, as sha256sum and its kin print them. */
#ifndef TOOL_FETCH_SUMS_H
#define TOOL_FETCH_SUMS_H

#include "fetch/checksum.h"
#include "fetch/settings.h"

struct sums;

/* Reads the files. Returns 0, or the exit code once it has said what is wrong. */
int sums_open(const struct words *files, struct sums **ret_sums);
void sums_close(struct sums *sums);

/* The checksum of a file: by its path's last part. *ret is untouched where there is none. */
void sums_find(const struct sums *sums, const char *path, struct checksum *ret);

/*
 * Takes one line apart: "HEX  name", "HEX *name" or "KIND (name) = HEX". *ret_name is in the line,
 * which is written to. False: it is none of these.
 */
bool sums_read_line(char *line, struct checksum *ret_checksum, char **ret_name);

#endif
