#include "executor/in_place.h"

#include "base/clock.h"

#include <string.h>

void ovl__in_place_init(struct ovl__in_place *place, struct ovl_executor *executor, ovl_task_fn *fn,
                        const struct ovl_submit_options *options)
{
    *place = (struct ovl__in_place){
        .future = {.executor = executor, .fn = fn, .more = &place->more},
        .more = {.future = &place->future},
    };
    place->future.deadline = options->deadline ? options->deadline : OVL_FOREVER;
    ovl__state_init(&place->future.state, OVL__RUNNING, 1);
    ovl__wait_list_init(&place->future.waiters);
}

void ovl__in_place_release(struct ovl__in_place *place)
{
    ovl__buffer_release(&place->future.result);
    ovl__buffer_release(&place->item);
}

static int take_item(struct ovl__in_place *place, struct ovl_bytes item)
{
    int error = ovl__buffer_resize(&place->item, item.size);
    if (error)
        return error;
    if (item.size)
        memcpy(place->item.data, item.data, item.size);
    place->future.item = (struct ovl_bytes){place->item.data, item.size};
    return 0;
}

bool ovl__in_place_run(struct ovl__in_place *place, struct ovl_bytes item)
{
    struct ovl_future *future = &place->future;
    struct ovl_executor *executor = future->executor;
    if (!atomic_load_explicit(&executor->in_place, memory_order_relaxed) ||
        ovl__executor_is_copy(executor) || take_item(place, item))
        return false;
    if (future->deadline != OVL_FOREVER && ovl_now() >= future->deadline)
        return false;
    future->result.size = 0;
    future->outcome = (struct ovl_outcome){.worker = OVL_NO_WORKER, .attempts = 1};
    future->more->meter.record = (struct ovl_record){0};
    return executor->ops->run_in_place(executor, future);
}
