#include "values.h"

#include "wide.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t scale;
};

static const struct unit number_units[] = {{"", 1}, {NULL, 0}};

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60 * UINT64_C(1000000000)},
    {"h", 3600 * UINT64_C(1000000000)},
    {NULL, 0},
};

static const struct unit seconds_units[] = {
    {"", 1000000000},
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60 * UINT64_C(1000000000)},
    {"h", 3600 * UINT64_C(1000000000)},
    {NULL, 0},
};

/* In either case, as curl and many others take them. */
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"k", UINT64_C(1) << 10},
    {"K", UINT64_C(1) << 10},
    {"m", UINT64_C(1) << 20},
    {"M", UINT64_C(1) << 20},
    {"g", UINT64_C(1) << 30},
    {"G", UINT64_C(1) << 30},
    {"t", UINT64_C(1) << 40},
    {"T", UINT64_C(1) << 40},
    {NULL, 0},
};

/* The places behind the point that are read: less is below a nanosecond of an hour. */
#define PLACES_DIVISOR UINT64_C(10000000000000)

/* A decimal number: digits / divisor. */
struct decimal {
    wide_uint digits;
    wide_uint divisor;
    bool fraction;
    bool too_large;
};

/* Reads digits, with a point where there is one. Returns what follows, NULL where there is no
 * digit. */
static const char *read_decimal(const char *text, struct decimal *ret)
{
    *ret = (struct decimal){.divisor = 1};
    bool any = false;
    for (;; text++) {
        if (*text == '.' && !ret->fraction) {
            ret->fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9')
            return any ? text : NULL;
        any = true;
        ret->too_large |= ret->digits / ret->divisor > UINT64_MAX;
        if (ret->too_large || ret->divisor == PLACES_DIVISOR)
            continue;
        ret->digits = ret->digits * 10 + (unsigned)(*text - '0');
        ret->divisor *= ret->fraction ? 10 : 1;
    }
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    while (units->name && strcmp(units->name, name) != 0)
        units++;
    return units->name ? units : NULL;
}

static enum value_error read_scaled(const char *text, const struct unit *units, uint64_t *ret)
{
    if (!*text)
        return VALUE_EMPTY;
    struct decimal number;
    const char *rest = read_decimal(text + (*text == '-' || *text == '+'), &number);
    if (!rest)
        return VALUE_NOT_A_NUMBER;
    if (*text == '-')
        return VALUE_NEGATIVE;

    const struct unit *unit = find_unit(units, rest);
    if (!unit && !*rest && number.digits == 0)
        unit = units;
    if (!unit)
        return *rest ? VALUE_BAD_UNIT : VALUE_NO_UNIT;
    if (number.fraction && unit->scale == 1)
        return VALUE_NOT_A_NUMBER;
    wide_uint whole = number.digits / number.divisor;
    if (number.too_large || whole > UINT64_MAX)
        return VALUE_TOO_LARGE;

    wide_uint value =
        whole * unit->scale + number.digits % number.divisor * unit->scale / number.divisor;
    if (value > INT64_MAX)
        return VALUE_TOO_LARGE;
    *ret = (uint64_t)value;
    return VALUE_OK;
}

enum value_error value_number(const char *text, uint64_t *ret)
{
    enum value_error error = read_scaled(text, number_units, ret);
    return error == VALUE_BAD_UNIT ? VALUE_NOT_A_NUMBER : error;
}

static enum value_error read_time(const char *text, const struct unit *units, ovl_time *ret_ns)
{
    uint64_t ns;
    enum value_error error = read_scaled(text, units, &ns);
    if (error == VALUE_OK)
        *ret_ns = (ovl_time)ns;
    return error;
}

enum value_error value_duration(const char *text, ovl_time *ret_ns)
{
    return read_time(text, duration_units, ret_ns);
}

enum value_error value_seconds(const char *text, ovl_time *ret_ns)
{
    return read_time(text, seconds_units, ret_ns);
}

enum value_error value_size(const char *text, uint64_t *ret_bytes)
{
    return read_scaled(text, size_units, ret_bytes);
}
