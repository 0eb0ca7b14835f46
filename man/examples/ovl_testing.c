#include <overlap.h>
#include <stdio.h>

/* What is to be tested: asks again after pauses that double, for an hour at most. */
static int ask_patiently(int (*ask)(void), unsigned *ret_times)
{
    ovl_time end = ovl_after(3600 * OVL_SECOND);
    ovl_time pause = OVL_SECOND;
    for (*ret_times = 1; ask(); ++*ret_times, pause *= 2) {
        ovl_time next = ovl_after(pause);
        if (next > end)
            return OVL_ETIMEDOUT;
        int error = ovl_sleep(next);
        if (error)
            return error;
    }
    return 0;
}

static int never(void)
{
    return 1;
}

static int it_gives_up_within_the_hour(void *unused)
{
    unsigned times;
    (void)unused;
    ovl_time began = ovl_now();
    int error = ask_patiently(never, &times);
    printf("asked %u times in %d minutes\n", times, (int)((ovl_now() - began) / (60 * OVL_SECOND)));
    return error == OVL_ETIMEDOUT ? 0 : 1;
}

int main(void)
{
    struct ovl_testing testing = {.quiet = true};
    return ovl_run_test(it_gives_up_within_the_hour, NULL, &testing) ? 1 : 0;
}
