/* The transport on Open MPI: a shared object of its own, which knows nothing else of the library.
 */
#include "cluster/transport.h"

#include <errno.h>
#include <mpi.h>
#include <stdlib.h>

static MPI_Message taken;
static MPI_Comm ranks; /* of our own: the program may use MPI as well */
static bool ours;      /* we have begun MPI, and end it */
static MPI_Group all_ranks, near_ranks;

static int find_near(void)
{
    MPI_Comm near;
    if (MPI_Comm_split_type(ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near) != MPI_SUCCESS)
        return -EIO;
    MPI_Comm_group(ranks, &all_ranks);
    MPI_Comm_group(near, &near_ranks);
    MPI_Comm_free(&near);
    return 0;
}

static int start(int *ret_rank, int *ret_size)
{
    int begun = 0;
    int level = 0;
    MPI_Initialized(&begun);
    ours = !begun;
    if (begun)
        MPI_Query_thread(&level);
    else if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS)
        return -EIO;
    if (level < MPI_THREAD_SERIALIZED)
        return -ENOTSUP;
    if (MPI_Comm_dup(MPI_COMM_WORLD, &ranks) != MPI_SUCCESS)
        return -EIO;
    MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN);
    MPI_Comm_rank(ranks, ret_rank);
    MPI_Comm_size(ranks, ret_size);
    return find_near();
}

static bool is_near(int rank)
{
    int place = MPI_UNDEFINED;
    return MPI_Group_translate_ranks(all_ranks, 1, &rank, near_ranks, &place) == MPI_SUCCESS &&
           place != MPI_UNDEFINED;
}

static void finish(void)
{
    int over = 0;
    MPI_Finalized(&over);
    if (over)
        return;
    MPI_Group_free(&all_ranks);
    MPI_Group_free(&near_ranks);
    MPI_Comm_free(&ranks);
    if (ours)
        MPI_Finalize();
}

static void end_all(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
}

static void *begin_send(int rank, int tag, const void *data, size_t size)
{
    MPI_Request *request = malloc(sizeof *request);
    if (request && MPI_Isend(data, (int)size, MPI_BYTE, rank, tag, ranks, request) != MPI_SUCCESS) {
        free(request);
        request = NULL;
    }
    return request;
}

static bool sent(void *sending)
{
    int done = 0;
    if (MPI_Test(sending, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        done = 1;
    if (done)
        free(sending);
    return done;
}

static bool arrived(int rank, int tag, int *ret_rank, size_t *ret_size)
{
    int found = 0;
    int size = 0;
    MPI_Status status;
    if (MPI_Improbe(rank < 0 ? MPI_ANY_SOURCE : rank, tag, ranks, &found, &taken, &status) !=
            MPI_SUCCESS ||
        !found)
        return false;
    MPI_Get_count(&status, MPI_BYTE, &size);
    *ret_rank = status.MPI_SOURCE;
    *ret_size = (size_t)size;
    return true;
}

static int receive(void *data, size_t size)
{
    int error = MPI_Mrecv(data, (int)size, MPI_BYTE, &taken, MPI_STATUS_IGNORE);
    return error == MPI_SUCCESS ? 0 : -EIO;
}

extern const struct ovl__transport ovl__transport_mpi;

__attribute__((visibility("default"))) const struct ovl__transport ovl__transport_mpi = {
    .version = OVL__TRANSPORT_VERSION,
    .start = start,
    .is_near = is_near,
    .finish = finish,
    .abort = end_all,
    .begin_send = begin_send,
    .sent = sent,
    .arrived = arrived,
    .receive = receive,
};
