/* Requests: what is one, what is none, and what may still become one. */
#include "origin/request.h"

#include "support/cases.h"

#include <string.h>

static ssize_t parse(const char *text, struct request *ret)
{
    return request_parse(text, strlen(text), ret);
}

static void a_request_is_read(void)
{
    static const char text[] = "GET /a?size=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nGET /b";
    struct request request;
    assert_int_equal(parse(text, &request), (ssize_t)(strlen(text) - strlen("GET /b")));
    assert_int_equal(request.method, REQUEST_GET);
    assert_int_equal(request.target_length, strlen("/a?size=1"));
    assert_memory_equal(request.target, "/a?size=1", request.target_length);
    assert_true(request.keep_alive);
    assert_false(request.body);
}

/* At every byte it could stop, the parser waits for more, and the whole is a request. */
static void a_request_may_come_byte_by_byte(void)
{
    static const char text[] = "\r\nHEAD /long/path HTTP/1.1\r\nHost: example\r\nX: y\r\n\r\n";
    struct request request;
    for (size_t size = 0; size < sizeof text - 1; size++)
        assert_int_equal(request_parse(text, size, &request), 0);
    assert_int_equal(request_parse(text, sizeof text - 1, &request), (ssize_t)sizeof text - 1);
    assert_int_equal(request.method, REQUEST_HEAD);
}

static void a_connection_ends_when_it_is_asked_to(void)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nconnection: x, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.1\nHost: x\n\n", true},
    };
    for (size_t n = 0; n < COUNT_OF(table); n++) {
        struct request request;
        assert_int_equal(parse(table[n].text, &request), (ssize_t)strlen(table[n].text));
        assert_int_equal(request.keep_alive, table[n].keep_alive);
    }
}

static void malformed_requests_are_refused(void)
{
    static const struct {
        const char *text;
        int status;
    } table[] = {
        {"GET\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2\r\n\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTPS/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"\x16\x03\x01\x02\r\n\r\n", 400},
    };
    for (size_t n = 0; n < COUNT_OF(table); n++) {
        struct request request;
        assert_int_equal(parse(table[n].text, &request), -table[n].status);
    }
}

static void other_methods_and_bodies_are_seen(void)
{
    struct request request;
    assert_true(parse("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", &request) > 0);
    assert_int_equal(request.method, REQUEST_OTHER);
    assert_true(request.body);
    assert_true(parse("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", &request) >
                0);
    assert_true(request.body);
    assert_true(parse("get / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", &request) > 0);
    assert_int_equal(request.method, REQUEST_OTHER);
    assert_false(request.body);
}

static void a_proxy_request_has_a_path(void)
{
    struct request request;
    assert_true(parse("GET http://h:1/p HTTP/1.1\r\nHost: h\r\n\r\n", &request) > 0);
    assert_int_equal(request.target_length, 2);
    assert_memory_equal(request.target, "/p", 2);
    assert_true(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", &request) > 0);
    assert_int_equal(request.target_length, 1);
}

static void a_head_without_end_is_too_large(void)
{
    static char head[REQUEST_HEAD_MAX + 64] = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    struct request request;
    size_t used = strlen(head);
    memset(head + used, 'a', sizeof head - used);
    assert_int_equal(request_parse(head, REQUEST_HEAD_MAX - 1, &request), 0);
    assert_int_equal(request_parse(head, REQUEST_HEAD_MAX, &request), -431);
    memcpy(head + REQUEST_HEAD_MAX, "\r\n\r\n", 4);
    assert_int_equal(request_parse(head, REQUEST_HEAD_MAX + 4, &request), -431);
    memcpy(head + REQUEST_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(request_parse(head, REQUEST_HEAD_MAX, &request), REQUEST_HEAD_MAX);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST_CASE(a_request_is_read),
        TEST_CASE(a_request_may_come_byte_by_byte),
        TEST_CASE(a_connection_ends_when_it_is_asked_to),
        TEST_CASE(malformed_requests_are_refused),
        TEST_CASE(other_methods_and_bodies_are_seen),
        TEST_CASE(a_proxy_request_has_a_path),
        TEST_CASE(a_head_without_end_is_too_large),
    };
    return run_cases("tool request", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL);
}
