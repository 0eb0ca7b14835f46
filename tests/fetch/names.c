/* fetch's names, checksums, globs and headers, by example. */
#include "fetch/name.h"

#include "fetch/address.h"
#include "fetch/checksum.h"
#include "fetch/disposition.h"
#include "fetch/glob.h"
#include "fetch/server.h"
#include "support/cases.h"

#include <stdlib.h>
#include <string.h>

static void names_of_urls(void)
{
    static const struct {
        const char *url;
        const char *name;
    } examples[] = {
        {"http://h/a/b.txt", "b.txt"},
        {"http://h/a/b.txt?x=/c#d/e", "b.txt"},
        {"http://h", "index.html"},
        {"http://h/", "index.html"},
        {"http://h/a%20b", "a b"},
        {"http://h/..%2f..%2fetc%2fpasswd", "_._.._etc_passwd"},
        {"http://h/.bashrc", "_bashrc"},
        {"http://h/-rf", "_rf"},
        {"http://h/..", "index.html"},
        {"http://h/CON", "_CON"},
        {"http://h/nul.tar.gz", "_nul.tar.gz"},
        {"http://h/com1.txt", "_com1.txt"},
        {"http://h/comma", "comma"},
        {"http://h/a%00b", "a_b"},
        {"http://h/a%0ab", "a_b"},
        {"http://h/%ff", "%FF"},
        {"http://h/%E2%82%AC", "\u20ac"},
        {"http://h/%E2%80%AEgpj.exe", "_gpj.exe"},
        {"http://h/%", "%"},
    };
    for (size_t n = 0; n < COUNT_OF(examples); n++) {
        char *name = name_of_url(examples[n].url);
        assert_string_equal(name, examples[n].name);
        free(name);
    }
}

static void long_names_keep_their_extension(void)
{
    char url[600] = "http://h/";
    memset(url + 9, 'a', 500);
    strcpy(url + 509, ".tar");
    char *name = name_of_url(url);
    assert_int_equal(strlen(name), NAME_BYTES_MAX);
    assert_string_equal(name + NAME_BYTES_MAX - 5, "a.tar");
    free(name);
}

static void long_names_of_devices_are_cut_too(void)
{
    char text[NAME_BYTES_MAX + 1] = "CON.";
    memset(text + 4, 'a', NAME_BYTES_MAX - 4);
    char *name = name_clean(text, NAME_BYTES_MAX);
    assert_int_equal(strlen(name), NAME_BYTES_MAX);
    assert_memory_equal(name, "_CON.a", 6);
    free(name);
}

static void numbers_go_before_the_extension(void)
{
    static const char *const examples[][2] = {
        {"a.txt", "a.1.txt"}, {"a", "a.1"}, {"d.x/a", "d.x/a.1"}, {"d/a.gz", "d/a.1.gz"}};
    for (size_t n = 0; n < COUNT_OF(examples); n++) {
        char *name = name_numbered(examples[n][0], 1);
        assert_string_equal(name, examples[n][1]);
        free(name);
    }
}

static void names_of_servers(void)
{
    static const char *const examples[][2] = {
        {"attachment; filename=a.txt", "a.txt"},
        {"attachment; filename=\"a b.txt\"", "a b.txt"},
        {"attachment; filename=\"../../etc/passwd\"", "passwd"},
        {"attachment; filename=\"c:\\\\windows\\\\x.dll\"", "x.dll"},
        {"attachment; filename=plain; filename*=UTF-8''%e2%82%ac.txt", "\u20ac.txt"},
        {"attachment; filename*=iso-8859-1'en'%A3", "\u00a3"},
        {"attachment; filename=a; filename*=koi8-r''%c1", "a"},
        {"attachment", NULL},
        {"attachment; filename=", NULL},
    };
    for (size_t n = 0; n < COUNT_OF(examples); n++) {
        char *name = disposition_name(examples[n][0]);
        if (examples[n][1])
            assert_string_equal(name, examples[n][1]);
        else
            assert_null(name);
        free(name);
    }
}

