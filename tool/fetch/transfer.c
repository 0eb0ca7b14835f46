#include "fetch/transfer.h"

#include "fetch/body.h"
#include "fetch/carrier.h"
#include "fetch/disposition.h"
#include "fetch/part.h"
#include "fetch/server.h"
#include "fetch/solo.h"
#include "fetch/wire.h"
#include "journal/journal.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* What is larger comes in larger pieces. */
#define LARGE_BODY (UINT64_C(1) << 20)

/* More than libcurl asks for at once while it reads headers. */
#define SPARE_BYTES ((size_t)1 << 20)

/* A handle, and what its last request left. */
struct client {
    CURL *handle; /* NULL: it was not needed yet */
    size_t buffer_bytes;
    bool special;               /* there are options that the next request must take back */
    struct curl_slist *headers; /* of the request, where they are its own */
};

struct session {
    struct transfer_context *context;
    struct client alone;
    CURLM *solo;  /* of `alone`, whose connections it keeps; NULL: it was not needed yet */
    bool claimed; /* an order that was given is this one's next, as far as can be known */
    struct client together; /* for the carrier: a handle that goes both ways loses connections */
    struct ride ride;       /* of `together` */
    char message[CURL_ERROR_SIZE];

    /* Of the transfer: */
    struct client *client;
    CURL *handle; /* the client's */
    struct ovl_task *task;
    const struct order *order;
    struct body body;
    uint64_t header_bytes;
    unsigned letters; /* with which its headers begin: a bit each */
    bool noted;       /* it wrote a note of its part */
    ovl_time begun;
};

static const char *header(const struct session *session, const char *name)
{
    struct curl_header *found;
    CURLHcode code = curl_easy_header(session->handle, name, 0, CURLH_HEADER, -1, &found);
    return code == CURLHE_OK ? found->value : NULL;
}

/* Whether a header that begins with this letter came: looking for one takes longer. */
static bool may_have(const struct session *session, char letter)
{
    return session->letters >> (letter - 'a') & 1;
}

static struct body_headers look_at_headers(const struct session *session)
{
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(session->handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(session->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return (struct body_headers){
        .status = (int)status,
        .content_range = status == 206 ? header(session, "Content-Range") : NULL,
        .length = length,
    };
}

static void look_at_marks(const struct session *session, struct body_headers *headers)
{
    headers->etag = may_have(session, 'e') ? header(session, "ETag") : NULL;
    headers->modified = may_have(session, 'l') ? header(session, "Last-Modified") : NULL;
}

static bool interrupted(const struct session *session)
{
    return atomic_load_explicit(&session->context->board->interrupted, memory_order_relaxed) ||
           ovl_task_cancelled(session->task);
}

/* A part that has grown so far is worth a note, by which another run can resume it. */
static void write_note(struct session *session)
{
    struct body *body = &session->body;
    struct body_headers headers = {0};
    body->least_noted = UINT64_MAX;
    if (!session->order->note || !session->order->part || session->context->settings->compressed)
        return;
    look_at_marks(session, &headers);
    struct part_note note = {.url = (char *)block_text(session->order, session->order->url),
                             .etag = (char *)headers.etag,
                             .modified = (char *)headers.modified};
    part_note_write(block_text(session->order, session->order->part), &note);
    session->noted = true;
}

static size_t take_bytes(char *data, size_t unit, size_t count, void *context)
{
    struct session *session = context;
    struct body *body = &session->body;
    size_t size = unit * count;
    if (!body->begun) {
        struct body_headers headers = look_at_headers(session);
        if (session->order->resume || body_is_noted(&headers))
            look_at_marks(session, &headers);
        if (!body_begin(body, &headers))
            return 0;
    }
    if (!body_take(body, data, size))
        return 0;
    if (body->received >= body->least_noted)
        write_note(session);
    return size;
}

static size_t count_header(char *data, size_t unit, size_t count, void *context)
{
    struct session *session = context;
    char letter = (char)(*data | 0x20);
    if (letter >= 'a' && letter <= 'z')
        session->letters |= 1u << (letter - 'a');
    session->header_bytes += unit * count;
    return session->header_bytes <= session->context->settings->header_bytes_most ? unit * count
                                                                                  : 0;
}

static int look_interrupted(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                            curl_off_t up_now)
{
    (void)total, (void)now, (void)up_total, (void)up_now;
    return interrupted(context);
}

/* In what performs the transfers of all, where that is the client's. */
static bool give_seat(struct session *session, const struct client *client, CURL *handle)
{
    return client != &session->together ||
           carrier_seat(session->context->carrier, handle, &session->ride) == 0;
}

static bool make_handle(struct session *session, struct client *client)
{
    CURL *handle = curl_easy_init();
    if (!handle)
        return false;
    if (!give_seat(session, client, handle)) {
        curl_easy_cleanup(handle);
        return false;
    }
    wire_set_all(handle, session->context);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, session->message);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, session);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, count_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, session);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_interrupted);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, session);
    client->handle = handle;
    client->buffer_bytes = session->context->buffer_bytes;
    return true;
}

