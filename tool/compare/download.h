/* The download: one plain, blocking function, and what its worker keeps for it. */
#ifndef TOOL_COMPARE_DOWNLOAD_H
#define TOOL_COMPARE_DOWNLOAD_H

#include <overlap.h>
#include <stdbool.h>
#include <stdint.h>

/* What all downloads have in common: the context of their sessions. */
struct download_settings {
    bool pages;          /* from overlap's own server: every byte is known beforehand */
    ovl_time connect_ns; /* how long a connection may take */
    ovl_time stall_ns;   /* how long nothing may come */
    ovl_time total_ns;   /* how long the whole may take */
};

struct download_result {
    uint64_t bytes;
    uint64_t hash; /* of the body */
    int status;
    bool verified; /* every byte is what it should be; false where that is not known */
};

/* Makes a curl handle with the settings in `context`, which keeps its connections; and ends it. */
int download_session_open(void *context, void **ret_session);
void download_session_close(void *context, void *session);

/* The task. Its item is a URL, NUL-terminated; its result a struct download_result. */
int download(struct ovl_task *task, struct ovl_bytes item);

/* What an error of `download` means, and what to do. */
void download_describe_error(int error, char *buffer, size_t size);

#endif
