/* Waiting for descriptors: who waits for which, and what epoll is asked for them. */
#include "base/list.h"
#include "base/memory.h"
#include "base/system.h"
#include "loop/inside.h"

#include <errno.h>
#include <overlap/error.h>

/* Descriptors are looked up in tables of this many, made as they are needed. */
#define FD_TABLE 1024

/* Who waits for a descriptor. */
struct ovl__fd_entry {
    struct ovl__link waits; /* of struct fd_wait; next is NULL until the entry is first used */
    bool known;             /* epoll had it when last asked */
    uint32_t generation;    /* goes up with each close, for late events to be known; 31 bits */
};

/* One descriptor of a waiting coroutine, on that coroutine's stack. */
struct fd_wait {
    struct ovl__link link;
    struct ovl__coroutine *coroutine;
    uint32_t events;
    uint32_t happened; /* of these, or an error or an end */
    bool closed;
};

static struct ovl__fd_entry *fd_find(const struct ovl__loop *loop, int fd)
{
    size_t table = (size_t)fd / FD_TABLE;
    if (fd < 0 || table >= loop->fd_table_count || !loop->fd_tables[table])
        return NULL;
    return &loop->fd_tables[table][(size_t)fd % FD_TABLE];
}

static int fd_tables_grow(struct ovl__loop *loop, size_t count)
{
    struct ovl__fd_entry **tables = ovl__sys.realloc(loop->fd_tables, count * sizeof *tables);
    if (!tables)
        return -ENOMEM;
    for (size_t i = loop->fd_table_count; i < count; i++)
        tables[i] = NULL;
    loop->fd_tables = tables;
    loop->fd_table_count = count;
    return 0;
}

static struct ovl__fd_entry *fd_find_or_add(struct ovl__loop *loop, int fd)
{
    size_t table = (size_t)fd / FD_TABLE;
    if (table >= loop->fd_table_count && fd_tables_grow(loop, table + 1))
        return NULL;
    if (!loop->fd_tables[table]) {
        loop->fd_tables[table] = ovl__zalloc(FD_TABLE * sizeof(struct ovl__fd_entry));
        if (!loop->fd_tables[table])
            return NULL;
    }
    struct ovl__fd_entry *entry = &loop->fd_tables[table][(size_t)fd % FD_TABLE];
    if (!entry->waits.next)
        ovl__list_init(&entry->waits);
    return entry;
}

static uint32_t fd_wanted(const struct ovl__fd_entry *entry)
{
    uint32_t events = EPOLLONESHOT;
    for (struct ovl__link *link = entry->waits.next; link != &entry->waits; link = link->next)
        events |= ovl__of(link, struct fd_wait, link)->events;
    return events;
}

/*
 * Asks epoll for what all who wait want, once; anew for each who comes. A descriptor may have been
 * closed and its number reused behind the hooks' back, by another thread for one, even while
 * somebody waits for the former one: so what was asked before is not trusted.
 */
static int fd_arm(struct ovl__loop *loop, int fd, struct ovl__fd_entry *entry)
{
    struct epoll_event event = {
        .events = fd_wanted(entry),
        .data.u64 = (uint64_t)entry->generation << 32 | (uint32_t)fd,
    };
    int first = entry->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int second = entry->known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (ovl__sys.epoll_ctl(loop->epoll_fd, first, fd, &event) &&
        ((errno != ENOENT && errno != EEXIST) ||
         ovl__sys.epoll_ctl(loop->epoll_fd, second, fd, &event)))
        return -errno;
    entry->known = true;
    return 0;
}

static int fd_wait_begin(struct ovl__loop *loop, int fd, struct fd_wait *wait)
{
    struct ovl__fd_entry *entry = fd_find_or_add(loop, fd);
    if (!entry)
        return -ENOMEM;
    ovl__list_append(&entry->waits, &wait->link);
    int error = fd_arm(loop, fd, entry);
    /* A file, which no event is asked of: it will have none. */
    return error == -EPERM && !wait->events ? 0 : error;
}

