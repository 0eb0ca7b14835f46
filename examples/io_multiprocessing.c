/*
 * The I/O-bound program with processes: as many downloads at a time as there are cores. Each worker
 * is a process with a session of its own.
 *
 *     io_multiprocessing URL...
 */
#include "download.h"

int main(int argc, char *argv[])
{
    struct sites sites = sites_from(argc, argv);
    struct ovl_options options = {
        .workers = 0, /* as many as there are cores */
        .session_open = session_open,
        .session_close = session_close,
    };
    struct ovl_stream stream = {
        .next = next_site,
        .each = print_site,
        .context = &sites,
        .prompt = true,
        .as_completed = true,
    };

    ovl_time start = ovl_now();
    struct ovl_executor *executor = NULL;
    int error = ovl_executor_open(OVL_PROCESSES, &options, &executor);
    if (!error)
        error = ovl_map_stream(executor, download_site, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    return sites_report(&sites, error, ovl_now() - start);
}
