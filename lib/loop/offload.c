#include "loop/offload.h"

#include "base/thread.h"
#include "loop/loop.h"

/* A name look-up that stalls must not hold up the next: threads are added up to this many. */
#define THREADS_MAX 512

/* A helper thread without work ends after this time. */
#define IDLE_NS (OVL_SECOND / 2)

/* One for the process, guarded by `lock`. */
static struct {
    pthread_mutex_t lock;
    struct ovl__link calls;
    struct ovl__wait_list idle;
    unsigned threads;
    bool ready;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock_pool(void)
{
    pthread_mutex_lock(&pool.lock);
}

static void unlock_pool(void)
{
    pthread_mutex_unlock(&pool.lock);
}

/* In a child of fork there are no helper threads, and nobody waits for their jobs. */
static void start_anew(void)
{
    ovl__list_init(&pool.calls);
    ovl__wait_list_init(&pool.idle);
    pool.threads = 0;
    unlock_pool();
}

static void prepare_pool(void)
{
    if (pool.ready)
        return;
    ovl__list_init(&pool.calls);
    ovl__wait_list_init(&pool.idle);
    pthread_atfork(lock_pool, unlock_pool, start_anew);
    pool.ready = true;
}

/* One whose idle time is up looks once more: calls may have come before it had the lock again. */
static struct ovl__offload *next_call(void)
{
    for (int error = 0;;) {
        struct ovl__link *link = ovl__list_take(&pool.calls);
        if (link)
            return ovl__of(link, struct ovl__offload, link);
        if (error)
            return NULL;
        error = ovl__wait(&pool.idle, &pool.lock, ovl_after(IDLE_NS));
    }
}

static void *help(void *unused)
{
    lock_pool();
    for (struct ovl__offload *call; (call = next_call());) {
        unlock_pool();
        call->run(call);
        lock_pool();
        call->done = true;
        bool abandoned = call->abandoned;
        ovl__wake_all(&call->waiter);
        if (abandoned)
            call->free(call);
    }
    pool.threads--;
    unlock_pool();
    return unused;
}

static bool find_helper(void)
{
    if (ovl__wake_one(&pool.idle))
        return true;
    if (pool.threads < THREADS_MAX && !ovl__thread_start(help, NULL, NULL))
        pool.threads++;
    return pool.threads > 0;
}

typedef int wait_fn(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

static int offload(struct ovl__offload *call, wait_fn *wait)
{
    ovl__wait_list_init(&call->waiter);
    lock_pool();
    prepare_pool();
    if (!find_helper()) {
        unlock_pool();
        call->run(call);
        return 0;
    }
    ovl__list_append(&pool.calls, &call->link);
    int error = 0;
    ovl__loop_outside(1);
    while (!call->done && !error) {
        ovl__waits_for("helper thread", -1);
        error = wait(&call->waiter, &pool.lock, OVL_FOREVER);
    }
    ovl__loop_outside(-1);
    call->abandoned = !call->done;
    error = call->abandoned ? error : 0;
    unlock_pool();
    return error;
}

int ovl__offload(struct ovl__offload *call)
{
    return offload(call, ovl__wait_or_cancel);
}

struct plain_call {
    struct ovl__offload offload;
    void (*fn)(void *argument);
    void *argument;
};

static void run_plain(struct ovl__offload *offload)
{
    struct plain_call *call = ovl__of(offload, struct plain_call, offload);
    call->fn(call->argument);
}

/* The call lies on the stack that waits for it. */
void ovl__call_in_thread(void (*fn)(void *argument), void *argument)
{
    struct plain_call call = {.offload = {.run = run_plain}, .fn = fn, .argument = argument};
    offload(&call.offload, ovl__wait);
}
