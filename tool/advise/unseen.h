/*
 * What was computed between two waits without a look from outside meanwhile: it is counted where
 * the second wait is, and belongs to where looks found what computes before other such waits.
 *
 * Threads: one at a time.
 */
#ifndef TOOL_ADVISE_UNSEEN_H
#define TOOL_ADVISE_UNSEEN_H

#include "advise/tree.h"

/* A look found `at` what was computed before a wait of this place. */
void unseen_found(struct unseen *unseen, uint32_t at);

/* The part of unseen->cpu_ns that belongs to at[n]: looks are as likely here as there. */
ovl_time unseen_part(const struct unseen *unseen, size_t n);

/* Of what was not seen, as much was computed without the GIL as of what was. */
void unseen_settle_spent(struct spent *spent);

/* Moves it to where it belongs, in all nodes and lines. For once, at the end. */
void unseen_settle(struct tree *tree);

#endif