int transfer_session_open(void *context, void **ret_session)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return -ENOMEM;
    session->context = context;
    *ret_session = session;
    return 0;
}

static void release_client(struct client *client)
{
    curl_easy_cleanup(client->handle);
    curl_slist_free_all(client->headers);
}

void transfer_session_close(void *context, void *opened)
{
    struct session *session = opened;
    (void)context;
    release_client(&session->alone);
    curl_multi_cleanup(session->solo);
    release_client(&session->together);
    carrier_release(&session->ride);
    free(session);
}

static void begin(struct session *session, struct ovl_task *task, const struct order *order)
{
    const struct transfer_context *context = session->context;
    session->task = task;
    session->order = order;
    session->header_bytes = 0;
    session->letters = 0;
    session->noted = false;
    session->message[0] = '\0';
    session->begun = ovl_now();
    body_init(&session->body, context->settings, order, context->board);
    struct slot *slot = session->body.slot;
    atomic_store_explicit(&slot->bytes, order->resume, memory_order_relaxed);
    atomic_store_explicit(&slot->total, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->begun, session->begun, memory_order_relaxed);
    atomic_store_explicit(&slot->item, order->index + 1, memory_order_relaxed);
}

/*
 * Who may have HTTP/2 goes with others, on connections that they share. What is there of a part may
 * have to be read for its checksum, which takes a while: such a transfer goes by itself.
 */
static bool choose_client(struct session *session)
{
    const struct order *order = session->order;
    bool shares = !order->resume && wire_shares(session->context, block_text(order, order->url));
    session->client = shares ? &session->together : &session->alone;
    session->body.held_up = shares;
    bool there = session->client->handle || make_handle(session, session->client);
    session->handle = session->client->handle;
    return there;
}

static bool set_request(struct session *session)
{
    const struct order *order = session->order;
    struct client *client = session->client;
    if (wire_is_special(order) || client->special) {
        curl_slist_free_all(client->headers);
        client->headers = NULL;
        client->special = wire_is_special(order);
        if (!wire_set_request(client->handle, session->context, order, &client->headers))
            return false;
    }
    return curl_easy_setopt(session->handle, CURLOPT_URL, block_text(order, order->url)) ==
           CURLE_OK;
}

/* What the answer was, where the transfer as such went well. */
static void judge_status(const struct session *session, struct reply *reply)
{
    const struct order *order = session->order;
    if (reply->status == 304 && order->conditional)
        reply->fault = FAULT_UNCHANGED;
    else if (reply->status == 416 && order->resume)
        reply->fault = FAULT_RANGE;
    else if (reply->status < 200 || reply->status >= 300)
        reply->fault = FAULT_STATUS;
}

