/* fetch's decisions after an attempt, and the order in which hosts take turns. */
#include "fetch/retry.h"

#include "fetch/schedule.h"
#include "support/cases.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

static struct settings settings_of(unsigned retries)
{
    return (struct settings){.retries = retries};
}

static struct reply failed(enum fault fault, int number, int status)
{
    return (struct reply){.fault = fault, .number = number, .status = status, .retry_after = -1};
}

static struct decision decide(const struct settings *settings, struct item *item,
                              const struct reply *reply)
{
    return retry_decide(settings, item, reply, true, 1.0);
}

static void delays_double_and_end(void)
{
    struct settings settings = settings_of(3);
    struct item item = {0};
    struct reply reply = failed(FAULT_STATUS, 0, 500);
    for (int n = 0; n < 3; n++) {
        struct decision decision = decide(&settings, &item, &reply);
        assert_int_equal(decision.verdict, VERDICT_AGAIN);
        assert_int_equal(decision.delay_ns, OVL_SECOND << n);
        assert_int_equal(decision.news, HOST_ANSWERED);
    }
    assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_FAILED);

    /* The jitter takes at most half of it. */
    struct item other = {0};
    struct decision decision = retry_decide(&settings, &other, &reply, true, 0.0);
    assert_int_equal(decision.delay_ns, OVL_SECOND / 2);
}

static void what_will_not_go_away_is_not_tried_again(void)
{
    struct settings settings = settings_of(5);
    static const int statuses[] = {400, 401, 403, 404, 410, 451, 501};
    for (size_t n = 0; n < COUNT_OF(statuses); n++) {
        struct item item = {0};
        struct reply reply = failed(FAULT_STATUS, 0, statuses[n]);
        assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_FAILED);
    }
    struct item item = {0};
    struct reply reply = failed(FAULT_STATUS, 0, 404);
    settings.retry_all = true;
    assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_AGAIN);
}

static void a_refusal_counts_by_whether_the_host_ever_answered(void)
{
    struct settings settings = settings_of(5);
    struct reply reply = failed(FAULT_CURL, CURLE_COULDNT_CONNECT, 0);
    reply.system_error = ECONNREFUSED;
    struct item item = {0};
    struct decision decision = retry_decide(&settings, &item, &reply, false, 1.0);
    assert_int_equal(decision.verdict, VERDICT_FAILED);
    assert_int_equal(decision.news, HOST_SILENT);
    item = (struct item){0};
    assert_int_equal(retry_decide(&settings, &item, &reply, true, 1.0).verdict, VERDICT_AGAIN);
    item = (struct item){0};
    settings.retry_refused = true;
    assert_int_equal(retry_decide(&settings, &item, &reply, false, 1.0).verdict, VERDICT_AGAIN);
}

static void a_server_that_wants_time_gets_it(void)
{
    struct settings settings = settings_of(5);
    struct item item = {0};
    struct reply reply = failed(FAULT_STATUS, 0, 429);
    reply.retry_after = 7;
    struct decision decision = decide(&settings, &item, &reply);
    assert_int_equal(decision.verdict, VERDICT_AGAIN);
    assert_int_equal(decision.delay_ns, 7 * OVL_SECOND);
    assert_int_equal(decision.pause_ns, 7 * OVL_SECOND);
    assert_int_equal(decision.news, HOST_BUSY);

    /* But not a day. */
    reply.retry_after = 86400;
    item = (struct item){0};
    assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_FAILED);

    /* A limit that is used up pauses the host, though all went well. */
    struct reply well = {.status = 200, .retry_after = 3, .spent = true};
    item = (struct item){0};
    decision = decide(&settings, &item, &well);
    assert_int_equal(decision.verdict, VERDICT_DONE);
    assert_int_equal(decision.pause_ns, 3 * OVL_SECOND);
}

static void a_wrong_sum_that_comes_again_is_what_the_server_has(void)
{
    struct settings settings = settings_of(5);
    struct item item = {0};
    struct reply reply = failed(FAULT_CHECKSUM, 0, 200);
    reply.checksum = (struct checksum){.kind = CHECKSUM_SHA256, .bytes = {1}};
    assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_AGAIN);
    reply.checksum.bytes[0] = 2;
    assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_AGAIN);
    assert_int_equal(decide(&settings, &item, &reply).verdict, VERDICT_FAILED);

    /* Another server may have what is wanted. */
    char *mirrors[] = {"http://b/"};
    struct item other = {.mirrors = mirrors, .mirror_count = 1};
    struct decision decision = decide(&settings, &other, &reply);
    assert_int_equal(decision.verdict, VERDICT_AGAIN);
    other.at = decision.at;
    decision = decide(&settings, &other, &reply);
    assert_int_equal(decision.verdict, VERDICT_AGAIN);
    other.at = decision.at;
    assert_int_equal(decide(&settings, &other, &reply).verdict, VERDICT_FAILED);
}

