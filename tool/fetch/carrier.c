#include "fetch/carrier.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * So many handles share one multi handle, and with that the search for a connection that is free:
 * it looks at one after the other. By HTTP/2 they are to fit onto one connection, as streams: a
 * hundred is what libcurl takes a server to allow until it has said, and what most say.
 */
#define SEATS 100

/* So many sockets are looked after before those go on whose transfers ended: meanwhile the servers
 * have nothing to do. */
#define EVENTS 32

/* Some of a multi handle, in the order in which they were made. */
struct wagon {
    struct carrier *carrier;
    CURLM *multi;
    ovl_time due; /* of its next timer */
};

/* What is known of a descriptor. */
struct watched {
    struct wagon *wagon; /* NULL: libcurl does not wait for it */
    uint32_t wanted;     /* events, as epoll has them */
    uint32_t set;        /* what epoll was told; 0: it does not have it */
    bool lasts;          /* its end is told: it may stay with epoll between two transfers */
};

struct carrier {
    int epoll_fd;
    int bell_fd; /* an eventfd: what the driver waits for has changed */
    struct wagon **wagons;
    size_t wagon_count;
    size_t seated;
    struct watched *watched; /* by descriptor */
    size_t room;
    struct ride *rides; /* on their way */
    size_t leaving;     /* of them, for a turn to end */
    size_t waiting;     /* of them, for a turn to be added */
    struct ride *driver;
    bool turning;          /* someone is in libcurl */
    ovl_time parked_until; /* the driver waits until then, if nothing comes; 0: it does not */
};

/* --- sockets --- */

static struct watched *find_watched(struct carrier *carrier, int fd)
{
    if (fd < 0)
        return NULL;
    size_t index = (size_t)fd;
    if (index >= carrier->room) {
        size_t room = 2 * index + 64;
        struct watched *watched = realloc(carrier->watched, room * sizeof *watched);
        if (!watched)
            return NULL;
        memset(watched + carrier->room, 0, (room - carrier->room) * sizeof *watched);
        carrier->watched = watched;
        carrier->room = room;
    }
    return &carrier->watched[index];
}

static int tell_epoll(struct carrier *carrier, int fd, struct watched *watched, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int action = !events ? EPOLL_CTL_DEL : watched->set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (events == watched->set)
        return 0;
    watched->set = events;
    return epoll_ctl(carrier->epoll_fd, action, fd, &event);
}

/* Between two transfers a connection stays with epoll as it is: its next request wants the same. */
static int watch_socket(CURL *handle, curl_socket_t fd, int what, void *context, void *unused)
{
    struct wagon *wagon = context;
    struct watched *watched = find_watched(wagon->carrier, fd);
    (void)handle, (void)unused;
    if (!watched)
        return -1;
    watched->wagon = what == CURL_POLL_REMOVE ? NULL : wagon;
    watched->wanted = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                      (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    if (what == CURL_POLL_REMOVE) {
        watched->wanted = 0;
        if (watched->lasts)
            return 0;
    }
    int failed = tell_epoll(wagon->carrier, fd, watched, watched->wanted);
    return failed && watched->wanted ? -1 : 0;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct carrier *carrier = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    struct watched *watched = find_watched(carrier, fd);
    if (watched)
        *watched = (struct watched){.lasts = true};
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* A descriptor that is closed is no longer with epoll. */
static int close_socket(void *context, curl_socket_t fd)
{
    struct watched *watched = find_watched(context, fd);
    if (watched)
        *watched = (struct watched){0};
    return close(fd);
}

/* --- time --- */

static int set_timer(CURLM *multi, long milliseconds, void *context)
{
    struct wagon *wagon = context;
    (void)multi;
    wagon->due = milliseconds < 0 ? OVL_FOREVER : ovl_after(milliseconds * OVL_MILLISECOND);
    return 0;
}

static ovl_time next_due(const struct carrier *carrier)
{
    ovl_time due = OVL_FOREVER;
    for (size_t n = 0; n < carrier->wagon_count; n++)
        if (carrier->wagons[n]->due < due)
            due = carrier->wagons[n]->due;
    return due;
}

/* --- rides --- */

static void link_ride(struct carrier *carrier, struct ride *ride)
{
    ride->previous = NULL;
    ride->next = carrier->rides;
    if (ride->next)
        ride->next->previous = ride;
    carrier->rides = ride;
}

static void unlink_ride(struct carrier *carrier, struct ride *ride)
{
    if (ride->previous)
        ride->previous->next = ride->next;
    else
        carrier->rides = ride->next;
    if (ride->next)
        ride->next->previous = ride->previous;
}

static void end_ride(struct carrier *carrier, struct ride *ride, CURLcode code)
{
    if (ride->added)
        curl_multi_remove_handle(ride->multi, ride->handle);
    else if (ride->waits)
        carrier->waiting--;
    if (ride->leaves)
        carrier->leaving--;
    ride->added = false;
    ride->waits = false;
    ride->leaves = false;
    ride->code = code;
    ride->done = true;
    unlink_ride(carrier, ride);
    ovl_event_set(ride->woken);
}

static void add_ride(struct carrier *carrier, struct ride *ride)
{
    ride->waits = false;
    carrier->waiting--;
    ride->added = curl_multi_add_handle(ride->multi, ride->handle) == CURLM_OK;
    if (!ride->added)
        end_ride(carrier, ride, CURLE_OUT_OF_MEMORY);
}

static void add_waiting(struct carrier *carrier)
{
    struct ride *next;
    for (struct ride *ride = carrier->rides; ride && carrier->waiting > 0; ride = next) {
        next = ride->next;
        if (ride->waits)
            add_ride(carrier, ride);
    }
}

static void end_leaving(struct carrier *carrier)
{
    struct ride *next;
    for (struct ride *ride = carrier->rides; ride && carrier->leaving > 0; ride = next) {
        next = ride->next;
        if (ride->leaves)
            end_ride(carrier, ride, CURLE_ABORTED_BY_CALLBACK);
    }
}

static bool never_stood(CURL *handle)
{
    curl_off_t ready = 0;
    curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &ready);
    return ready == 0;
}

/* A first connection came to nothing. Who waited for it makes one of its own: otherwise a host that
 * hangs would be tried by one after the other. */
static void end_patience(struct carrier *carrier, CURLM *multi)
{
    for (struct ride *ride = carrier->rides; ride; ride = ride->next) {
        if (!ride->added || !ride->patient || ride->multi != multi)
            continue;
        ride->patient = false;
        curl_easy_setopt(ride->handle, CURLOPT_PIPEWAIT, 0L);
    }
}

static void take_ended(struct carrier *carrier, CURLM *multi)
{
    int left;
    for (const CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
        struct ride *ride;
        CURLcode code = message->data.result;
        if (code != CURLE_OK && never_stood(message->easy_handle))
            end_patience(carrier, multi);
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&ride) == CURLE_OK)
            end_ride(carrier, ride, code);
    }
}

