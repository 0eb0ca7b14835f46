#include "fetch/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
    const char *key; /* NULL: the place is free */
    void *value;
    uint64_t hash;
};

/* Open addressing, at most half full. Keys come from outside: where they lie is nobody's to know,
 * hence the seed. */
struct table {
    struct entry *entries;
    size_t room; /* a power of two */
    size_t count;
    uint64_t seed;
};

#define FIRST_ROOM 64

struct table *table_new(void)
{
    struct table *table = calloc(1, sizeof *table);
    struct entry *entries = calloc(FIRST_ROOM, sizeof *entries);
    if (!table || !entries) {
        free(table);
        free(entries);
        return NULL;
    }
    *table = (struct table){.entries = entries, .room = FIRST_ROOM};
    if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) < 0)
        table->seed = (uint64_t)(uintptr_t)table;
    return table;
}

void table_free(struct table *table, void (*release)(void *value))
{
    if (!table)
        return;
    for (size_t n = 0; release && n < table->room; n++)
        if (table->entries[n].key)
            release(table->entries[n].value);
    free(table->entries);
    free(table);
}

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static uint64_t hash_of(const struct table *table, const char *key)
{
    uint64_t hash = table->seed;
    for (; *key; key++)
        hash = mix(hash + (unsigned char)*key + UINT64_C(0x9e3779b97f4a7c15));
    return hash;
}

static struct entry *find(const struct table *table, const char *key, uint64_t hash)
{
    for (size_t at = hash & (table->room - 1);; at = (at + 1) & (table->room - 1)) {
        struct entry *entry = &table->entries[at];
        if (!entry->key || (entry->hash == hash && strcmp(entry->key, key) == 0))
            return entry;
    }
}

static bool grow(struct table *table)
{
    struct table larger = *table;
    larger.room = 2 * table->room;
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (!larger.entries)
        return false;
    for (size_t n = 0; n < table->room; n++)
        if (table->entries[n].key)
            *find(&larger, table->entries[n].key, table->entries[n].hash) = table->entries[n];
    free(table->entries);
    *table = larger;
    return true;
}

void *table_get(const struct table *table, const char *key)
{
    const struct entry *entry = find(table, key, hash_of(table, key));
    return entry->key ? entry->value : NULL;
}

bool table_put(struct table *table, const char *key, void *value)
{
    if (2 * (table->count + 1) > table->room && !grow(table))
        return false;
    uint64_t hash = hash_of(table, key);
    *find(table, key, hash) = (struct entry){.key = key, .value = value, .hash = hash};
    table->count++;
    return true;
}

size_t table_size(const struct table *table)
{
    return table->room;
}

void *table_at(const struct table *table, size_t place)
{
    return table->entries[place].key ? table->entries[place].value : NULL;
}
