#include "fetch/schedule.h"

#include "fetch/address.h"
#include "fetch/table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A host that never answered gets so many at once where others wait, or its name is still to be
 * looked up. */
#define UNPROVEN_MOST 6

/* A host is not given up before it was silent for so long. */
#define SILENCE_NS (60 * OVL_SECOND)

struct host {
    char *name;
    struct host *next; /* in the ring of those that have an item to give */
    struct host *before;
    bool in_ring;
    bool is_address;    /* nothing is to be looked up */
    struct item *first; /* of its queue */
    struct item *last;
    unsigned running;
    bool proven;       /* it has answered */
    uint64_t failures; /* in a row */
    bool given_up;
    double allowed; /* at once, as it wants; 0: it has not said */
    ovl_time paused_until;
    ovl_time silent_since;
};

/* Something that happens at a time: an item is due, or a host's pause is over. */
struct event {
    ovl_time time;
    struct item *item; /* NULL: of the host */
    struct host *host;
};

struct schedule {
    struct schedule_options options;
    struct table *hosts;
    struct host *ring; /* whose turn it is */
    size_t host_count;
    struct event *events; /* a heap, the soonest first */
    size_t event_count;
    size_t event_room;
    size_t count;
};

struct schedule *schedule_new(const struct schedule_options *options)
{
    struct schedule *schedule = calloc(1, sizeof *schedule);
    if (!schedule)
        return NULL;
    schedule->options = *options;
    schedule->hosts = table_new();
    if (!schedule->hosts) {
        free(schedule);
        return NULL;
    }
    return schedule;
}

static void free_host(void *value)
{
    struct host *host = value;
    while (host->first) {
        struct item *item = host->first;
        host->first = item->next;
        item_free(item);
    }
    free(host->name);
    free(host);
}

void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    for (size_t n = 0; n < schedule->event_count; n++)
        item_free(schedule->events[n].item);
    free(schedule->events);
    table_free(schedule->hosts, free_host);
    free(schedule);
}

/* --- the heap --- */

static void swap(struct schedule *schedule, size_t left, size_t right)
{
    struct event event = schedule->events[left];
    schedule->events[left] = schedule->events[right];
    schedule->events[right] = event;
}

