#include "fetch/retry.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#define FIRST_DELAY_NS OVL_SECOND
#define MOST_DELAY_NS  (600 * OVL_SECOND)

/* A server that wants to be left alone for longer than that is not waited for. */
#define MOST_WAIT_SECONDS 3600.0

/* Parts that turn out to be of no use cost no attempt, so often. */
#define RESTARTS_MOST 3

/* Attempts for which the machine had no descriptors cost none either, so often. */
#define WAITS_MOST 50
#define WAIT_NS    (100 * OVL_MILLISECOND)

static bool is_busy(int status)
{
    return status == 429 || status == 503;
}

/* Statuses that go away by themselves: as curl's --retry has them, and those of common proxies. */
static bool is_passing_status(int status)
{
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
    case 520:
    case 521:
    case 522:
    case 523:
    case 524:
        return true;
    default:
        return false;
    }
}

bool retry_is_silence(const struct reply *reply)
{
    if (reply->fault != FAULT_CURL || reply->status != 0)
        return false;
    switch ((CURLcode)reply->number) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

static bool is_passing_code(const struct settings *settings, const struct reply *reply,
                            bool host_answered)
{
    switch ((CURLcode)reply->number) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return host_answered;
    case CURLE_COULDNT_CONNECT:
        return host_answered || settings->retry_refused || reply->system_error != ECONNREFUSED;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_WEIRD_SERVER_REPLY: /* an answer that is none of HTTP */
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_AGAIN:
        return true;
    default:
        return false;
    }
}

/* What was damaged on its way is damaged in another way the next time. What comes again as it was
 * is what the server has. */
static bool is_the_same_again(struct item *item, const struct reply *reply)
{
    const struct checksum *now = &reply->checksum;
    bool same = reply->fault == FAULT_CHECKSUM && now->kind && now->kind == item->wrong.kind &&
                memcmp(now->bytes, item->wrong.bytes, checksum_size(now->kind)) == 0;
    if (reply->fault == FAULT_CHECKSUM)
        item->wrong = *now;
    return same;
}

static bool is_passing(const struct settings *settings, const struct reply *reply,
                       bool host_answered)
{
    switch (reply->fault) {
    case FAULT_STATUS:
        return is_passing_status(reply->status);
    case FAULT_CURL:
        return is_passing_code(settings, reply, host_answered);
    case FAULT_CHECKSUM:
    case FAULT_RANGE:
    case FAULT_WORKER:
        return true;
    default:
        return false;
    }
}

/* The machine has no descriptors or no memory left: later it may. */
static bool is_scarcity(const struct reply *reply)
{
    if (reply->fault == FAULT_FILE)
        return reply->number == EMFILE || reply->number == ENFILE || reply->number == ENOMEM;
    if (reply->fault != FAULT_CURL)
        return reply->fault == FAULT_MEMORY;
    return (reply->number == CURLE_COULDNT_CONNECT || reply->number == CURLE_FAILED_INIT ||
            reply->number == CURLE_COULDNT_RESOLVE_HOST) &&
           (reply->system_error == EMFILE || reply->system_error == ENFILE ||
            reply->system_error == ENOBUFS || reply->system_error == EADDRNOTAVAIL);
}

static enum host_news news_of(const struct reply *reply)
{
    if (is_busy(reply->status))
        return HOST_BUSY;
    if (retry_is_silence(reply))
        return is_scarcity(reply) ? HOST_NEUTRAL : HOST_SILENT;
    return reply->status > 0 ? HOST_ANSWERED : HOST_NEUTRAL;
}

static ovl_time seconds_ns(double seconds)
{
    return (ovl_time)(seconds * (double)OVL_SECOND);
}

/* Doubling, and spread between its half and its whole, so that many do not come back at once. */
static ovl_time back_off(const struct settings *settings, const struct item *item, double random)
{
    if (settings->retry_delay_ns)
        return settings->retry_delay_ns;
    unsigned doublings = item->failures > 0 ? item->failures - 1 : 0;
    ovl_time delay = doublings >= 10 ? MOST_DELAY_NS : FIRST_DELAY_NS << doublings;
    if (delay > MOST_DELAY_NS)
        delay = MOST_DELAY_NS;
    return (ovl_time)((double)delay * (0.5 + random / 2));
}

