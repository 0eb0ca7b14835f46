/* Which of a journal's entries were found already: each is found once. For journal.c alone. */
#ifndef TOOL_JOURNAL_CLAIMS_H
#define TOOL_JOURNAL_CLAIMS_H

#include <overlap/bytes.h>
#include <stdbool.h>
#include <stdint.h>

struct claims;

/* For entries with ids from 1 to `last`: a bit each. 0; -ENOMEM; -ERANGE: none of ours. */
int claims_new(int64_t last, struct claims **ret_claims);
void claims_free(struct claims *claims);

/* The id up to which all entries of an item are known to be taken; 0: nothing is known. */
int64_t claims_begin(const struct claims *claims, struct ovl_bytes item);

/* Takes an entry of the item, which was found in the order of ids. False: it was taken before. */
bool claims_take(struct claims *claims, struct ovl_bytes item, int64_t id);

#endif
