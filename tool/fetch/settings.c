#include "fetch/settings.h"

#include "command.h"
#include "options.h"
#include "report/console.h"
#include "report/progress.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MOST  (365 * 24 * 3600 * (uint64_t)OVL_SECOND)
#define SIZE_TERA  (UINT64_C(1) << 40)
#define COUNT_MOST 1000000000

static const char about[] =
    "Downloads URLs, many at once, each into a file of its own. A file appears under its\n"
    "name when it is complete; what was begun is resumed. Options that curl has are called as\n"
    "they are there.\n"
    "\n"
    "A list has one URL a line, and '#' begins a comment. After tabs may follow, in any\n"
    "order: the output's name, a checksum (sha256=...), further URLs of the same file.\n"
    "Indented lines below a URL are options of it, as in aria2's lists: out=, dir=,\n"
    "checksum=, header=, referer=, user-agent=, method=, data=.";

static int take_word(void *target, const char *text)
{
    struct words *words = target;
    const char **list = realloc(words->list, (words->count + 1) * sizeof *list);
    if (!list) {
        console_error("there is no memory for '%s'", text);
        return -1;
    }
    list[words->count++] = text;
    words->list = list;
    return 0;
}

static int take_output(void *target, const char *text)
{
    struct settings *settings = target;
    if (strcmp(text, "-") != 0)
        return take_word(&settings->outputs, text);
    settings->to_stdout = true;
    return 0;
}

static int take_checksum(void *target, const char *text)
{
    const char *fault = checksum_parse(text, target);
    if (!fault)
        return 0;
    console_error("--checksum %s: %s", text, fault);
    return -1;
}

static int take_header(void *target, const char *text)
{
    if (strpbrk(text, "\r\n") || !strpbrk(text, ":;")) {
        console_error("--header '%s': not a header; give one such as 'Accept: text/html'", text);
        return -1;
    }
    return take_word(target, text);
}

static int take_proto(void *target, const char *text)
{
    (void)target;
    if (strcmp(text, "=http,https") == 0 || strcmp(text, "http,https") == 0)
        return 0;
    console_error("--proto %s: only http and https are fetched; leave it out", text);
    return -1;
}

static int ignore(void *target, const char *text)
{
    (void)target, (void)text;
    return 0;
}

/* Options for what is done anyway. */
static bool anyway;

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

