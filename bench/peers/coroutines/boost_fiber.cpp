// Boost.Fiber: yield N switches between two fibers; spawn N, each joined; sleep N at once.
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <vector>

static void yield(long count)
{
    auto turns = [count] {
        for (long i = 0; i < count / 2; i++)
            boost::this_fiber::yield();
    };
    boost::fibers::fiber one(turns), two(turns);
    one.join();
    two.join();
}

static void spawn(long count)
{
    boost::fibers::pooled_fixedsize_stack stacks;
    while (count--)
        boost::fibers::fiber(std::allocator_arg, stacks, [] {}).join();
}

static long resident()
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        exit(3);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void sleepers(long count)
{
    long before = resident();
    for (long i = 0; i < count; i++)
        boost::fibers::fiber([] { boost::this_fiber::sleep_for(std::chrono::seconds(5)); }).detach();
    boost::this_fiber::sleep_for(std::chrono::milliseconds(1));
    printf("%ld bytes each\n", (resident() - before) / count);
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    long count = atol(argv[2]);
    auto begin = std::chrono::steady_clock::now();
    if (!strcmp(argv[1], "yield"))
        yield(count);
    else if (!strcmp(argv[1], "spawn"))
        spawn(count);
    else
        sleepers(count);
    printf("Duration %.9f seconds\n",
           std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    fflush(stdout);
    _exit(0);
}
