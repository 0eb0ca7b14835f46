#include "fetch/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_low_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Of a name or address. */
static bool is_of_host(char c)
{
    return is_low_or_digit(c) || c == '.' || c == '-';
}

/* Of a path or a query, where it means the same to everybody. */
static bool is_of_path(char c)
{
    return is_low_or_digit(c) || (c >= 'A' && c <= 'Z') || (c && strchr("/-_.~!$&'()*+,;=:@?%", c));
}

/* strspn, of a set that is too large for it to be quick. */
static size_t span(const char *text, bool (*is_of)(char c))
{
    size_t size = 0;
    while (is_of(text[size]))
        size++;
    return size;
}

static bool is_address(const char *text, size_t size)
{
    char copy[16];
    struct in_addr address;
    snprintf(copy, sizeof copy, "%.*s", (int)size, text);
    return size < sizeof copy && inet_pton(AF_INET, copy, &address) == 1;
}

/*
 * Most URLs of a long list are plain: a scheme, a name or address in lower case with or without a
 * port, and a path of harmless characters. Of these nothing else has to be asked; all others are
 * libcurl's to read, which takes ten times as long.
 */
static bool is_plain(const char *url, size_t *ret_host, size_t *ret_size, const char **ret_port)
{
    bool secure = strncmp(url, "https://", 8) == 0;
    if (!secure && strncmp(url, "http://", 7) != 0)
        return false;
    size_t host = secure ? 8 : 7;
    size_t size = span(url + host, is_of_host);
    const char *after = url + host + size;
    *ret_port = secure ? "443" : "80";
    if (*after == ':') {
        size_t digits = strspn(after + 1, "0123456789");
        bool large = digits > 5 || (digits == 5 && strncmp(after + 1, "65535", 5) > 0);
        if (digits == 0 || large || after[1] == '0')
            return false;
        *ret_port = after + 1;
        after += 1 + digits;
    }
    /* A name that ends in a number may be an address in another spelling. */
    bool address = strspn(url + host, "0123456789.") >= size;
    if (size == 0 || size > 200 || *after != '/' ||
        (isdigit((unsigned char)url[host + size - 1]) && !address))
        return false;
    if (address && !is_address(url + host, size))
        return false;
    *ret_host = host;
    *ret_size = size;
    return !after[span(after, is_of_path)];
}

const char *address_fault(const char *url)
{
    size_t host, size;
    const char *port;
    if (is_plain(url, &host, &size, &port))
        return NULL;
    if (!*url)
        return "it is empty";
    if (strpbrk(url, " \t"))
        return "it has spaces in it; write %20";
    if (strstr(url, "://") && strncasecmp(url, "http://", 7) != 0 &&
        strncasecmp(url, "https://", 8) != 0)
        return "only http:// and https:// are fetched";
    CURLU *parts = curl_url();
    char *name = NULL;
    if (!parts)
        return "there is no memory to look at it";
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME);
    if (code == CURLUE_OK)
        code = curl_url_get(parts, CURLUPART_HOST, &name, 0);
    curl_free(name);
    curl_url_cleanup(parts);
    return code == CURLUE_OK ? NULL : curl_url_strerror(code);
}

static char *read_host(const char *url)
{
    char *host = NULL, *port = NULL, *name = NULL;
    CURLU *parts = curl_url();
    if (parts && curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        asprintf(&name, "%s:%s", host, port) < 0)
        name = NULL;
    for (char *at = name; at && *at; at++)
        *at = (char)tolower((unsigned char)*at);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return name;
}

char *address_host(const char *url)
{
    size_t host, size;
    const char *port;
    if (!is_plain(url, &host, &size, &port))
        return read_host(url);
    char *name = malloc(size + 8);
    if (!name)
        return NULL;
    size_t digits = strspn(port, "0123456789");
    memcpy(name, url + host, size);
    name[size] = ':';
    memcpy(name + size + 1, port, digits);
    name[size + 1 + digits] = '\0';
    return name;
}