/* The next URL that may work; the number of URLs where none may. */
static size_t next_url(const struct item *item)
{
    size_t count = item->mirror_count + 1;
    for (size_t n = 1; n <= count; n++) {
        size_t at = (item->at + n) % count;
        if (at >= 64 || !(item->dead >> at & 1))
            return at;
    }
    return count;
}

static bool is_late(const struct settings *settings, const struct item *item, ovl_time begin)
{
    return settings->retry_most_ns && begin - item->first > settings->retry_most_ns;
}

/* An attempt that failed and counts. */
static void decide_failure(const struct settings *settings, struct item *item,
                           const struct reply *reply, bool passing, double random,
                           struct decision *decision)
{
    size_t count = item->mirror_count + 1;
    item->failures++;
    if (!passing && item->at < 64)
        item->dead |= UINT64_C(1) << item->at;
    decision->at = next_url(item);
    decision->verdict = VERDICT_FAILED;
    if (decision->at == count || (!passing && count == 1) || reply->retry_after > MOST_WAIT_SECONDS)
        return;
    if (item->failures > settings->retries * count + (count - 1))
        return;
    bool elsewhere = decision->at != item->at;
    decision->drop_part |= elsewhere;
    /* Another server is asked at once, as long as it was not asked before. */
    if (!elsewhere || item->failures >= count)
        decision->delay_ns = back_off(settings, item, random);
    if (!elsewhere && reply->retry_after > 0)
        decision->delay_ns = seconds_ns(reply->retry_after);
    if (!is_late(settings, item, reply->ended + decision->delay_ns))
        decision->verdict = VERDICT_AGAIN;
}

/* What all of the host's items wait for. */
static ovl_time pause_of(const struct settings *settings, const struct item *item,
                         const struct reply *reply, double random)
{
    if (reply->retry_after > MOST_WAIT_SECONDS)
        return 0;
    if (reply->spent || (is_busy(reply->status) && reply->retry_after > 0))
        return seconds_ns(reply->retry_after);
    return is_busy(reply->status) && reply->retry_after < 0 ? back_off(settings, item, random) / 2
                                                            : 0;
}

struct decision retry_decide(const struct settings *settings, struct item *item,
                             const struct reply *reply, bool host_answered, double random)
{
    struct decision decision = {.at = item->at, .news = news_of(reply)};
    switch (reply->fault) {
    case FAULT_NONE:
    case FAULT_UNCHANGED:
    case FAULT_SKIPPED:
        decision.verdict = VERDICT_DONE;
        decision.pause_ns = pause_of(settings, item, reply, random);
        return decision;
    case FAULT_EXISTS:
    case FAULT_INTERRUPTED:
    case FAULT_URL:
    case FAULT_HOST:
        decision.verdict = VERDICT_FAILED;
        return decision;
    case FAULT_JOURNAL:
        decision.verdict = VERDICT_STOP;
        return decision;
    default:
        break;
    }
    decision.drop_part = !reply->keep;
    if (is_scarcity(reply) && item->waits < WAITS_MOST) {
        item->waits++;
        decision.verdict = VERDICT_FEWER;
        decision.delay_ns = WAIT_NS;
        return decision;
    }
    if (reply->fault == FAULT_FILE || is_scarcity(reply)) {
        decision.verdict = VERDICT_STOP;
        return decision;
    }
    if (reply->fault == FAULT_RANGE && item->restarts < RESTARTS_MOST) {
        item->restarts++;
        decision.verdict = VERDICT_AGAIN;
        return decision;
    }
    bool again = is_the_same_again(item, reply);
    bool passing = settings->retry_all || (is_passing(settings, reply, host_answered) && !again);
    decide_failure(settings, item, reply, passing, random, &decision);
    decision.pause_ns = pause_of(settings, item, reply, random);
    return decision;
}
