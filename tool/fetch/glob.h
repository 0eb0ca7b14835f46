/* Globs as curl has them: {a,b,c}, [1-9], [001-100:10], [a-z:2]. */
#ifndef TOOL_FETCH_GLOB_H
#define TOOL_FETCH_GLOB_H

#include <stdbool.h>

struct glob;

/* More URLs than this are refused. */
#define GLOB_URLS_MAX 10000000

/* Returns NULL and *ret_glob, or what is wrong, in a few words. */
const char *glob_open(const char *text, struct glob **ret_glob);
void glob_free(struct glob *glob);

/* The next URL, which the caller frees; *ret_url is NULL where there is no memory. False: there are
 * no more. */
bool glob_next(struct glob *glob, char **ret_url);

#endif