int settings_parse(struct settings *set, int argc, char **argv)
{
    set_defaults(set);
    bool globs_off = false;
    const struct option options[] = {
        {.group = "What to fetch",
         .name = "input-file",
         .letter = 'i',
         .kind = OPTION_TAKEN,
         .value = "FILE",
         .take = take_word,
         .target = &set->inputs,
         .help = "a list of URLs; - is standard input"},
        {.name = "url",
         .kind = OPTION_TAKEN,
         .value = "URL",
         .take = take_word,
         .target = &set->urls,
         .help = "as a URL by itself"},
        {.name = "globs",
         .kind = OPTION_FLAG,
         .target = &set->globs,
         .negatable = true,
         .help = "read {a,b} and [1-9] in URLs as curl does"},
        {.group = "Where to",
         .name = "output-dir",
         .letter = 'd',
         .kind = OPTION_TEXT,
         .value = "DIR",
         .target = &set->folder,
         .help = "the folder (.); made where it is missing"},
        {.name = "output",
         .letter = 'o',
         .kind = OPTION_TAKEN,
         .value = "FILE",
         .take = take_output,
         .target = set,
         .help = "the file of a URL; given again, of the next one. - is\n"
                 "standard output: all bodies, whole and in order"},
        {.name = "discard",
         .kind = OPTION_FLAG,
         .target = &set->discard,
         .help = "keep nothing: only see whether all can be fetched"},
        {.name = "remote-header-name",
         .letter = 'J',
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->server_names,
         .help = "take the name that the server proposes"},
        {.name = "overwrite",
         .kind = OPTION_SET,
         .set = EXISTING_OVERWRITE,
         .target = &set->existing,
         .help = "replace a file that exists"},
        {.name = "skip-existing",
         .kind = OPTION_SET,
         .set = EXISTING_SKIP,
         .target = &set->existing,
         .help = "leave it, and count the URL as done"},
        {.name = "rename",
         .kind = OPTION_SET,
         .set = EXISTING_RENAME,
         .target = &set->existing,
         .help = "leave it, and put a number into the new one's name"},
        {.name = "remote-time",
         .letter = 'R',
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->remote_time,
         .help = "give files the time that the server tells"},
        {.name = "sync",
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->sync,
         .help = "have each file on the disk before it gets its name"},
        {.name = "journal",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->journal,
         .help = "remember what is done; a second call does the rest"},
        {.name = "refresh",
         .kind = OPTION_FLAG,
         .target = &set->refresh,
         .help = "ask again for what the journal has, and fetch what changed"},
        {.name = "checksum",
         .kind = OPTION_TAKEN,
         .value = "KIND=HEX",
         .take = take_checksum,
         .target = &set->checksum,
         .help = "what the one URL's file must have: md5, sha1, sha224,\n"
                 "sha256, sha384, sha512, sha3-256, sha3-512, blake2b"},
        {.name = "checksums",
         .kind = OPTION_TAKEN,
         .value = "FILE",
         .take = take_word,
         .target = &set->checksum_lists,
         .help = "checksums by file name, as sha256sum prints them"},
        {.group = "How many at once",
         .name = "workers",
         .letter = 'w',
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .most = OVL_COROUTINES_MAX,
         .target = &set->workers,
         .help = "transfers at once (found by measuring)"},
        {.name = "parallel-max",
         .kind = OPTION_NUMBER,
         .value = "N",
         .least = 1,
         .most = OVL_COROUTINES_MAX,
         .target = &set->workers,
         .help = "the same"},
        {.name = "parallel-max-host",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = OVL_COROUTINES_MAX,
         .target = &set->host_workers,
         .help = "at one host and port (no limit)"},
        {.name = "model",
         .kind = OPTION_TEXT,
         .value = "MODEL",
         .target = &set->model_name,
         .help = "auto, sync, threads, async or processes (auto)"},
        {.name = "limit-rate",
         .kind = OPTION_SIZE,
         .value = "N",
         .target = &set->rate_each,
         .help = "bytes per second of one transfer (no limit)"},
        {.name = "limit-rate-total",
         .kind = OPTION_SIZE,
         .value = "N",
         .target = &set->rate_total,
         .help = "bytes per second of all together (no limit)"},
        {.group = "When something fails",
         .name = "retry",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = 1000,
         .target = &set->retries,
         .help = "how often a URL is tried again (5)"},
        {.name = "retry-delay",
         .kind = OPTION_SECONDS,
         .value = "S",
         .most = TIME_MOST,
         .target = &set->retry_delay_ns,
         .help = "in between (1 s, doubling up to 10 minutes)"},
        {.name = "retry-max-time",
         .kind = OPTION_SECONDS,
         .value = "S",
         .most = TIME_MOST,
         .target = &set->retry_most_ns,
         .help = "not after so long since the first attempt (no limit)"},
        {.name = "retry-connrefused",
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->retry_refused,
         .help = "also where a host that never answered refuses"},
        {.name = "retry-all-errors",
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->retry_all,
         .help = "also after errors that will not go away by themselves"},
        {.name = "host-failures",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = COUNT_MOST,
         .target = &set->host_failures,
         .help = "give up a host that could not be reached so often in a\n"
                 "row (20; 0: never)"},
        {.name = "fail-early",
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->fail_early,
         .help = "stop all at the first URL that fails"},
        {.group = "Limits",
         .name = "max-time",
         .letter = 'm',
         .kind = OPTION_SECONDS,
         .value = "S",
         .least = (uint64_t)OVL_MILLISECOND,
         .most = TIME_MOST,
         .target = &set->total_ns,
         .help = "of one attempt (24h)"},
        {.name = "connect-timeout",
         .kind = OPTION_SECONDS,
         .value = "S",
         .least = (uint64_t)OVL_MILLISECOND,
         .most = TIME_MOST,
         .target = &set->connect_ns,
         .help = "until the connection stands (30s)"},
        {.name = "speed-limit",
         .letter = 'Y',
         .kind = OPTION_SIZE,
         .value = "N",
         .most = SIZE_TERA,
         .target = &set->stall_rate,
         .help = "bytes per second: what is slower for --speed-time ends\n"
                 "(100; 0: no limit)"},
        {.name = "speed-time",
         .letter = 'y',
         .kind = OPTION_SECONDS,
         .value = "S",
         .least = (uint64_t)OVL_SECOND,
         .most = TIME_MOST,
         .target = &set->stall_ns,
         .help = "how long it may be (60s)"},
        {.name = "max-filesize",
         .kind = OPTION_SIZE,
         .value = "N",
         .least = 1,
         .target = &set->size_most,
         .help = "bytes of one file (64G)"},
        {.name = "max-redirs",
         .kind = OPTION_NUMBER,
         .value = "N",
         .most = 1000,
         .target = &set->redirects_most,
         .help = "redirects that are followed (20)"},
        {.name = "max-header-bytes",
         .kind = OPTION_SIZE,
         .value = "N",
         .least = 1024,
         .target = &set->header_bytes_most,
         .help = "bytes of an answer's headers (256k)"},
        {.group = "The request",
         .name = "request",
         .letter = 'X',
         .kind = OPTION_TEXT,
         .value = "METHOD",
         .target = &set->method,
         .help = "the method (GET; POST where there is --data)"},
        {.name = "data",
         .kind = OPTION_TEXT,
         .value = "DATA",
         .target = &set->data,
         .help = "the body to send"},
        {.name = "header",
         .letter = 'H',
         .kind = OPTION_TAKEN,
         .value = "LINE",
         .take = take_header,
         .target = &set->headers,
         .help = "a header to send; may be given again"},
        {.name = "user-agent",
         .letter = 'A',
         .kind = OPTION_TEXT,
         .value = "NAME",
         .target = &set->user_agent,
         .help = "the User-Agent (overlap/" OVL_VERSION ")"},
        {.name = "referer",
         .letter = 'e',
         .kind = OPTION_TEXT,
         .value = "URL",
         .target = &set->referer,
         .help = "the Referer"},
        {.name = "user",
         .letter = 'u',
         .kind = OPTION_TEXT,
         .value = "USER:PW",
         .target = &set->user,
         .help = "name and password for the servers"},
        {.name = "oauth2-bearer",
         .kind = OPTION_TEXT,
         .value = "TOKEN",
         .target = &set->bearer,
         .help = "a bearer token for the servers"},
        {.name = "cookie",
         .letter = 'b',
         .kind = OPTION_TAKEN,
         .value = "DATA",
         .take = take_word,
         .target = &set->cookies,
         .help = "cookies NAME=VALUE, or a file of them"},
        {.name = "cookie-jar",
         .letter = 'c',
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->cookie_jar,
         .help = "keep cookies, and write them there at the end"},
        {.name = "netrc",
         .letter = 'n',
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->netrc,
         .help = "passwords from ~/.netrc"},
        {.name = "netrc-optional",
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->netrc_optional,
         .help = "where it has one for the host"},
        {.name = "netrc-file",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->netrc_file,
         .help = "from there"},
        {.name = "compressed",
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->compressed,
         .help = "ask for compressed answers, and decode them"},
        {.name = "location",
         .letter = 'L',
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->location,
         .help = "follow redirects (on)"},
        {.name = "http1.0",
         .letter = '0',
         .kind = OPTION_SET,
         .set = CURL_HTTP_VERSION_1_0,
         .target = &set->http,
         .help = "HTTP 1.0"},
        {.name = "http1.1",
         .kind = OPTION_SET,
         .set = CURL_HTTP_VERSION_1_1,
         .target = &set->http,
         .help = "HTTP 1.1"},
        {.name = "http2",
         .kind = OPTION_SET,
         .set = CURL_HTTP_VERSION_2_0,
         .target = &set->http,
         .help = "HTTP/2, without TLS too where the server goes along (over\n"
                 "TLS it is used where the server has it)"},
        {.name = "http2-prior-knowledge",
         .kind = OPTION_SET,
         .set = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
         .target = &set->http,
         .help = "HTTP/2 at once, without asking"},
        {.name = "proto",
         .kind = OPTION_TAKEN,
         .value = "LIST",
         .take = take_proto,
         .help = "http,https: there are no others"},
        {.group = "The way there",
         .name = "proxy",
         .letter = 'x',
         .kind = OPTION_TEXT,
         .value = "URL",
         .target = &set->proxy,
         .help = "a proxy (http_proxy, https_proxy, all_proxy of the\n"
                 "environment); \"\" is none"},
        {.name = "noproxy",
         .kind = OPTION_TEXT,
         .value = "HOSTS",
         .target = &set->no_proxy,
         .help = "hosts that are asked directly (no_proxy)"},
        {.name = "proxy-user",
         .letter = 'U',
         .kind = OPTION_TEXT,
         .value = "USER:PW",
         .target = &set->proxy_user,
         .help = "name and password for the proxy"},
        {.name = "ipv4",
         .letter = '4',
         .kind = OPTION_SET,
         .set = CURL_IPRESOLVE_V4,
         .target = &set->family,
         .help = "addresses of IPv4 only"},
        {.name = "ipv6",
         .letter = '6',
         .kind = OPTION_SET,
         .set = CURL_IPRESOLVE_V6,
         .target = &set->family,
         .help = "addresses of IPv6 only"},
        {.name = "interface",
         .kind = OPTION_TEXT,
         .value = "NAME",
         .target = &set->interface,
         .help = "the interface or address to send from"},
        {.name = "resolve",
         .kind = OPTION_TAKEN,
         .value = "H:P:ADDR",
         .take = take_word,
         .target = &set->resolve,
         .help = "the address of a host and port"},
        {.name = "connect-to",
         .kind = OPTION_TAKEN,
         .value = "H:P:H:P",
         .take = take_word,
         .target = &set->connect_to,
         .help = "another host and port to connect to"},
        {.name = "unix-socket",
         .kind = OPTION_TEXT,
         .value = "PATH",
         .target = &set->unix_socket,
         .help = "connect to a socket of this machine"},
        {.group = "TLS",
         .name = "insecure",
         .letter = 'k',
         .kind = OPTION_FLAG,
         .negatable = true,
         .target = &set->insecure,
         .help = "do not verify who the server is"},
        {.name = "cacert",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->ca_file,
         .help = "authorities to trust"},
        {.name = "capath",
         .kind = OPTION_TEXT,
         .value = "DIR",
         .target = &set->ca_path,
         .help = "a folder of them"},
        {.name = "cert",
         .letter = 'E',
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->certificate,
         .help = "a certificate of one's own"},
        {.name = "cert-type",
         .kind = OPTION_TEXT,
         .value = "TYPE",
         .target = &set->certificate_type,
         .help = "PEM, DER or P12 (PEM)"},
        {.name = "key",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->key,
         .help = "its private key"},
        {.name = "key-type",
         .kind = OPTION_TEXT,
         .value = "TYPE",
         .target = &set->key_type,
         .help = "PEM or DER (PEM)"},
        {.name = "pass",
         .kind = OPTION_TEXT,
         .value = "PHRASE",
         .target = &set->key_password,
         .help = "the private key's pass phrase"},
        {.name = "ciphers",
         .kind = OPTION_TEXT,
         .value = "LIST",
         .target = &set->ciphers,
         .help = "ciphers up to TLS 1.2"},
        {.name = "tls13-ciphers",
         .kind = OPTION_TEXT,
         .value = "LIST",
         .target = &set->ciphers_13,
         .help = "ciphers of TLS 1.3"},
        {.name = "tlsv1.2",
         .kind = OPTION_SET,
         .set = CURL_SSLVERSION_TLSv1_2,
         .target = &set->tls_least,
         .help = "TLS 1.2 or later"},
        {.name = "tlsv1.3",
         .kind = OPTION_SET,
         .set = CURL_SSLVERSION_TLSv1_3,
         .target = &set->tls_least,
         .help = "TLS 1.3 or later"},
        {.name = "pinnedpubkey",
         .kind = OPTION_TEXT,
         .value = "HASHES",
         .target = &set->pinned_key,
         .help = "the server's key must be this one"},
        {.group = "What is told",
         .name = "json",
         .kind = OPTION_FLAG,
         .target = &set->json,
         .help = "print one JSON document on standard output"},
        {.name = "json-lines",
         .kind = OPTION_FLAG,
         .target = &set->json_lines,
         .help = "print a JSON object for each URL as it ends"},
        {.name = "report",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->report,
         .help = "write a page (HTML) that shows what happened when"},
        {.name = "trace",
         .kind = OPTION_TEXT,
         .value = "FILE",
         .target = &set->trace,
         .help = "write a trace for Perfetto or Chrome"},
        {.name = "progress",
         .kind = OPTION_CHOICE,
         .value = "WHEN",
         .choices = progress_modes,
         .target = &set->progress,
         .help = "auto, always or never (auto: where standard error is a\n"
                 "terminal)"},
        {.name = "silent",
         .letter = 's',
         .kind = OPTION_FLAG,
         .target = &set->silent,
         .help = "say nothing but what ended everything"},
        {.group = "Taken from curl's users, and done anyway",
         .name = "remote-name",
         .letter = 'O',
         .kind = OPTION_FLAG,
         .target = &anyway,
         .help = "names come from URLs"},
        {.name = "create-dirs", .kind = OPTION_FLAG, .target = &anyway, .help = "folders are made"},
        {.name = "continue-at",
         .letter = 'C',
         .kind = OPTION_TAKEN,
         .value = "-",
         .take = ignore,
         .help = "what was begun is resumed"},
        {.name = "fail",
         .letter = 'f',
         .kind = OPTION_FLAG,
         .target = &anyway,
         .help = "a status of 400 and above is a failure"},
        {.name = "show-error",
         .letter = 'S',
         .kind = OPTION_FLAG,
         .target = &anyway,
         .help = "failures are told"},
        {.name = "parallel",
         .letter = 'Z',
         .kind = OPTION_FLAG,
         .target = &anyway,
         .help = "many at once"},
        {.name = "globoff",
         .letter = 'g',
         .kind = OPTION_FLAG,
         .target = &globs_off,
         .help = "URLs are as they stand"},
    };
    const struct usage usage = {
        .verb = "fetch",
        .synopsis = "[options] URL... | -i FILE",
        .about = about,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operand = take_word,
        .operand_target = &set->urls,
    };
    int code = options_parse(&usage, argc, argv);
    if (code != OPTIONS_GO)
        return code;
    set->globs &= !globs_off;
    return contradiction(set);
}

void settings_release(struct settings *settings)
{
    const struct words *lists[] = {
        &settings->urls,    &settings->outputs, &settings->inputs,  &settings->checksum_lists,
        &settings->headers, &settings->cookies, &settings->resolve, &settings->connect_to};
    for (size_t n = 0; n < sizeof lists / sizeof *lists; n++)
        free(lists[n]->list);
}
