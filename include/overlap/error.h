/*
 * Errors of the library's own, beside the system's -errno.
 *
 * One map makes the enum, the names, the messages and the manual page. The numbers lie far below
 * any -errno, so that one int tells all apart: 0, a task's own code, -errno, or one of these.
 */
#ifndef OVERLAP_ERROR_H
#define OVERLAP_ERROR_H

#include <overlap/export.h>

OVL_BEGIN_DECLS

/* X(name, number, message) */
#define OVL_ERROR_MAP(X)                                                                           \
    X(OVL_ETIMEDOUT, -20001, "the deadline passed")                                                \
    X(OVL_ECANCELED, -20002, "cancelled")                                                          \
    X(OVL_ECLOSED, -20003, "the executor or channel is closed")                                    \
    X(OVL_ESIGNALED, -20004, "the worker was ended by a signal")                                   \
    X(OVL_EEXITED, -20005, "the worker exited in the middle of the task")                          \
    X(OVL_ESESSION, -20006, "the worker's session could not be opened")                            \
    X(OVL_ETASKS, -20007, "some tasks failed")                                                     \
    X(OVL_EMODEL, -20008, "no such model")                                                         \
    X(OVL_EFULL, -20009, "the queue is full")                                                      \
    X(OVL_ERESULTSIZE, -20010, "the task's result has another size than the map's results")        \
    X(OVL_ELOOKUP, -20011, "there is no such host or service")                                     \
    X(OVL_EENDED, -20012, "the stream ended in the middle")                                        \
    X(OVL_EMEMORY, -20013, "the worker took more memory than it may")                              \
    X(OVL_EPLUGIN, -20014, "Open MPI or liboverlap-mpi.so is missing (Debian: openmpi-bin)")       \
    X(OVL_EALONE, -20015, "the cluster has no other ranks: start the program with mpirun")         \
    X(OVL_EFUNCTION, -20016, "the task's function is in no module that the worker has")

#define OVL_ERROR_ENUM(name, number, message) name = (number),
enum ovl_error { OVL_ERROR_MAP(OVL_ERROR_ENUM) };
#undef OVL_ERROR_ENUM

/*
 * What an error means, in a few words without a full stop: of this library's errors and of -errno.
 * For any other number, a task's own code, "task error".
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_error_message(int error);

/*
 * The name of an error, such as "OVL_ETIMEDOUT" or "ENOENT"; NULL for a number that has none.
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_error_name(int error);

OVL_END_DECLS

#endif