static void mirrors_take_turns(void)
{
    struct settings settings = settings_of(0);
    char *mirrors[] = {"http://b/", "http://c/"};
    struct item item = {.mirrors = mirrors, .mirror_count = 2};
    struct reply gone = failed(FAULT_STATUS, 0, 404);
    struct decision decision = decide(&settings, &item, &gone);
    assert_int_equal(decision.verdict, VERDICT_AGAIN);
    assert_int_equal(decision.at, 1);
    assert_int_equal(decision.delay_ns, 0);
    assert_true(decision.drop_part);
    item.at = 1;
    decision = decide(&settings, &item, &gone);
    assert_int_equal(decision.at, 2);
    item.at = 2;
    assert_int_equal(decide(&settings, &item, &gone).verdict, VERDICT_FAILED);
}

static void a_full_disk_stops_all_and_scarcity_only_slows(void)
{
    struct settings settings = settings_of(5);
    struct item item = {0};
    struct reply full = failed(FAULT_FILE, ENOSPC, 200);
    assert_int_equal(decide(&settings, &item, &full).verdict, VERDICT_STOP);
    struct reply scarce = failed(FAULT_FILE, EMFILE, 200);
    assert_int_equal(decide(&settings, &item, &scarce).verdict, VERDICT_FEWER);
    assert_int_equal(item.failures, 0);
}

/* --- the schedule --- */

static struct item *add(struct schedule *schedule, const char *url)
{
    static size_t index;
    struct item *item = item_new(index++, url, strlen(url));
    assert_non_null(item);
    assert_int_equal(schedule_add(schedule, item, url), 0);
    return item;
}

/* Takes the next item, which is to be this one. */
static void expect_next(struct schedule *schedule, const struct item *item)
{
    ovl_time wake;
    assert_ptr_equal(schedule_next(schedule, ovl_now(), &wake), item);
}

static void hosts_take_turns(void)
{
    struct schedule *schedule = schedule_new(&(struct schedule_options){0});
    struct item *a1 = add(schedule, "http://127.0.0.1/1");
    struct item *a2 = add(schedule, "http://127.0.0.1/2");
    struct item *b1 = add(schedule, "http://127.0.0.2/1");
    struct item *c1 = add(schedule, "http://127.0.0.1:81/1");
    expect_next(schedule, a1);
    expect_next(schedule, b1);
    expect_next(schedule, c1);
    expect_next(schedule, a2);
    struct item *all[] = {a1, a2, b1, c1};
    for (size_t n = 0; n < 4; n++) {
        schedule_end(schedule, all[n], HOST_ANSWERED, ovl_now());
        item_free(all[n]);
    }
    schedule_free(schedule);
}

static void a_paused_host_does_not_hold_up_others(void)
{
    struct schedule *schedule = schedule_new(&(struct schedule_options){0});
    ovl_time now = ovl_now(), wake = 0;
    struct item *a1 = add(schedule, "http://127.0.0.1/1");
    struct item *a2 = add(schedule, "http://127.0.0.1/2");
    struct item *b1 = add(schedule, "http://127.0.0.2/1");
    assert_ptr_equal(schedule_next(schedule, now, &wake), a1);
    schedule_end(schedule, a1, HOST_BUSY, now);
    schedule_pause(schedule, a1, now + 60 * OVL_SECOND);
    assert_ptr_equal(schedule_next(schedule, now, &wake), b1);
    assert_null(schedule_next(schedule, now, &wake));
    assert_int_equal(wake, now + 60 * OVL_SECOND);
    assert_ptr_equal(schedule_next(schedule, now + 61 * OVL_SECOND, &wake), a2);
    item_free(a1);
    item_free(a2);
    item_free(b1);
    schedule_free(schedule);
}

static void a_host_has_a_limit_and_an_end(void)
{
    struct schedule *schedule =
        schedule_new(&(struct schedule_options){.host_workers = 2, .host_failures = 3});
    struct item *items[5];
    ovl_time now = ovl_now(), wake;
    for (size_t n = 0; n < 5; n++)
        items[n] = add(schedule, "http://127.0.0.1/x");
    expect_next(schedule, items[0]);
    expect_next(schedule, items[1]);
    assert_null(schedule_next(schedule, now, &wake));
    for (size_t n = 0; n < 3; n++) {
        schedule_end(schedule, items[n], HOST_SILENT, now + (ovl_time)(n + 1) * 61 * OVL_SECOND);
        assert_ptr_equal(schedule_next(schedule, now, &wake), items[n + 2]);
        assert_int_equal(schedule_gave_up(items[n + 2]), n == 2);
    }
    assert_int_equal(schedule_count(schedule), 0);
    for (size_t n = 0; n < 5; n++)
        item_free(items[n]);
    schedule_free(schedule);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(delays_double_and_end),
        TEST_CASE(what_will_not_go_away_is_not_tried_again),
        TEST_CASE(a_refusal_counts_by_whether_the_host_ever_answered),
        TEST_CASE(a_server_that_wants_time_gets_it),
        TEST_CASE(a_wrong_sum_that_comes_again_is_what_the_server_has),
        TEST_CASE(mirrors_take_turns),
        TEST_CASE(a_full_disk_stops_all_and_scarcity_only_slows),
        TEST_CASE(hosts_take_turns),
        TEST_CASE(a_paused_host_does_not_hold_up_others),
        TEST_CASE(a_host_has_a_limit_and_an_end),
    };
    return run_cases("fetch_retry", cases, COUNT_OF(cases), NULL);
}
