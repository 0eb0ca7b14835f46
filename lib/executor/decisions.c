#include "executor/decisions.h"

#include "executor/executor.h"

#include <errno.h>

struct ovl_decision *ovl__decisions_add(struct ovl__decisions *decisions)
{
    struct ovl_decision *decision = &decisions->latest[decisions->count++ % OVL_DECISIONS];
    *decision = (struct ovl_decision){0};
    return decision;
}

size_t ovl_auto_decision_count(struct ovl_executor *executor)
{
    const struct ovl__decisions *decisions = executor->decisions;
    if (!decisions)
        return 0;
    pthread_mutex_lock(&executor->lock);
    size_t count = decisions->count;
    pthread_mutex_unlock(&executor->lock);
    return count;
}

int ovl_auto_decision(struct ovl_executor *executor, size_t n, struct ovl_decision *ret_decision)
{
    const struct ovl__decisions *decisions = executor->decisions;
    if (!decisions)
        return -ERANGE;
    pthread_mutex_lock(&executor->lock);
    bool kept = n < decisions->count && decisions->count - n <= OVL_DECISIONS;
    if (kept)
        *ret_decision = decisions->latest[n % OVL_DECISIONS];
    pthread_mutex_unlock(&executor->lock);
    return kept ? 0 : -ERANGE;
}
