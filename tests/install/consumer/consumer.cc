// A user's program in C++: the headers compile as C++, and a task runs under every model.
#include <cstdio>
#include <cstring>
#include <numeric>
#include <overlap.h>
#include <vector>

static int square(ovl_task *task, ovl_bytes item)
{
    const int number = *static_cast<const int *>(item.data);
    const int result = number * number;
    return ovl_task_return(task, &result, sizeof result);
}

static bool squares_are_right(ovl_model model)
{
    ovl_options options{};
    options.queue_limit = 3;
    ovl_executor *executor;
    if (ovl_executor_open(model, &options, &executor))
        return false;
    std::vector<int> items(10), results(items.size());
    std::iota(items.begin(), items.end(), 0);
    bool right = true;
    for (std::size_t i = 0; i < items.size(); i++) {
        ovl_future *future;
        ovl_bytes result;
        if (ovl_submit(executor, square, ovl_bytes{&items[i], sizeof items[i]}, &future))
            return false;
        right = right && ovl_future_result(future, &result) == 0 && result.size == sizeof(int) &&
                *static_cast<const int *>(result.data) == items[i] * items[i];
        ovl_future_free(future);
    }
    return ovl_executor_close(executor, OVL_FOREVER) == 0 && right;
}

int main(int argc, char **argv)
{
    if (argc != 2 || std::strcmp(argv[1], ovl_version()) != 0)
        return 1;
    int failures = 0;
    for (ovl_model model : {OVL_SYNC, OVL_THREADS, OVL_ASYNC, OVL_PROCESSES}) {
        const bool right = squares_are_right(model);
        std::printf("  %s: %s\n", ovl_model_name(model), right ? "ok" : "wrong");
        std::fflush(stdout);
        failures += !right;
    }
    return failures != 0;
}
