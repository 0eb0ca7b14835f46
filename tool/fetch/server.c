#include "fetch/server.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* A reset beyond that is a point of time, not a length. */
#define EPOCH_LEAST 100000000.0

static const char *header(CURL *handle, const char *name)
{
    struct curl_header *found;
    CURLHcode code = curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &found);
    return code == CURLHE_OK ? found->value : NULL;
}

/* A number at the start of `text`, with nothing but a separator behind it. Negative: none. */
static double read_number(const char *text)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || digits > 15 || (text[digits] && !strchr(" \t,;", text[digits])))
        return -1;
    return strtod(text, NULL);
}

double server_retry_after(const char *value, double now)
{
    double seconds = read_number(value);
    if (seconds >= 0)
        return seconds;
    time_t when = curl_getdate(value, NULL);
    if (when < 0)
        return -1;
    return (double)when > now ? (double)when - now : 0;
}

/* The number that follows one of two names and '='. Negative: none. */
static double find_number(const char *value, const char *name, const char *letter)
{
    for (const char *at = value; *at; at += strcspn(at, ",; \t")) {
        at += strspn(at, ",; \t");
        size_t size = strcspn(at, "=,; \t");
        bool is_it = (size == strlen(name) && strncasecmp(at, name, size) == 0) ||
                     (size == strlen(letter) && strncasecmp(at, letter, size) == 0);
        if (is_it && at[size] == '=')
            return read_number(at + size + 1);
    }
    return -1;
}

bool server_rate_limit(const char *value, double *ret_remaining, double *ret_reset)
{
    double remaining = find_number(value, "remaining", "r");
    double reset = find_number(value, "reset", "t");
    if (remaining < 0 || reset < 0)
        return false;
    *ret_remaining = remaining;
    *ret_reset = reset;
    return true;
}

static bool find_rate_limit(CURL *handle, double *ret_remaining, double *ret_reset)
{
    static const char *const names[][2] = {
        {"RateLimit-Remaining", "RateLimit-Reset"},
        {"X-RateLimit-Remaining", "X-RateLimit-Reset"},
    };
    const char *value = header(handle, "RateLimit");
    if (value && server_rate_limit(value, ret_remaining, ret_reset))
        return true;
    for (size_t n = 0; n < 2; n++) {
        const char *remaining = header(handle, names[n][0]);
        const char *reset = remaining ? header(handle, names[n][1]) : NULL;
        if (!reset)
            continue;
        *ret_remaining = read_number(remaining);
        *ret_reset = read_number(reset);
        if (*ret_remaining >= 0 && *ret_reset >= 0)
            return true;
    }
    return false;
}

void server_look(void *handle, int status, struct reply *reply)
{
    double now = (double)time(NULL);
    double remaining, reset;
    if (status >= 300 || status == 0) {
        const char *value = header(handle, "Retry-After");
        if (value)
            reply->retry_after = server_retry_after(value, now);
    }
    if (find_rate_limit(handle, &remaining, &reset) && remaining < 1) {
        if (reset > EPOCH_LEAST)
            reset = reset > now ? reset - now : 0;
        reply->spent = true;
        if (reply->retry_after < 0)
            reply->retry_after = reset;
    }
}