void ovl__fd_happened(struct ovl__loop *loop, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    struct ovl__fd_entry *entry = fd_find(loop, fd);
    if (!entry || !entry->waits.next || entry->generation != (uint32_t)(event->data.u64 >> 32))
        return;
    struct ovl__link *next;
    for (struct ovl__link *link = entry->waits.next; link != &entry->waits; link = next) {
        next = link->next;
        struct fd_wait *wait = ovl__of(link, struct fd_wait, link);
        wait->happened = event->events & (wait->events | EPOLLERR | EPOLLHUP);
        if (wait->happened) {
            ovl__list_remove(link);
            ovl__resume(wait->coroutine);
        }
    }
    /* Whoever is left is woken to look for itself where epoll refuses. */
    if (!ovl__list_empty(&entry->waits) && fd_arm(loop, fd, entry))
        for (struct ovl__link *link; (link = ovl__list_take(&entry->waits));)
            ovl__resume(ovl__of(link, struct fd_wait, link)->coroutine);
}

void ovl__loop_forget_fd(int fd)
{
    struct ovl__loop *loop = ovl__here;
    struct ovl__fd_entry *entry = loop ? fd_find(loop, fd) : NULL;
    if (!entry || !entry->waits.next)
        return;
    ovl__sys.epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    entry->known = false;
    entry->generation = (entry->generation + 1) & INT32_MAX;
    for (struct ovl__link *link; (link = ovl__list_take(&entry->waits));) {
        struct fd_wait *wait = ovl__of(link, struct fd_wait, link);
        wait->closed = true;
        ovl__resume(wait->coroutine);
    }
}

void ovl__loop_forget_range(unsigned first, unsigned last)
{
    size_t end = ovl__here ? ovl__here->fd_table_count * FD_TABLE : 0;
    for (size_t fd = first; fd < end && fd <= last; fd++)
        ovl__loop_forget_fd((int)fd);
}

/* poll's events are epoll's, number for number. */
_Static_assert(POLLIN == EPOLLIN && POLLPRI == EPOLLPRI && POLLOUT == EPOLLOUT &&
                   POLLRDHUP == EPOLLRDHUP && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP &&
                   POLLRDNORM == EPOLLRDNORM && POLLRDBAND == EPOLLRDBAND &&
                   POLLWRNORM == EPOLLWRNORM && POLLWRBAND == EPOLLWRBAND,
               "poll's and epoll's events differ");

static int wait_fds(struct ovl__loop *loop, struct pollfd *fds, nfds_t count, struct fd_wait *waits,
                    ovl_time deadline)
{
    int error = 0;
    nfds_t begun = 0;
    for (; begun < count && !error; begun++) {
        waits[begun] = (struct fd_wait){
            .coroutine = ovl__current->coroutine,
            .events = (uint16_t)fds[begun].events,
        };
        ovl__list_init(&waits[begun].link);
        if (fds[begun].fd >= 0)
            error = fd_wait_begin(loop, fds[begun].fd, &waits[begun]);
    }
    if (!error) {
        if (count)
            ovl__waits_for(count > 1 ? "descriptors" : "descriptor", fds[0].fd);
        error = ovl__suspend(deadline);
    }
    for (nfds_t i = 0; i < begun; i++) {
        ovl__list_remove(&waits[i].link);
        fds[i].revents = (short)waits[i].happened;
        if (waits[i].closed)
            error = -EBADF;
    }
    return error;
}

int ovl__wait_fds(struct pollfd *fds, nfds_t count, ovl_time deadline)
{
    struct fd_wait few[8];
    if (count <= sizeof few / sizeof *few)
        return wait_fds(ovl__here, fds, count, few, deadline);
    struct fd_wait *many = ovl__sys.malloc(count * sizeof *many);
    if (!many)
        return -ENOMEM;
    int error = wait_fds(ovl__here, fds, count, many, deadline);
    free(many);
    return error;
}

int ovl__wait_fd(int fd, short events, ovl_time deadline)
{
    return ovl__wait_fds(&(struct pollfd){.fd = fd, .events = events}, 1, deadline);
}

void ovl__fd_tables_release(struct ovl__loop *loop)
{
    for (size_t i = 0; i < loop->fd_table_count; i++)
        free(loop->fd_tables[i]);
    free(loop->fd_tables);
}
