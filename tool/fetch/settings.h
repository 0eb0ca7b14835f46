/* What `overlap fetch` was asked for: the same for all transfers, and not changed once they begin.
 */
#ifndef TOOL_FETCH_SETTINGS_H
#define TOOL_FETCH_SETTINGS_H

#include "fetch/checksum.h"
#include "fetch/words.h"

#include <overlap.h>
#include <stdbool.h>
#include <stdint.h>

/* What happens where a file of that name exists. */
enum existing { EXISTING_FAIL, EXISTING_OVERWRITE, EXISTING_SKIP, EXISTING_RENAME };

struct settings {
    /* What to fetch. */
    struct words urls; /* operands and --url, in their order */
    struct words outputs;
    struct words inputs;
    bool globs;

    /* Where to. */
    const char *folder;
    bool to_stdout;
    bool discard;
    bool server_names;
    int existing; /* enum existing */
    bool remote_time;
    bool sync;
    const char *journal;
    bool refresh;
    struct checksum checksum; /* of the one URL */
    struct words checksum_lists;

    /* How many at once. */
    const char *model_name; /* NULL: auto */
    uint64_t workers;       /* 0: found by measuring */
    uint64_t host_workers;  /* at one host; 0: no limit */
    uint64_t rate_each;     /* bytes per second; 0: no limit */
    uint64_t rate_total;

    /* When something fails. */
    uint64_t retries;
    ovl_time retry_delay_ns; /* 0: doubling from a second */
    ovl_time retry_most_ns;  /* for all attempts of one together; 0: no limit */
    bool retry_refused;
    bool retry_all;
    uint64_t host_failures; /* in a row, after which a host is given up; 0: never */
    bool fail_early;

    /* Limits. */
    ovl_time total_ns;
    ovl_time connect_ns;
    uint64_t stall_rate;
    ovl_time stall_ns;
    uint64_t size_most;
    uint64_t redirects_most;
    uint64_t header_bytes_most;

    /* The request. */
    const char *method;
    const char *data;
    struct words headers;
    const char *user_agent;
    const char *referer;
    const char *user;
    int authentication; /* CURLAUTH_…; 0: libcurl's own, which is Basic */
    const char *bearer;
    struct words cookies;
    const char *cookie_jar;
    bool netrc;
    bool netrc_optional;
    const char *netrc_file;
    bool compressed;
    bool location;
    int http; /* CURL_HTTP_VERSION_… */

    /* The way there. */
    const char *proxy;
    const char *no_proxy;
    const char *proxy_user;
    int family; /* CURL_IPRESOLVE_… */
    const char *interface;
    struct words resolve;
    struct words connect_to;
    const char *unix_socket;

    /* TLS. */
    bool insecure;
    const char *ca_file;
    const char *ca_path;
    const char *certificate;
    const char *certificate_type;
    const char *key;
    const char *key_type;
    const char *key_password;
    const char *ciphers;
    const char *ciphers_13;
    const char *pinned_key;
    int tls_least; /* CURL_SSLVERSION_… */

    /* What is told. */
    bool json;
    bool json_lines;
    const char *report;
    const char *trace;
    int progress; /* enum progress_mode */
    bool silent;
};

/*
 * Reads the command line. Returns OPTIONS_GO, or the command's exit code: --help was printed, or
 * what is wrong was said.
 */
int settings_parse(struct settings *settings, int argc, char **argv);

void settings_release(struct settings *settings);

#endif
