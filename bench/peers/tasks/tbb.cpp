// A million empty tasks and a tree of them, by oneTBB: `tbb map|submit|join WORKERS`.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

static const long tasks = 1000000;

static long fibonacci(int n)
{
    if (n < 2)
        return n;
    long left, right;
    tbb::task_group group;
    group.run([&] { left = fibonacci(n - 1); });
    right = fibonacci(n - 2);
    group.wait();
    return left + right;
}

static void map()
{
    tbb::parallel_for(
        tbb::blocked_range<long>(0, tasks, 1),
        [](const tbb::blocked_range<long> &range) {
            for (long i = range.begin(); i != range.end(); i++)
                __asm__ volatile("" ::: "memory");
        },
        tbb::simple_partitioner());
}

static void submit()
{
    tbb::task_group group;
    for (long i = 0; i < tasks; i++)
        group.run([] { __asm__ volatile("" ::: "memory"); });
    group.wait();
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "map";
    int workers = argc > 2 ? atoi(argv[2]) : 2;
    tbb::global_control control(tbb::global_control::max_allowed_parallelism, workers);
    for (int round = 0; round < 2; round++) {
        auto begin = std::chrono::steady_clock::now();
        long calls = tasks;
        if (!strcmp(what, "join")) {
            fibonacci(30);
            calls = 1346268;
        } else if (!strcmp(what, "submit")) {
            submit();
        } else {
            map();
        }
        std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
        if (round)
            printf("%.12f\n", spent.count() / calls);
    }
}
