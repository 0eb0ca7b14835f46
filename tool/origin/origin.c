/* overlap origin: the embedded server by itself. */
#include "command.h"
#include "options.h"
#include "origin/listener.h"
#include "origin/page.h"
#include "origin/server.h"
#include "report/console.h"
#include "report/output.h"
#include "system/limits.h"
#include "system/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <overlap.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char about[] =
    "Serves pages, each after a latency, to thousands of connections at once, until\n"
    "it is interrupted; to this machine alone, unless --address says otherwise. A\n"
    "page's content follows from its path; /any/path?size=64k asks for one of that\n"
    "size.";

struct origin_options {
    const char *address;
    uint64_t port;
    uint64_t workers;
    struct server_settings server;
};

/* Where it serves, for the line that says so. */
struct place {
    const char *address;
    uint16_t port;
    int code; /* the command's, of that line */
};

static int parse(int argc, char **argv, struct origin_options *ret)
{
    struct server_settings *server = &ret->server;
    const struct option options[] = {
        {.name = "latency",
         .kind = OPTION_DURATION,
         .value = "D",
         .most = 3600 * (uint64_t)OVL_SECOND,
         .target = &server->latency_ns,
         .help = "wait before each answer (0ms)"},
        {.name = "size",
         .kind = OPTION_SIZE,
         .value = "N",
         .most = PAGE_SIZE_MAX,
         .target = &server->page_size,
         .help = "bytes of a page that names no size (10k)"},
        {.name = "port",
         .letter = 'p',
         .kind = OPTION_NUMBER,
         .value = "P",
         .most = UINT16_MAX,
         .target = &ret->port,
         .remedy = "0 takes any that is free",
         .help = "listen on this port (0: any that is free)"},
        {.name = "address",
         .kind = OPTION_TEXT,
         .value = "A",
         .target = &ret->address,
         .help = "listen on this IPv4 address (127.0.0.1); 0.0.0.0 is\n"
                 "for other machines too"},
        {.name = "workers",
         .letter = 'w',
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .most = SERVER_CONNECTIONS_MAX,
         .target = &ret->workers,
         .help = "connections served at once; more wait, and those that\n"
                 "are only kept alive make room for them (10000)"},
        {.name = "idle-timeout",
         .kind = OPTION_DURATION,
         .value = "D",
         .least = (uint64_t)OVL_MILLISECOND,
         .target = &server->idle_ns,
         .help = "end a connection that asks for nothing (60s)"},
        {.name = "header-timeout",
         .kind = OPTION_DURATION,
         .value = "D",
         .least = (uint64_t)OVL_MILLISECOND,
         .target = &server->head_ns,
         .help = "end a connection whose request takes longer to\narrive (10s)"},
    };
    const struct usage usage = {
        .verb = "origin",
        .synopsis = "[options]",
        .about = about,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = options_parse(&usage, argc, argv);
    server->connections = (unsigned)ret->workers;
    return code;
}

/* Opens the listener, or says why not. */
static int listen_at(struct place *place, int *ret_fd)
{
    unsigned port = place->port;
    int error = listener_open(place->address, place->port, ret_fd, &place->port);
    switch (error) {
    case 0:
        return OPTIONS_GO;
    case -EINVAL:
        console_error("--address %s: not an IPv4 address; give one such as 127.0.0.1 or 0.0.0.0",
                      place->address);
        return EXIT_USAGE;
    case -EADDRINUSE:
        console_error("port %u is taken; give another with --port, or 0 for any that is free",
                      port);
        return EXIT_REFUSED;
    case -EACCES:
        console_error("port %u is for the superuser; give one above 1023, or 0 for any", port);
        return EXIT_REFUSED;
    case -EADDRNOTAVAIL:
        console_error("address %s is not this machine's; give one that is, such as 127.0.0.1",
                      place->address);
        return EXIT_REFUSED;
    default:
        console_error("cannot listen on %s, port %u: %s", place->address, port,
                      ovl_error_message(error));
        return EXIT_REFUSED;
    }
}

static int announce(void *context)
{
    struct place *place = context;
    printf("http://%s:%u/\n", place->address, place->port);
    place->code = output_finish(EXIT_DONE);
    return place->code;
}

static int serve(struct origin_options *options, struct place *place, int listener)
{
    sigset_t signals = signals_block();
    int stop_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop_fd < 0) {
        console_error("cannot wait for signals: %s", ovl_error_message(-errno));
        return EXIT_REFUSED;
    }
    limits_raise_descriptors();
    options->server.ready = announce;
    options->server.ready_context = place;
    struct server_counts counts;
    int error = server_run(&options->server, &listener, 1, stop_fd, &counts);
    close(stop_fd);
    if (place->code != EXIT_DONE)
        return place->code;
    if (error) {
        console_error("cannot serve: %s; try fewer --workers", ovl_error_message(error));
        return EXIT_REFUSED;
    }
    console_error("served %" PRIu64 " connection%s and %" PRIu64 " request%s", counts.connections,
                  counts.connections == 1 ? "" : "s", counts.requests,
                  counts.requests == 1 ? "" : "s");
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct origin_options options = {.address = "127.0.0.1", .server = server_defaults()};
    options.workers = options.server.connections;
    int code = parse(argc, argv, &options);
    if (code != OPTIONS_GO)
        return code;
    struct place place = {.address = options.address, .port = (uint16_t)options.port};
    int listener;
    code = listen_at(&place, &listener);
    if (code != OPTIONS_GO)
        return code;
    code = serve(&options, &place, listener);
    close(listener);
    return code;
}

const struct verb origin_verb = {
    .name = "origin",
    .summary = "serve pages to measure with",
    .run = run,
};