static void act(struct wagon *wagon, int fd, int what)
{
    int running;
    curl_multi_socket_action(wagon->multi, fd, what, &running);
    take_ended(wagon->carrier, wagon->multi);
}

/* --- turns: libcurl is called by one at a time, which its callbacks could otherwise break --- */

static void run_timers(struct carrier *carrier)
{
    ovl_time now = ovl_now();
    for (size_t n = 0; n < carrier->wagon_count; n++) {
        struct wagon *wagon = carrier->wagons[n];
        if (wagon->due > now)
            continue;
        wagon->due = OVL_FOREVER;
        act(wagon, CURL_SOCKET_TIMEOUT, 0);
    }
}

static void end_turn(struct carrier *carrier)
{
    run_timers(carrier);
    while (carrier->waiting > 0) {
        add_waiting(carrier);
        run_timers(carrier);
    }
    end_leaving(carrier);
    carrier->turning = false;
    if (carrier->parked_until && next_due(carrier) < carrier->parked_until) {
        carrier->parked_until = 0;
        eventfd_write(carrier->bell_fd, 1);
    }
}

/* The first request of a ride goes out at once. Whoever has the turn already takes the ride along.
 */
static void begin_ride(struct carrier *carrier, struct ride *ride)
{
    curl_easy_setopt(ride->handle, CURLOPT_PIPEWAIT, (long)ride->patient);
    ride->done = false;
    ride->waits = true;
    carrier->waiting++;
    ovl_event_clear(ride->woken);
    link_ride(carrier, ride);
    if (carrier->turning)
        return;
    carrier->turning = true;
    add_ride(carrier, ride);
    end_turn(carrier);
}

/* Of a task that was cancelled. Libcurl has to be left by whoever is in it first. */
static void leave_early(struct carrier *carrier, struct ride *ride)
{
    if (!carrier->turning) {
        end_ride(carrier, ride, CURLE_ABORTED_BY_CALLBACK);
        return;
    }
    struct ovl_scope shield;
    ride->leaves = true;
    carrier->leaving++;
    bool shielded = ovl_scope_enter(&shield, OVL_FOREVER, OVL_SHIELD) == 0;
    while (!ride->done) {
        ovl_event_wait(ride->woken, OVL_FOREVER);
        ovl_event_clear(ride->woken);
    }
    if (shielded)
        ovl_scope_leave(&shield);
}

