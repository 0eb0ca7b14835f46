#include "fetch/settings.h"

#include "command.h"
#include "fetch/command_line.h"
#include "options.h"
#include "report/console.h"

#include <curl/curl.h>

static int contradiction(const struct settings *settings)
{
    if (settings->to_stdout && (settings->json || settings->json_lines)) {
        console_error("-o - and %s both want standard output; leave one out",
                      settings->json ? "--json" : "--json-lines");
        return EXIT_USAGE;
    }
    if (settings->json && settings->json_lines) {
        console_error("--json and --json-lines both want standard output; leave one out");
        return EXIT_USAGE;
    }
    if (settings->to_stdout && (settings->outputs.count > 0 || settings->journal)) {
        console_error("-o - cannot be used with %s; leave one out",
                      settings->journal ? "--journal" : "another -o");
        return EXIT_USAGE;
    }
    if (settings->discard && (settings->to_stdout || settings->outputs.count > 0)) {
        console_error("--discard keeps nothing, and -o wants something kept; leave one out");
        return EXIT_USAGE;
    }
    enum ovl_model model;
    if (settings->cookie_jar && settings->model_name &&
        ovl_model_parse(settings->model_name, &model) == 0 && model == OVL_PROCESSES) {
        console_error("--cookie-jar %s: processes have cookies each of their own; take another "
                      "--model",
                      settings->cookie_jar);
        return EXIT_USAGE;
    }
    if (settings->refresh && !settings->journal) {
        console_error("--refresh asks again for what a journal has; name it with --journal FILE");
        return EXIT_USAGE;
    }
    if (settings->urls.count == 0 && settings->inputs.count == 0) {
        console_error("there is nothing to fetch; give URLs, or a list with -i FILE (-i - is "
                      "standard input)");
        return EXIT_USAGE;
    }
    return OPTIONS_GO;
}

static void set_defaults(struct settings *settings)
{
    *settings = (struct settings){
        .folder = ".",
        .retries = 5,
        .host_failures = 20,
        .connect_ns = 30 * OVL_SECOND,
        .total_ns = 24 * 3600 * OVL_SECOND,
        .stall_rate = 100,
        .stall_ns = 60 * OVL_SECOND,
        .size_most = UINT64_C(64) << 30,
        .redirects_most = 20,
        .header_bytes_most = UINT64_C(256) << 10,
        .location = true,
        .http = CURL_HTTP_VERSION_2TLS,
        .family = CURL_IPRESOLVE_WHATEVER,
        .tls_least = CURL_SSLVERSION_DEFAULT,
    };
}

int settings_parse(struct settings *settings, int argc, char **argv)
{
    set_defaults(settings);
    int code = command_line_read(argc, argv, settings);
    return code == OPTIONS_GO ? contradiction(settings) : code;
}

void settings_release(struct settings *settings)
{
    struct words *lists[] = {&settings->urls,           &settings->outputs,   &settings->inputs,
                             &settings->checksum_lists, &settings->headers,   &settings->cookies,
                             &settings->resolve,        &settings->connect_to};
    for (size_t n = 0; n < sizeof lists / sizeof *lists; n++)
        words_release(lists[n]);
}
