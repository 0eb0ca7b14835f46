/*
 * Libraries that are loaded where one of their functions is first called: they take longer to load
 * than many a verb takes in all, and those who call none of it do not wait for them.
 *
 * A file beside what calls such a library has a function of each name that is called, which calls
 * the library's. The library's own calls of libc find the hooks all the same: liboverlap is in the
 * program, and the program comes first.
 */
#ifndef TOOL_LATE_H
#define TOOL_LATE_H

#include <pthread.h>
#include <string.h>

struct late {
    const char *name;   /* as people know it */
    const char *soname; /* by which it is found */
    pthread_mutex_t lock;
    void *library; /* under the lock; NULL: not loaded yet */
};

#define LATE(name, soname)                                                                         \
    {                                                                                              \
        name, soname, PTHREAD_MUTEX_INITIALIZER, NULL                                              \
    }

/* The address of a function of the library. Where that is not there, the process says so and ends.
 * Threads: any. */
void *late_find(struct late *late, const char *function);

/* The library's function of this name, looked for once. */
#define LATE_FUNCTION(late, name)                                                                  \
    __extension__({                                                                                \
        static __typeof__(&(name)) real;                                                           \
        __typeof__(&(name)) found = __atomic_load_n(&real, __ATOMIC_ACQUIRE);                      \
        if (!found) {                                                                              \
            void *address = late_find(late, #name);                                                \
            memcpy(&found, &address, sizeof found);                                                \
            __atomic_store_n(&real, found, __ATOMIC_RELEASE);                                      \
        }                                                                                          \
        found;                                                                                     \
    })

#endif