static bool push(struct schedule *schedule, struct event event)
{
    if (schedule->event_count == schedule->event_room) {
        size_t room = schedule->event_room ? 2 * schedule->event_room : 64;
        struct event *events = realloc(schedule->events, room * sizeof *events);
        if (!events)
            return false;
        schedule->events = events;
        schedule->event_room = room;
    }
    size_t at = schedule->event_count++;
    schedule->events[at] = event;
    while (at > 0 && schedule->events[(at - 1) / 2].time > schedule->events[at].time) {
        swap(schedule, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    return true;
}

static struct event pop(struct schedule *schedule)
{
    struct event event = schedule->events[0];
    schedule->events[0] = schedule->events[--schedule->event_count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < schedule->event_count &&
                schedule->events[child].time < schedule->events[least].time)
                least = child;
        if (least == at)
            return event;
        swap(schedule, at, least);
        at = least;
    }
}

/* --- hosts --- */

static unsigned host_limit(const struct schedule *schedule, const struct host *host)
{
    unsigned limit = schedule->options.host_workers ? schedule->options.host_workers : UINT32_MAX;
    if (host->allowed > 0 && host->allowed < limit)
        limit = (unsigned)host->allowed;
    bool careful = !host->proven && (schedule->host_count > 1 || !host->is_address);
    if (careful && limit > UNPROVEN_MOST)
        limit = UNPROVEN_MOST;
    return limit;
}

static void leave_ring(struct schedule *schedule, struct host *host)
{
    if (schedule->ring == host)
        schedule->ring = host->next == host ? NULL : host->next;
    host->next->before = host->before;
    host->before->next = host->next;
    host->in_ring = false;
}

static void join_ring(struct schedule *schedule, struct host *host)
{
    struct host *ring = schedule->ring;
    if (ring) {
        host->next = ring;
        host->before = ring->before;
        ring->before->next = host;
        ring->before = host;
    } else {
        host->next = host->before = host;
        schedule->ring = host;
    }
    host->in_ring = true;
}

/* Has the host in the ring if, and only if, it has an item to give. */
static void update(struct schedule *schedule, struct host *host, ovl_time now)
{
    bool ready = host->first && (host->given_up || (host->paused_until <= now &&
                                                    host->running < host_limit(schedule, host)));
    if (ready && !host->in_ring)
        join_ring(schedule, host);
    else if (!ready && host->in_ring)
        leave_ring(schedule, host);
}

static bool is_address(const char *name)
{
    char host[64];
    struct in_addr four;
    if (*name == '[')
        return true;
    snprintf(host, sizeof host, "%.*s", (int)strcspn(name, ":"), name);
    return inet_pton(AF_INET, host, &four) == 1;
}

static struct host *find_host(struct schedule *schedule, const char *url)
{
    char *name = address_host(url);
    if (!name)
        return NULL;
    struct host *host = table_get(schedule->hosts, name);
    if (host) {
        free(name);
        return host;
    }
    host = calloc(1, sizeof *host);
    if (!host || !table_put(schedule->hosts, name, host)) {
        free(host);
        free(name);
        return NULL;
    }
    host->name = name;
    host->is_address = is_address(name);
    schedule->host_count++;
    return host;
}

static void enqueue(struct schedule *schedule, struct item *item, ovl_time now)
{
    struct host *host = item->host;
    item->next = NULL;
    if (host->first)
        host->last->next = item;
    else
        host->first = item;
    host->last = item;
    update(schedule, host, now);
}

int schedule_add(struct schedule *schedule, struct item *item, const char *url)
{
    struct host *host = find_host(schedule, url);
    if (!host)
        return -ENOMEM;
    item->host = host;
    ovl_time now = ovl_now();
    if (item->due <= now)
        enqueue(schedule, item, now);
    else if (!push(schedule, (struct event){.time = item->due, .item = item, .host = host}))
        return -ENOMEM;
    schedule->count++;
    return 0;
}

static void let_happen(struct schedule *schedule, ovl_time now)
{
    while (schedule->event_count > 0 && schedule->events[0].time <= now) {
        struct event event = pop(schedule);
        if (event.item)
            enqueue(schedule, event.item, now);
        else
            update(schedule, event.host, now);
    }
}

static struct item *take_first(struct schedule *schedule, struct host *host)
{
    struct item *item = host->first;
    host->first = item->next;
    item->next = NULL;
    schedule->count--;
    return item;
}

struct item *schedule_next(struct schedule *schedule, ovl_time now, ovl_time *ret_wake)
{
    let_happen(schedule, now);
    struct host *host = schedule->ring;
    if (!host) {
        *ret_wake = schedule->event_count > 0 ? schedule->events[0].time : OVL_FOREVER;
        return NULL;
    }
    struct item *item = take_first(schedule, host);
    host->running++;
    schedule->ring = host->next;
    if (!host->silent_since)
        host->silent_since = now;
    update(schedule, host, now);
    return item;
}

struct item *schedule_take_any(struct schedule *schedule)
{
    while (schedule->event_count > 0) {
        struct event event = pop(schedule);
        if (event.item) {
            schedule->count--;
            return event.item;
        }
    }
    for (size_t n = 0; n < table_size(schedule->hosts); n++) {
        struct host *host = table_at(schedule->hosts, n);
        if (host && host->first) {
            struct item *item = take_first(schedule, host);
            if (!host->first && host->in_ring)
                leave_ring(schedule, host);
            return item;
        }
    }
    return NULL;
}

size_t schedule_count(const struct schedule *schedule)
{
    return schedule->count;
}

/* --- news --- */

static void take_success(struct host *host, ovl_time now)
{
    host->proven = true;
    host->failures = 0;
    host->given_up = false;
    host->silent_since = now;
    if (host->allowed > 0)
        host->allowed += 1 / host->allowed;
}

static void take_silence(const struct schedule *schedule, struct host *host, ovl_time now)
{
    host->failures++;
    if (schedule->options.host_failures && host->failures >= schedule->options.host_failures &&
        now - host->silent_since >= SILENCE_NS)
        host->given_up = true;
    if (host->failures >= 3 && host->proven) {
        double half = host->running / 2.0;
        host->allowed = half > 1 ? half : 1;
    }
}

void schedule_end(struct schedule *schedule, struct item *item, enum host_news news, ovl_time now)
{
    struct host *host = item->host;
    unsigned running = host->running--;
    if (news == HOST_ANSWERED) {
        take_success(host, now);
    } else if (news == HOST_BUSY) {
        take_success(host, now);
        double half = running / 2.0;
        if (host->allowed == 0 || half < host->allowed)
            host->allowed = half > 1 ? half : 1;
    } else if (news == HOST_SILENT) {
        take_silence(schedule, host, now);
    }
    update(schedule, host, now);
}

void schedule_pause(struct schedule *schedule, const struct item *item, ovl_time until)
{
    struct host *host = item->host;
    if (until <= host->paused_until)
        return;
    /* Without an event for its end there is no pause. */
    if (push(schedule, (struct event){.time = until, .host = host}))
        host->paused_until = until;
    update(schedule, host, ovl_now());
}

bool schedule_gave_up(const struct item *item)
{
    return item->host && item->host->given_up;
}

bool schedule_has_answered(const struct item *item)
{
    return item->host && item->host->proven;
}

bool schedule_is_well(const struct item *item)
{
    return item->host && item->host->failures == 0;
}

const char *schedule_host(const struct item *item)
{
    return item->host ? item->host->name : "";
}