/* CURLE_TOO_LARGE, which headers of libcurl before 8.6 lack. */
#define CODE_TOO_LARGE 100

/*
 * libcurl has room for so much of a header, and calls what is longer too large, or before 8.6 a
 * lack of memory. Once the request was sent, and while there is memory, that is what it means: its
 * server does not cost the others their transfers.
 */
static bool is_long_header(const struct session *session, CURLcode code)
{
    long sent = 0;
    if (code != CURLE_OUT_OF_MEMORY && (int)code != CODE_TOO_LARGE)
        return false;
    curl_easy_getinfo(session->handle, CURLINFO_REQUEST_SIZE, &sent);
    if (sent == 0 || session->body.begun)
        return false;
    void *memory =
        mmap(NULL, SPARE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && munmap(memory, SPARE_BYTES) == 0;
}

/*
 * To libcurl an answer without a status is one of HTTP/0.9, and that a protocol which is not
 * supported, as is one that a redirect leads to: of a redirect there is a status.
 */
static bool is_no_answer_of_http(const struct session *session, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(session->handle, CURLINFO_RESPONSE_CODE, &status);
    return code == CURLE_UNSUPPORTED_PROTOCOL && status == 0;
}

/* By TLS 1.3 the server says so when the handshake is over, where libcurl has it as any end of the
 * connection. */
static bool wants_certificate(const struct session *session, CURLcode code)
{
    return code == CURLE_RECV_ERROR && strstr(session->message, "alert certificate required");
}

static void judge(const struct session *session, CURLcode code, struct reply *reply)
{
    const struct body *body = &session->body;
    if (body->fault != FAULT_NONE) {
        reply->fault = body->fault;
        reply->number = body->number;
    } else if (code != CURLE_OK && interrupted(session)) {
        reply->fault = FAULT_INTERRUPTED;
    } else if (session->header_bytes > session->context->settings->header_bytes_most) {
        reply->fault = FAULT_HEADERS;
    } else if (code == CURLE_FILESIZE_EXCEEDED) {
        reply->fault = FAULT_TOO_LARGE;
    } else if (is_long_header(session, code)) {
        reply->fault = FAULT_HEADERS;
    } else if (code == CURLE_OUT_OF_MEMORY) {
        reply->fault = FAULT_MEMORY;
    } else if (is_no_answer_of_http(session, code)) {
        reply->fault = FAULT_CURL;
        reply->number = CURLE_WEIRD_SERVER_REPLY;
    } else if (wants_certificate(session, code)) {
        reply->fault = FAULT_CURL;
        reply->number = CURLE_SSL_CLIENTCERT;
    } else if (code != CURLE_OK) {
        reply->fault = FAULT_CURL;
        reply->number = (int)code;
    } else {
        judge_status(session, reply);
    }
}

/* An answer without a body makes an empty file all the same. */
static void begin_empty(struct session *session, const struct body_headers *headers)
{
    if (!session->body.begun && !session->order->head)
        body_begin(&session->body, headers);
}

static void fill_numbers(const struct session *session, struct reply *reply)
{
    const struct body *body = &session->body;
    long number = 0;
    curl_easy_getinfo(session->handle, CURLINFO_RESPONSE_CODE, &number);
    reply->status = (int)number;
    number = 0;
    curl_easy_getinfo(session->handle, CURLINFO_NUM_CONNECTS, &number);
    reply->transfers = (uint64_t)number;
    reply->received = body->received;
    reply->stored = body->begun && !body->discard && session->order->part;
    reply->size = body->offset + body->received;
}

static double seconds(ovl_time ns)
{
    return (double)ns / (double)OVL_SECOND;
}

/* What the journal is to have of a file that is complete. */
static int publish_in_journal(const struct session *session, const struct reply *reply,
                              const struct body_headers *headers)
{
    const struct order *order = session->order;
    const char *given = block_text(order, order->given);
    const char *final = block_text(order, order->final);
    ovl_time took = ovl_now() - session->begun;
    char sum[CHECKSUM_TEXT_BYTES];
    if (reply->checksum.kind)
        checksum_text(&reply->checksum, sum);
    const struct journal_entry entry = {
        .item = {.data = given, .size = strlen(given)},
        .replaces = order->journal_id,
        .done = true,
        .exit = -1,
        .status = reply->status,
        .start = (double)time(NULL) - seconds(took),
        .seconds = seconds(order->before_ns + took),
        .cpu_seconds = -1,
        .attempts = order->attempts,
        .bytes = (int64_t)reply->size,
        .file = final,
        .etag = headers->etag,
        .last_modified = headers->modified,
        .checksum = reply->checksum.kind ? sum : NULL,
    };
    return journal_publish(session->context->journal, &entry, block_text(order, order->part), final,
                           order->replace);
}

/* A complete part needs no note any more, by this attempt or by one before. It goes before the part
 * has its name: whatever ends the process in between, no note is left without a part. */
static void remove_note(const struct session *session, const struct reply *reply)
{
    const struct order *order = session->order;
    bool may_be_there = session->noted || order->resume || order->attempts > 1;
    if (reply->fault == FAULT_NONE && order->part && may_be_there)
        part_note_remove(block_text(order, order->part));
}

/* Gives the part its name, where that is the task's to do. */
static void publish(const struct session *session, const struct body_headers *headers,
                    struct reply *reply)
{
    const struct order *order = session->order;
    if (reply->fault != FAULT_NONE || !order->final || order->head)
        return;
    int error = session->context->journal
                    ? publish_in_journal(session, reply, headers)
                    : part_publish(block_text(order, order->part), block_text(order, order->final),
                                   order->replace);
    reply->published = !error;
    if (error == -EEXIST) {
        reply->fault = FAULT_EXISTS;
    } else if (error == -EIO && session->context->journal) {
        reply->fault = FAULT_JOURNAL;
    } else if (error) {
        reply->fault = FAULT_FILE;
        reply->number = -error;
    }
}

static void fill_texts(const struct session *session, const struct body_headers *headers,
                       struct block *block)
{
    struct reply *reply = (struct reply *)(void *)block->data;
    text_at etag = block_add_text(block, headers->etag);
    text_at modified = block_add_text(block, headers->modified);
    const char *disposition =
        session->context->settings->server_names ? header(session, "Content-Disposition") : NULL;
    char *name = disposition ? disposition_name(disposition) : NULL;
    text_at proposed = block_add_text(block, name);
    bool told = reply->fault == FAULT_CURL && session->body.fault == FAULT_NONE;
    text_at text = told ? block_add_text(block, session->message) : 0;
    free(name);
    /* The block may have moved. */
    reply = (struct reply *)(void *)block->data;
    reply->etag = etag;
    reply->modified = modified;
    reply->name = proposed;
    reply->text = text;
}

/* Whether what came so far can be gone on with. */
static bool is_kept(const struct session *session, const struct reply *reply,
                    const struct body_headers *headers)
{
    const struct body *body = &session->body;
    bool ended_early = reply->fault == FAULT_CURL || reply->fault == FAULT_INTERRUPTED;
    return ended_early && session->order->part && body->begun && !body->discard &&
           reply->size > 0 && !session->context->settings->compressed &&
           body_has_marks(headers->etag, headers->modified);
}

/* Whether the parent, the journal or the file needs the marks: looking for them takes a while. */
static bool wants_marks(const struct session *session, CURLcode code)
{
    const struct transfer_context *context = session->context;
    return code != CURLE_OK || context->journal || context->settings->remote_time ||
           session->order->resume;
}

static int answer(struct session *session, CURLcode code)
{
    struct reply reply = {.begun = session->begun, .retry_after = -1};
    struct body_headers headers = look_at_headers(session);
    if (wants_marks(session, code))
        look_at_marks(session, &headers);
    if (code == CURLE_OK)
        begin_empty(session, &headers);
    body_end(&session->body, code == CURLE_OK, &headers, &reply.checksum);
    fill_numbers(session, &reply);
    judge(session, code, &reply);
    if (reply.fault == FAULT_CURL) {
        long system = 0;
        curl_easy_getinfo(session->handle, CURLINFO_OS_ERRNO, &system);
        reply.system_error = (int)system;
    }
    reply.keep = is_kept(session, &reply, &headers);
    if (reply.keep && session->body.received > 0)
        write_note(session);
    if (may_have(session, 'r') || may_have(session, 'x'))
        server_look(session->handle, reply.status, &reply);
    remove_note(session, &reply);
    publish(session, &headers, &reply);
    reply.ended = ovl_now();
    if (reply.size > LARGE_BODY && session->client->buffer_bytes < TRANSFER_LARGE_BUFFER) {
        session->client->buffer_bytes = TRANSFER_LARGE_BUFFER;
        curl_easy_setopt(session->handle, CURLOPT_BUFFERSIZE, (long)TRANSFER_LARGE_BUFFER);
    }

    struct block block = {0};
    block_add(&block, &reply, sizeof reply);
    if (!block.failed)
        fill_texts(session, &headers, &block);
    int error = block.failed ? -ENOMEM : ovl_task_return(session->task, block.data, block.size);
    block_release(&block);
    return error;
}

static CURLcode perform(struct session *session)
{
    if (!choose_client(session) || !set_request(session))
        return CURLE_OUT_OF_MEMORY;
    if (interrupted(session))
        return CURLE_ABORTED_BY_CALLBACK;
    if (session->client == &session->together)
        return carrier_perform(session->context->carrier, &session->ride, session->order->patient);
    if (!session->solo)
        session->solo = solo_new();
    return session->solo ? solo_perform(session->solo, session->handle) : CURLE_OUT_OF_MEMORY;
}

static void begin_claimed(struct session *session)
{
    if (!session->claimed)
        atomic_fetch_sub_explicit(&session->context->board->unclaimed, 1, memory_order_relaxed);
    session->claimed = false;
}

/* Takes one of the orders that wait for a worker, and leaves the rest to others. */
static bool claim(struct board *board)
{
    int unclaimed = atomic_load_explicit(&board->unclaimed, memory_order_relaxed);
    while (unclaimed > 0)
        if (atomic_compare_exchange_weak_explicit(&board->unclaimed, &unclaimed, unclaimed - 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

/*
 * A worker that will have nothing to do keeps no connection: a server that takes so many and no
 * more would let others wait for it. Among processes nobody can be sure of an order: it may lie
 * with another worker already.
 */
static void part_with_connections(struct session *session)
{
    struct board *board = session->context->board;
    session->claimed = session->context->model != OVL_PROCESSES && claim(board);
    if (session->claimed || !atomic_load_explicit(&board->last, memory_order_relaxed))
        return;
    curl_multi_cleanup(session->solo);
    session->solo = NULL;
}

/*
 * Those whose answers are there take them first, and then all requests go out in a row: a server
 * that has nothing to do in between would have to be woken for each of them, which costs both more
 * than a page does. Who is cancelled here is found to be so by what follows.
 */
static void let_others_go_first(const struct session *session)
{
    if (session->context->model == OVL_ASYNC)
        ovl_yield();
}

int transfer(struct ovl_task *task, struct ovl_bytes item)
{
    struct session *session = ovl_task_session(task);
    begin_claimed(session);
    let_others_go_first(session);
    begin(session, task, item.data);
    CURLcode code = perform(session);
    part_with_connections(session);
    int error = answer(session, code);
    atomic_store_explicit(&session->body.slot->item, 0, memory_order_relaxed);
    return error;
}
