#include "fetch/order.h"

#include <string.h>

static const char *either(const char *own, const char *common)
{
    return own ? own : common;
}

static bool is_head(const char *method)
{
    return method && strcmp(method, "HEAD") == 0;
}

/* The marks of the part that is to be gone on with, or of the file that may have changed. */
static void add_marks(const struct item *item, struct order *order, struct block *block)
{
    if (item->recorded && (item->etag || item->modified)) {
        order->conditional = true;
        order->etag = block_add_text(block, item->etag);
        order->modified = block_add_text(block, item->modified);
    } else if (item->resumable) {
        order->resume = part_size(item->part);
        order->etag = block_add_text(block, item->note.etag);
        order->modified = block_add_text(block, item->note.modified);
    }
}

bool order_make(const struct settings *settings, const struct item *item,
                const struct order_extras *extras, struct block *block)
{
    static const struct item_request none;
    const struct item_request *request = item->request ? item->request : &none;
    const char *method = either(request->method, settings->method);
    struct order order = {
        .index = item->index,
        .slot = extras->slot,
        .head = is_head(method),
        .own_headers = request->headers,
        .note = extras->note,
        .publish = extras->publish,
        .patient = extras->patient,
        .replace = item->recorded || settings->existing == EXISTING_OVERWRITE,
        .checksum = item->checksum,
        .journal_id = item->journal_id,
        .attempts = item->attempts,
        .before_ns = item->seconds_ns,
    };
    block_clear(block);
    block_add(block, &order, sizeof order);
    order.url = block_add_text(block, item_url(item));
    order.given = item->at == 0 ? order.url : block_add_text(block, item->given);
    order.part = block_add_text(block, item->part);
    order.final = extras->publish ? block_add_text(block, item->final) : 0;
    order.method = order.head ? 0 : block_add_text(block, method);
    order.data = block_add_text(block, either(request->data, settings->data));
    order.headers = block_add_text(block, request->headers);
    order.agent = block_add_text(block, request->agent);
    order.referer = block_add_text(block, request->referer);
    add_marks(item, &order, block);
    if (block->failed)
        return false;
    memcpy(block->data, &order, sizeof order);
    return true;
}