static void serve(struct carrier *carrier, const struct epoll_event *event)
{
    int fd = event->data.fd;
    struct watched *watched = find_watched(carrier, fd);
    int what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
               (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    if (fd == carrier->bell_fd) {
        eventfd_t rung;
        eventfd_read(fd, &rung);
    } else if (!watched->wagon) {
        /* A connection that nobody uses, and that its server ended. */
        tell_epoll(carrier, fd, watched, 0);
    } else if (watched->set != watched->wanted && !(event->events & watched->wanted)) {
        tell_epoll(carrier, fd, watched, watched->wanted);
    } else {
        act(watched->wagon, fd, what);
    }
}

static int milliseconds_until(ovl_time due)
{
    if (due == OVL_FOREVER)
        return -1;
    ovl_time left = due - ovl_now();
    return left <= 0 ? 0 : (int)((left + OVL_MILLISECOND - 1) / OVL_MILLISECOND);
}

/* Waits for something to do, and does it. 0 or -errno. */
static int drive_once(struct carrier *carrier)
{
    struct epoll_event events[EVENTS];
    carrier->parked_until = next_due(carrier);
    int count =
        epoll_wait(carrier->epoll_fd, events, EVENTS, milliseconds_until(carrier->parked_until));
    carrier->parked_until = 0;
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (!carrier->turning) {
        carrier->turning = true;
        for (int n = 0; n < count; n++)
            serve(carrier, &events[n]);
        end_turn(carrier);
    }
    /* Those who were woken send their next requests before more is looked at. */
    return ovl_yield();
}

static int drive(struct carrier *carrier, struct ride *ride)
{
    int error = 0;
    carrier->driver = ride;
    while (!ride->done && !error)
        error = drive_once(carrier);
    carrier->driver = NULL;
    return error;
}

CURLcode carrier_perform(struct carrier *carrier, struct ride *ride, bool patient)
{
    int error = 0;
    ride->patient = patient;
    begin_ride(carrier, ride);
    while (!ride->done && !error) {
        if (!carrier->driver) {
            error = drive(carrier, ride);
        } else {
            error = ovl_event_wait(ride->woken, OVL_FOREVER);
            ovl_event_clear(ride->woken);
        }
    }
    if (!ride->done)
        leave_early(carrier, ride);
    if (!carrier->driver && carrier->rides)
        ovl_event_set(carrier->rides->woken);
    return ride->code;
}

/* --- making --- */

static int add_wagon(struct carrier *carrier)
{
    size_t size = (carrier->wagon_count + 1) * sizeof(struct wagon *);
    struct wagon **wagons = realloc(carrier->wagons, size);
    if (!wagons)
        return -ENOMEM;
    carrier->wagons = wagons;
    struct wagon *wagon = calloc(1, sizeof *wagon);
    CURLM *multi = wagon ? curl_multi_init() : NULL;
    if (!multi) {
        free(wagon);
        return -ENOMEM;
    }
    *wagon = (struct wagon){.carrier = carrier, .multi = multi, .due = OVL_FOREVER};
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, wagon);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, wagon);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    /* Otherwise as few are kept as there are transfers at this very moment. */
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)SEATS);
    wagons[carrier->wagon_count++] = wagon;
    return 0;
}

int carrier_new(struct carrier **ret_carrier)
{
    struct carrier *carrier = calloc(1, sizeof *carrier);
    if (!carrier)
        return -ENOMEM;
    carrier->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    carrier->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = carrier->bell_fd};
    if (carrier->epoll_fd < 0 || carrier->bell_fd < 0 ||
        epoll_ctl(carrier->epoll_fd, EPOLL_CTL_ADD, carrier->bell_fd, &event) < 0) {
        int error = -errno;
        carrier_free(carrier);
        return error;
    }
    *ret_carrier = carrier;
    return 0;
}

void carrier_free(struct carrier *carrier)
{
    if (!carrier)
        return;
    for (size_t n = 0; n < carrier->wagon_count; n++) {
        curl_multi_cleanup(carrier->wagons[n]->multi);
        free(carrier->wagons[n]);
    }
    if (carrier->epoll_fd >= 0)
        close(carrier->epoll_fd);
    if (carrier->bell_fd >= 0)
        close(carrier->bell_fd);
    free(carrier->wagons);
    free(carrier->watched);
    free(carrier);
}

int carrier_seat(struct carrier *carrier, CURL *handle, struct ride *ret_ride)
{
    if (carrier->seated == carrier->wagon_count * SEATS && add_wagon(carrier) < 0)
        return -ENOMEM;
    *ret_ride =
        (struct ride){.handle = handle, .multi = carrier->wagons[carrier->seated / SEATS]->multi};
    if (ovl_event_open(&ret_ride->woken) < 0)
        return -ENOMEM;
    carrier->seated++;
    curl_easy_setopt(handle, CURLOPT_PRIVATE, ret_ride);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, carrier);
    curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, carrier);
    return 0;
}

void carrier_release(struct ride *ride)
{
    ovl_event_free(ride->woken);
    ride->woken = NULL;
}
