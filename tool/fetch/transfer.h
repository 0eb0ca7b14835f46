/* The transfer: one plain, blocking function on libcurl, and what its worker keeps for it. */
#ifndef TOOL_FETCH_TRANSFER_H
#define TOOL_FETCH_TRANSFER_H

#include "fetch/attempt.h"
#include "fetch/board.h"
#include "fetch/settings.h"

/* Large bodies are read in pieces of at most so many bytes, the most that libcurl gives at once:
 * the fewer there are, the less often client and server wait for each other. */
#define TRANSFER_LARGE_BUFFER (512 * 1024)

struct carrier;
struct journal;

/* What all transfers have in common: the context of their sessions. */
struct transfer_context {
    const struct settings *settings;
    struct board *board;
    enum ovl_model model;
    struct carrier *carrier; /* of transfers that may go over HTTP/2; NULL: each goes by itself */
    struct journal *journal; /* in which tasks publish; NULL: without one */
    size_t buffer_bytes;     /* for what comes at once */
    void *share;             /* CURLSH: what libcurl's handles share; NULL: nothing */
    void *locks;             /* of the share, where there are several threads */
    void *headers;           /* struct curl_slist of the settings' headers */
    void *resolve;
    void *connect_to;
};

/* Fills in what libcurl needs for all. 0 or -ENOMEM. */
int transfer_context_init(struct transfer_context *context);
void transfer_context_release(struct transfer_context *context);

/* Makes a worker's curl handle, which keeps its connections; and ends it. */
int transfer_session_open(void *context, void **ret_session);
void transfer_session_close(void *context, void *session);

/* The task. Its item is a struct order, its result a struct reply. It returns 0 whatever became of
 * the URL. */
int transfer(struct ovl_task *task, struct ovl_bytes item);

#endif
