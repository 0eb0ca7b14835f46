/*
 * Users and groups, which a directory in the network may keep. libc's code does not come by the
 * hooks: each is looked up whole by a helper thread, and waited for to its end, since the answer
 * goes into the caller's memory.
 */
#include "hooks/hooks.h"

#include <grp.h>
#include <pwd.h>

OVL__HOOK_FILE(users);

/* One look-up, by name or by number. */
struct query {
    const char *name;
    id_t number;
    void *entry;
    char *buffer;
    size_t size;
    void *ret_entry;
    int result; /* of those that return an error number */
    int error;
};

#define CALL(name, expression)                                                                     \
    static void call_##name(void *argument)                                                        \
    {                                                                                              \
        struct query *query = argument;                                                            \
        errno = query->error;                                                                      \
        query->result = (expression);                                                              \
        query->error = errno;                                                                      \
    }

CALL(getpwnam_r,
     ovl__sys.getpwnam_r(query->name, query->entry, query->buffer, query->size, query->ret_entry))
CALL(getpwuid_r,
     ovl__sys.getpwuid_r(query->number, query->entry, query->buffer, query->size, query->ret_entry))
CALL(getgrnam_r,
     ovl__sys.getgrnam_r(query->name, query->entry, query->buffer, query->size, query->ret_entry))
CALL(getgrgid_r,
     ovl__sys.getgrgid_r(query->number, query->entry, query->buffer, query->size, query->ret_entry))

static int look_up(void (*fn)(void *argument), struct query query)
{
    query.error = errno;
    ovl__hook_call_in_thread(fn, &query, OVL_WAIT_NETWORK);
    errno = query.error;
    return query.result;
}

#define LOOK_UP(name, real, ...)                                                                   \
    do {                                                                                           \
        if (!ovl__in_task())                                                                       \
            return real;                                                                           \
        if (!ovl__current->coroutine)                                                              \
            return OVL__METERED(int, -1, OVL_WAIT_NETWORK, real);                                  \
        return look_up(call_##name, (struct query){__VA_ARGS__});                                  \
    } while (0)

OVL__HOOK int getpwnam_r(const char *restrict name, struct passwd *restrict entry,
                         char *restrict buffer, size_t size, struct passwd **restrict ret_entry)
{
    LOOK_UP(getpwnam_r, ovl__sys.getpwnam_r(name, entry, buffer, size, ret_entry), .name = name,
            .entry = entry, .buffer = buffer, .size = size, .ret_entry = ret_entry);
}

OVL__HOOK int getpwuid_r(uid_t number, struct passwd *restrict entry, char *restrict buffer,
                         size_t size, struct passwd **restrict ret_entry)
{
    LOOK_UP(getpwuid_r, ovl__sys.getpwuid_r(number, entry, buffer, size, ret_entry),
            .number = number, .entry = entry, .buffer = buffer, .size = size,
            .ret_entry = ret_entry);
}

OVL__HOOK int getgrnam_r(const char *restrict name, struct group *restrict entry,
                         char *restrict buffer, size_t size, struct group **restrict ret_entry)
{
    LOOK_UP(getgrnam_r, ovl__sys.getgrnam_r(name, entry, buffer, size, ret_entry), .name = name,
            .entry = entry, .buffer = buffer, .size = size, .ret_entry = ret_entry);
}

OVL__HOOK int getgrgid_r(gid_t number, struct group *restrict entry, char *restrict buffer,
                         size_t size, struct group **restrict ret_entry)
{
    LOOK_UP(getgrgid_r, ovl__sys.getgrgid_r(number, entry, buffer, size, ret_entry),
            .number = number, .entry = entry, .buffer = buffer, .size = size,
            .ret_entry = ret_entry);
}
