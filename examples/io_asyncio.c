/*
 * The I/O-bound program with coroutines: all downloads at a time, in one thread. Each gives way
 * where it waits, though curl_easy_perform was never written to.
 *
 *     io_asyncio URL...
 */
#include "download.h"

int main(int argc, char *argv[])
{
    struct sites sites = sites_from(argc, argv);
    struct ovl_options options = {
        .workers = (unsigned)sites.count,
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
    int error = ovl_executor_open(OVL_ASYNC, &options, &executor);
    if (!error)
        error = ovl_map_stream(executor, download_site, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    return sites_report(&sites, error, ovl_now() - start);
}
