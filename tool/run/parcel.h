/* Parcels: what became of a job, with its output, as bytes that one rank sends another. */
#ifndef TOOL_RUN_PARCEL_H
#define TOOL_RUN_PARCEL_H

#include "run/job.h"

/* How many bytes the job takes. */
size_t parcel_size(const struct job *job);

/* Writes them, parcel_size of them. 0, or -errno of the spool. */
int parcel_pack(const struct job *job, struct spool *spool, void *bytes);

/* Of bytes that are a parcel: how many attempts the job has had. 0: they are none. */
uint32_t parcel_attempts(struct ovl_bytes bytes);

/*
 * Reads them into a job that has its row, and what became of an attempt before, if there was one;
 * its output goes to the spool. Its times become this machine's.
 *
 * Returns 0; -EBADMSG: the bytes are no parcel; as capture_append. The job is fit to be freed
 * either way.
 */
int parcel_unpack(struct job *job, struct spool *spool, struct ovl_bytes bytes);

#endif
