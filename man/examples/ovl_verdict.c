#include <overlap.h>
#include <stdio.h>

int main(void)
{
    struct ovl_measure measures[] = {
        {OVL_SYNC, 1, 8 * OVL_SECOND},
        {OVL_THREADS, 5, 16 * OVL_SECOND / 10},
        {OVL_ASYNC, 160, OVL_SECOND / 10},
    };
    struct ovl_verdict verdict;
    if (ovl_verdict(OVL_IO_BOUND, measures, 3, &verdict))
        return 1;
    printf("%s with %u workers\n", ovl_model_name(verdict.model), verdict.workers);
    return 0;
}