static void hosts_of_urls(void)
{
    static const char *const examples[][2] = {
        {"http://example.org/a", "example.org:80"},
        {"https://example.org/a", "example.org:443"},
        {"http://example.org:65535/", "example.org:65535"},
        {"http://EXAMPLE.org/", "example.org:80"},
        {"http://127.0.0.1:8080/x", "127.0.0.1:8080"},
        {"http://u:p@h/", "h:80"},
        {"http://[::1]:81/", "[::1]:81"},
    };
    for (size_t n = 0; n < COUNT_OF(examples); n++) {
        assert_null(address_fault(examples[n][0]));
        char *host = address_host(examples[n][0]);
        assert_string_equal(host, examples[n][1]);
        free(host);
    }
    static const char *const bad[] = {"", "http://", "ftp://h/", "http://h:99999/", "http://a b/"};
    for (size_t n = 0; n < COUNT_OF(bad); n++)
        assert_non_null(address_fault(bad[n]));
}

static void checksums_are_read(void)
{
    struct checksum checksum = {0};
    char text[CHECKSUM_TEXT_BYTES];
    assert_null(checksum_parse("D41D8CD98F00B204E9800998ECF8427E", &checksum));
    checksum_text(&checksum, text);
    assert_string_equal(text, "md5=d41d8cd98f00b204e9800998ecf8427e");
    assert_null(checksum_parse("sha-1=da39a3ee5e6b4b0d3255bfef95601890afd80709", &checksum));
    assert_int_equal(checksum.kind, CHECKSUM_SHA1);
    assert_non_null(checksum_parse("sha256=12", &checksum));
    assert_non_null(checksum_parse("crc=12", &checksum));
    assert_non_null(checksum_parse("xyz", &checksum));

    struct checksum empty;
    struct hasher *hasher = hasher_new(CHECKSUM_SHA1);
    assert_true(hasher_finish(hasher, &empty));
    assert_memory_equal(empty.bytes, checksum.bytes, 20);
    hasher_free(hasher);
}

static void globs_are_read(void)
{
    static const char *const wanted[] = {"a08x", "a08y", "a10x", "a10y",
                                         "b08x", "b08y", "b10x", "b10y"};
    struct glob *glob;
    char *url;
    assert_null(glob_open("{a,b}[08-11:2][x-y]", &glob));
    for (size_t n = 0; n < COUNT_OF(wanted); n++) {
        assert_true(glob_next(glob, &url));
        assert_string_equal(url, wanted[n]);
        free(url);
    }
    assert_false(glob_next(glob, &url));
    glob_free(glob);
    static const char *const bad[] = {"{a", "[1-", "[5-1]", "[a-9]", "[1-99999999999]"};
    for (size_t n = 0; n < COUNT_OF(bad); n++)
        assert_non_null(glob_open(bad[n], &glob));
}

static void servers_tell_when(void)
{
    double remaining = -1, reset = -1;
    assert_true(server_retry_after("120", 0) == 120);
    assert_true(server_retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 60) == 60);
    assert_true(server_retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 300) == 0);
    assert_true(server_retry_after("soon", 0) < 0);
    assert_true(server_rate_limit("limit=100, remaining=0, reset=5", &remaining, &reset));
    assert_true(remaining == 0 && reset == 5);
    assert_true(server_rate_limit("\"default\";r=50;t=30", &remaining, &reset));
    assert_true(remaining == 50 && reset == 30);
    assert_false(server_rate_limit("remaining", &remaining, &reset));
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(names_of_urls),
        TEST_CASE(long_names_keep_their_extension),
        TEST_CASE(long_names_of_devices_are_cut_too),
        TEST_CASE(numbers_go_before_the_extension),
        TEST_CASE(names_of_servers),
        TEST_CASE(hosts_of_urls),
        TEST_CASE(checksums_are_read),
        TEST_CASE(globs_are_read),
        TEST_CASE(servers_tell_when),
    };
    return run_cases("fetch_names", cases, COUNT_OF(cases), NULL);
}
