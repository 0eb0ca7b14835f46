/* The picture of a run: --report and --trace, a track for each place where jobs ran. */
#ifndef TOOL_RUN_PICTURE_H
#define TOOL_RUN_PICTURE_H

#include "run/choices.h"
#include "run/job.h"
#include "run/pace.h"
#include "run/tally.h"

struct picture;

/*
 * Opens the files, before the work. Returns 0 and *ret_picture, NULL where none is asked for; or -1
 * once it has said what is wrong.
 */
int picture_open(const struct choices *choices, ovl_time began, struct picture **ret_picture);

/* Takes a job that has ended. NULL is allowed, here and below. */
void picture_add(struct picture *picture, const struct job *job);

/* Writes the files. 0, or -1 once it has said what is wrong. */
int picture_finish(struct picture *picture, const struct tally *tally, struct pace *pace);

/* Without picture_finish before it, no file remains. */
void picture_free(struct picture *picture);

#endif
