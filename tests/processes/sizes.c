/*
 * Proves that items and results of any size come whole to worker processes and back, and that the
 * memory they take is taken once, and given back.
 */
#include "../support/pattern.h"
#include "workers.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its item's first bytes say how large a result is wanted, which ends in the item's last byte. */
static int of_size(struct ovl_task *task, struct ovl_bytes item)
{
    size_t size;
    memcpy(&size, item.data, sizeof size);
    uint8_t *result = ovl_task_result(task, size);
    if (!result)
        return -ENOMEM;
    pattern_fill(result, 0, size, (unsigned)item.size);
    if (size)
        result[size - 1] = ((const uint8_t *)item.data)[item.size - 1];
    return 0;
}

static void expect_sizes(struct ovl_executor *executor, size_t item_size, size_t result_size)
{
    uint8_t *item = malloc(item_size);
    uint8_t *expected = malloc(result_size + 1);
    memset(item, 0x5a, item_size);
    memcpy(item, &result_size, sizeof result_size);
    item[item_size - 1] ^= result_size & 0xff;
    pattern_fill(expected, 0, result_size, (unsigned)item_size);
    if (result_size)
        expected[result_size - 1] = item[item_size - 1];
    struct ovl_future *future = submit(executor, of_size, item, item_size, NULL);
    struct ovl_bytes result;
    assert_int_equal(ovl_future_result(future, &result), 0);
    assert_int_equal(result.size, result_size);
    if (result_size)
        assert_memory_equal(result.data, expected, result_size);
    ovl_future_free(future);
    free(item);
    free(expected);
}

static void payloads_of_every_size(void)
{
    static const size_t sizes[] = {9,       100,     4096,    16384,   16385,          61440,
                                   61441,   65536,   4190208, 4190209, (1 << 20) + 13, 4194304,
                                   5 << 20, 9 << 20, 9};
    const size_t step = SCALE(1, 4); /* of those that each is paired with */
    struct ovl_executor *executor = open_workers(1);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t j = i % step; j < COUNT_OF(sizes); j += step)
            expect_sizes(executor, sizes[i], sizes[j] == 100 ? 0 : sizes[j]);
    close_all(executor);
}

static void huge_payloads(void)
{
    struct ovl_executor *executor = open_workers(2);
    expect_sizes(executor, SCALE(20 << 20, 6 << 20), SCALE(100 << 20, 20 << 20));
    expect_sizes(executor, SCALE(100 << 20, 20 << 20), 9);
    expect_sizes(executor, 9, SCALE(100 << 20, 20 << 20));
    close_all(executor);
}

/* Bytes that the memory files of this process take: what lanes keep between tasks. */
static size_t memory_files_size(void)
{
    size_t size = 0;
    for (int fd = 0; fd < 64; fd++) {
        char path[64];
        char target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        struct stat file;
        if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "memfd:overlap") &&
            !fstat(fd, &file))
            size += (size_t)file.st_blocks * 512;
    }
    return size;
}

static void memory_of_large_payloads_is_given_back(void)
{
    struct ovl_executor *executor = open_workers(1);
    size_t before = memory_files_size();
    assert_true(before > 0 && before < 1 << 20);
    expect_sizes(executor, 12 << 20, 14 << 20);
    assert_true(memory_files_size() <= before + (4 << 20));
    close_all(executor);
    assert_int_equal(memory_files_size(), 0);
}

/* ThreadSanitizer's own memory is larger than what is looked for. */
#ifndef __SANITIZE_THREAD__

/* Memory that this process has by itself, and no file nor other process. */
static size_t own_memory(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[128];
    size_t kib = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %zu", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

static int sum_ends(struct ovl_task *task, struct ovl_bytes item)
{
    const uint8_t *bytes = item.data;
    int sum = bytes[0] + bytes[item.size - 1];
    memset((void *)item.data, 99, item.size); /* it is this worker's, as long as it runs */
    return ovl_task_return(task, &sum, sizeof sum);
}

/* What is submitted is copied once, to where its worker reads it: while it is queued, and after. */
static void large_items_are_copied_once(void)
{
    enum { COUNT = 4, SIZE = 16 << 20 };
    struct ovl_executor *executor = open_workers(1);
    struct ovl_future *futures[COUNT];
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    memset(bytes, 1, SIZE);
    size_t before = own_memory();
    for (int i = 0; i < COUNT; i++) {
        bytes[0] = (uint8_t)i;
        futures[i] = submit(executor, sum_ends, bytes, SIZE, NULL);
    }
    assert_true(own_memory() < before + SIZE);
    for (int i = 0; i < COUNT; i++) {
        struct ovl_bytes result;
        assert_int_equal(ovl_future_result(futures[i], &result), 0);
        assert_int_equal(*(const int *)result.data, i + 1);
        ovl_future_free(futures[i]);
    }
    assert_true(memory_files_size() < SIZE);
    close_all(executor);
    free(bytes);
}

#endif

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(payloads_of_every_size),
        TEST_CASE(huge_payloads),
        TEST_CASE(memory_of_large_payloads_is_given_back),
#ifndef __SANITIZE_THREAD__
        TEST_CASE(large_items_are_copied_once),
#endif
    };
    return run_cases("sizes", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
