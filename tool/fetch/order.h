/* Makes the order of an item's next attempt. */
#ifndef TOOL_FETCH_ORDER_H
#define TOOL_FETCH_ORDER_H

#include "fetch/bytes.h"
#include "fetch/item.h"
#include "fetch/settings.h"

struct order_extras {
    uint32_t slot;
    bool publish; /* in the task */
    bool patient;
    bool note;
};

/* Writes a struct order into the block. False: no memory. */
bool order_make(const struct settings *settings, const struct item *item,
                const struct order_extras *extras, struct block *block);

#endif
