#include "fetch/attempt.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *curl_remedy(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return "; is a server running there, and is the port right?";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "; check the host's name and the network";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "; check the proxy's name";
    case CURLE_OPERATION_TIMEDOUT:
        return "; give it longer with --max-time, --connect-timeout or --speed-time";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; its certificate is not trusted here (--cacert FILE, or --insecure)";
    case CURLE_SSL_CACERT_BADFILE:
        return "; check --cacert";
    case CURLE_SSL_CLIENTCERT:
        return "; give it one with --cert and --key";
    case CURLE_SSL_CERTPROBLEM:
        return "; check --cert and --key";
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "; only http and https are fetched";
    case CURLE_WEIRD_SERVER_REPLY:
        return "; is it a web server that answers at this port?";
    case CURLE_TOO_MANY_REDIRECTS:
        return "; allow more with --max-redirs";
    case CURLE_LOGIN_DENIED:
        return "; check --user";
    default:
        return "";
    }
}

static void describe_curl(const struct reply *reply, char *buffer, size_t size)
{
    CURLcode code = (CURLcode)reply->number;
    const char *text = block_text(reply, reply->text);
    bool system = code == CURLE_COULDNT_CONNECT && reply->system_error;
    snprintf(buffer, size, "%s%s%s%s%s%s", curl_easy_strerror(code), text && !system ? ": " : "",
             text && !system ? text : "", system ? ": " : "",
             system ? strerror(reply->system_error) : "", curl_remedy(code));
}

static const char *status_remedy(int status)
{
    switch (status) {
    case 401:
        return "; give a name and password with --user or --netrc (and --anyauth for Digest)";
    case 403:
        return "; the server does not give it to this client";
    case 404:
    case 410:
        return "; check the URL";
    case 407:
        return "; give the proxy a name and password with --proxy-user";
    case 429:
    case 503:
        return "; it wants fewer requests, or later";
    default:
        return status < 400 ? "; allow redirects with --location" : "";
    }
}

static const char *file_remedy(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "; make room, and call again";
    case EFBIG:
        return "; the limit of a file's size (ulimit -f) is too low";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; choose a folder that can be written, with --output-dir";
    case EMFILE:
    case ENFILE:
        return "; raise the limit of descriptors (ulimit -n), or give fewer --workers";
    default:
        return "";
    }
}

void reply_describe(const struct reply *reply, char *buffer, size_t size)
{
    const char *text = block_text(reply, reply->text);
    switch (reply->fault) {
    case FAULT_CURL:
        describe_curl(reply, buffer, size);
        return;
    case FAULT_STATUS:
        snprintf(buffer, size, "the server answered with status %d%s", reply->status,
                 status_remedy(reply->status));
        return;
    case FAULT_RANGE:
        snprintf(buffer, size, "the server did not send the rest that it was asked for");
        return;
    case FAULT_CHECKSUM:
        snprintf(buffer, size, "what came is complete, but has another checksum; it was not kept");
        return;
    case FAULT_TOO_LARGE:
        snprintf(buffer, size, "it is larger than --max-filesize allows");
        return;
    case FAULT_HEADERS:
        snprintf(buffer, size,
                 "its headers are longer than --max-header-bytes allows, or one of them than 100 "
                 "KiB");
        return;
    case FAULT_FILE:
        snprintf(buffer, size, "cannot write its file: %s%s", strerror(reply->number),
                 file_remedy(reply->number));
        return;
    case FAULT_EXISTS:
        snprintf(buffer, size,
                 "a file of that name exists; give --overwrite, --skip-existing or --rename");
        return;
    case FAULT_JOURNAL:
        snprintf(buffer, size, "the journal could not be written");
        return;
    case FAULT_INTERRUPTED:
        snprintf(buffer, size, "interrupted");
        return;
    case FAULT_MEMORY:
        snprintf(buffer, size, "there is no memory; give fewer --workers");
        return;
    default:
        snprintf(buffer, size, "%s", text ? text : "it could not be fetched");
    }
}

static const char *curl_kind(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "name";
    case CURLE_COULDNT_CONNECT:
        return "connect";
    case CURLE_OPERATION_TIMEDOUT:
        return "timeout";
    case CURLE_TOO_MANY_REDIRECTS:
        return "redirects";
    case CURLE_PARTIAL_FILE:
        return "short";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return "tls";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "url";
    default:
        return "transfer";
    }
}

const char *reply_kind(const struct reply *reply)
{
    static const char *const kinds[] = {
        [FAULT_NONE] = NULL,         [FAULT_UNCHANGED] = NULL,
        [FAULT_SKIPPED] = NULL,      [FAULT_STATUS] = "status",
        [FAULT_RANGE] = "range",     [FAULT_CHECKSUM] = "checksum",
        [FAULT_TOO_LARGE] = "size",  [FAULT_HEADERS] = "headers",
        [FAULT_FILE] = "file",       [FAULT_EXISTS] = "exists",
        [FAULT_JOURNAL] = "journal", [FAULT_INTERRUPTED] = "interrupted",
        [FAULT_MEMORY] = "memory",   [FAULT_WORKER] = "worker",
        [FAULT_URL] = "url",         [FAULT_HOST] = "host",
    };
    if (reply->fault == FAULT_CURL)
        return curl_kind((CURLcode)reply->number);
    return kinds[reply->fault];
}
