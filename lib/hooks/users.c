/*
 * Users and groups, which a directory in the network may keep. libc's code does not come by the
 * hooks: each is looked up whole by a helper thread, by those of them that take a buffer, and
 * waited for to its end, since the answer goes into the caller's memory.
 */
#include "hooks/hooks.h"

#include <grp.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdlib.h>

OVL__HOOK_FILE(users);

/* One look-up, by name or by number. */
struct query {
    const char *name;
    id_t number;
    void *entry;
    char *buffer;
    size_t size;
    void *ret_entry;
    gid_t *groups;
    int *group_count;
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
CALL(getgrouplist,
     ovl__sys.getgrouplist(query->name, query->number, query->groups, query->group_count))

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

OVL__HOOK int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
    LOOK_UP(getgrouplist, ovl__sys.getgrouplist(user, group, groups, count), .name = user,
            .number = group, .groups = groups, .group_count = count);
}

/* --- into memory of ours, which the next such call overwrites --- */

/* What libc begins with, where the buffer is its own. */
#define FIRST_SIZE 1024

/* An entry, and behind it what it points to. */
union entry {
    struct passwd user;
    struct group group;
};

static union entry *_Atomic latest_user;
static union entry *_Atomic latest_group;

/* One that was found is `latest` afterwards. NULL with errno as the look-up has it. */
static void *look_up_static(void (*fn)(void *argument), struct query query,
                            union entry *_Atomic *latest)
{
    union entry *entry = NULL;
    void *found = NULL;
    int error = ERANGE;
    for (size_t size = FIRST_SIZE; error == ERANGE; size *= 2) {
        union entry *larger = ovl__sys.realloc(entry, sizeof *entry + size);
        if (!larger)
            break;
        entry = larger;
        query.entry = entry;
        query.buffer = (char *)(entry + 1);
        query.size = size;
        query.ret_entry = &found;
        error = look_up(fn, query);
    }
    if (error)
        errno = error == ERANGE ? ENOMEM : error;
    free(found ? atomic_exchange(latest, entry) : entry);
    return found;
}

#define LOOK_UP_STATIC(name, real, latest, ...)                                                    \
    do {                                                                                           \
        if (!ovl__in_task())                                                                       \
            return real;                                                                           \
        if (!ovl__current->coroutine)                                                              \
            return OVL__METERED(__typeof__(real), -1, OVL_WAIT_NETWORK, real);                     \
        return look_up_static(call_##name, (struct query){__VA_ARGS__}, latest);                   \
    } while (0)

OVL__HOOK struct passwd *getpwnam(const char *name)
{
    LOOK_UP_STATIC(getpwnam_r, ovl__sys.getpwnam(name), &latest_user, .name = name);
}

OVL__HOOK struct passwd *getpwuid(uid_t number)
{
    LOOK_UP_STATIC(getpwuid_r, ovl__sys.getpwuid(number), &latest_user, .number = number);
}

OVL__HOOK struct group *getgrnam(const char *name)
{
    LOOK_UP_STATIC(getgrnam_r, ovl__sys.getgrnam(name), &latest_group, .name = name);
}

OVL__HOOK struct group *getgrgid(gid_t number)
{
    LOOK_UP_STATIC(getgrgid_r, ovl__sys.getgrgid(number), &latest_group, .number = number);
}
