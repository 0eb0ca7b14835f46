#include "origin/request.h"

#include <string.h>
#include <strings.h>

/* A run of bytes within the head. */
struct span {
    const char *start;
    size_t length;
};

/* What the headers say that matters here. */
struct headers {
    bool host;
    bool close;
    bool keep_alive;
    bool body;
    bool bad;
};

static bool equals(struct span span, const char *word)
{
    return span.length == strlen(word) && strncasecmp(span.start, word, span.length) == 0;
}

static struct span trim(struct span span)
{
    while (span.length > 0 && (span.start[0] == ' ' || span.start[0] == '\t')) {
        span.start++;
        span.length--;
    }
    while (span.length > 0 &&
           (span.start[span.length - 1] == ' ' || span.start[span.length - 1] == '\t'))
        span.length--;
    return span;
}

/* Cuts off what stands before `mark`; the rest, after it, stays. All of it where there is no mark.
 */
static struct span cut(struct span *rest, char mark)
{
    const char *found = memchr(rest->start, mark, rest->length);
    struct span head = {rest->start, found ? (size_t)(found - rest->start) : rest->length};
    size_t used = head.length + (found != NULL);
    rest->start += used;
    rest->length -= used;
    return head;
}

/* A line without its end, which is CRLF, or LF alone (RFC 9112, 2.2). */
static struct span cut_line(struct span *rest)
{
    struct span line = cut(rest, '\n');
    if (line.length > 0 && line.start[line.length - 1] == '\r')
        line.length--;
    return line;
}

/* The length up to and with the empty line; 0: there is none yet. */
static size_t head_length(const char *data, size_t size)
{
    const char *end = data + size;
    for (const char *at = data; (at = memchr(at, '\n', (size_t)(end - at))); at++) {
        const char *next = at + 1;
        if (next < end && *next == '\r')
            next++;
        if (next < end && *next == '\n')
            return (size_t)(next - data) + 1;
    }
    return 0;
}

/* Whether all of it may stand in a name: a token of RFC 9110, 5.6.2. */
static bool is_token(struct span span)
{
    for (size_t n = 0; n < span.length; n++) {
        char c = span.start[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return span.length > 0;
}

/* Whether it has bytes that no line of a head has: controls other than tab. */
static bool has_controls(struct span span)
{
    for (size_t n = 0; n < span.length; n++)
        if ((unsigned char)span.start[n] < ' ' && span.start[n] != '\t')
            return true;
    return false;
}

/* "close", "keep-alive", and lists with either. */
static void read_connection(struct span value, struct headers *headers)
{
    while (value.length > 0) {
        struct span word = trim(cut(&value, ','));
        headers->close |= equals(word, "close");
        headers->keep_alive |= equals(word, "keep-alive");
    }
}

/* Digits alone; anything but zero announces a body. */
static void read_length(struct span value, struct headers *headers)
{
    headers->bad |= value.length == 0;
    for (size_t n = 0; n < value.length; n++) {
        headers->bad |= value.start[n] < '0' || value.start[n] > '9';
        headers->body |= value.start[n] != '0';
    }
}

static void read_header(struct span line, struct headers *headers)
{
    struct span value = line;
    struct span name = cut(&value, ':');
    if (name.length == line.length || !is_token(name) || has_controls(value)) {
        headers->bad = true;
        return;
    }
    value = trim(value);
    if (equals(name, "host")) {
        headers->bad |= headers->host;
        headers->host = true;
    } else if (equals(name, "connection")) {
        read_connection(value, headers);
    } else if (equals(name, "content-length")) {
        read_length(value, headers);
    } else if (equals(name, "transfer-encoding")) {
        headers->body = true;
    }
}

/* "/path", or "http://host/path" as a proxy is asked: the path. */
static struct span read_target(struct span target)
{
    static const char scheme[] = "http://";
    if (target.length < sizeof scheme || strncasecmp(target.start, scheme, sizeof scheme - 1) != 0)
        return target;
    const char *host = target.start + sizeof scheme - 1;
    size_t rest = target.length - (sizeof scheme - 1);
    const char *path = memchr(host, '/', rest);
    return path ? (struct span){path, rest - (size_t)(path - host)} : (struct span){"/", 1};
}

static enum request_method read_method(struct span method)
{
    /* Methods are told apart by case (RFC 9110, 9.1). */
    if (method.length == 3 && memcmp(method.start, "GET", 3) == 0)
        return REQUEST_GET;
    if (method.length == 4 && memcmp(method.start, "HEAD", 4) == 0)
        return REQUEST_HEAD;
    return REQUEST_OTHER;
}

/* The request line. Returns 10 or 11, its version, or a negative status. */
static int read_line(struct span line, struct request *ret_request)
{
    if (has_controls(line))
        return -400;
    struct span method = cut(&line, ' ');
    struct span target = read_target(cut(&line, ' '));
    struct span version = line;
    if (!is_token(method) || target.length == 0 || target.start[0] != '/')
        return -400;
    if (version.length != 8 || memcmp(version.start, "HTTP/", 5) != 0 || version.start[6] != '.')
        return -400;
    if (version.start[5] != '1')
        return -505;
    *ret_request = (struct request){
        .method = read_method(method),
        .target = target.start,
        .target_length = target.length,
    };
    return version.start[7] == '0' ? 10 : 11;
}

ssize_t request_parse(const char *data, size_t size, struct request *ret_request)
{
    /* Empty lines before a request are left over from the one before (RFC 9112, 2.2). */
    size_t blank = 0;
    while (blank < size && (data[blank] == '\r' || data[blank] == '\n'))
        blank++;

    size_t length = head_length(data + blank, size - blank);
    if (blank + length > REQUEST_HEAD_MAX || (length == 0 && size >= REQUEST_HEAD_MAX))
        return -431;
    if (length == 0)
        return 0;

    struct span rest = {data + blank, length};
    struct request request;
    int version = read_line(cut_line(&rest), &request);
    if (version < 0)
        return version;
    struct headers headers = {.host = false};
    for (struct span line = cut_line(&rest); line.length > 0; line = cut_line(&rest))
        read_header(line, &headers);
    if (headers.bad || (version == 11 && !headers.host))
        return -400;

    request.keep_alive = !headers.close && (version == 11 || headers.keep_alive);
    request.body = headers.body;
    *ret_request = request;
    return (ssize_t)(blank + length);
}
