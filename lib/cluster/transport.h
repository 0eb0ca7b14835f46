/*
 * Transports: what carries messages between the ranks of a cluster. The one there is stands on Open
 * MPI (mpi.c), in a shared object of its own, which is loaded when a cluster is first asked for:
 * the library itself needs no MPI.
 *
 * One thread at a time may use a transport. Messages from one rank to another with one tag arrive
 * in the order in which they were sent.
 */
#ifndef OVL_CLUSTER_TRANSPORT_H
#define OVL_CLUSTER_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#define OVL__TRANSPORT_VERSION 2
#define OVL__TRANSPORT_SYMBOL  "ovl__transport_mpi"

/* Of one message, at most: MPI counts in int. */
#define OVL__MESSAGE_MAX ((size_t)2147483647)

struct ovl__transport {
    unsigned version;

    /* Joins the others; 0, or a negative error. Called once. */
    int (*start)(int *ret_rank, int *ret_size);

    /* Whether a rank is on this machine, by what MPI says: both can share memory then, unless the
     * system keeps them apart. */
    bool (*is_near)(int rank);

    /* Leaves them: every rank calls it, and it returns when all have. */
    void (*finish)(void);

    /* Ends all ranks at once, this one included. */
    void (*abort)(int code);

    /*
     * Begins to send; the data stays as it is until `sent` says so. NULL: -EIO. `sent` frees what
     * begin_send gave, once it returns true.
     */
    void *(*begin_send)(int rank, int tag, const void *data, size_t size);
    bool (*sent)(void *sending);

    /* Takes the next message that has arrived from `rank` (-1: any) with `tag`; false: none has. */
    bool (*arrived)(int rank, int tag, int *ret_rank, size_t *ret_size);

    /* Receives the message that was taken. 0, or -EIO. */
    int (*receive)(void *data, size_t size);
};

/*
 * The transport, loaded and started: on the first call; then the same. 0; OVL_EPLUGIN where the
 * shared object or Open MPI is not there, OVL_EALONE where no other rank is.
 */
int ovl__transport_get(const struct ovl__transport **ret_transport, int *ret_rank, int *ret_size);

/* Whether some launcher started this process as one of several ranks. */
bool ovl__transport_expected(void);

/* How many ranks there are, this one included; before they are joined, as the launcher says; 0: not
 * known. */
long ovl__transport_size(void);

/* Why the last ovl__transport_get failed, in words; "" where it did not. */
const char *ovl__transport_problem(void);

#endif
