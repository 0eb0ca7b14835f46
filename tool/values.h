/* Numbers, durations and sizes as people write them. */
#ifndef TOOL_VALUES_H
#define TOOL_VALUES_H

#include <overlap/time.h>
#include <stdint.h>

enum value_error {
    VALUE_OK,
    VALUE_EMPTY,
    VALUE_NOT_A_NUMBER,
    VALUE_NEGATIVE,
    VALUE_NO_UNIT,  /* a duration needs one */
    VALUE_BAD_UNIT, /* none of those there are */
    VALUE_TOO_LARGE,
};

/* A whole number in decimal digits: "160". On failure *ret is untouched, here and below. */
enum value_error value_number(const char *text, uint64_t *ret);

/* A length of time with its unit, ns us ms s m h: "250ms", "1.5s". Zero needs no unit. */
enum value_error value_duration(const char *text, ovl_time *ret_ns);

/* A length of time as curl's users write it: "2.5" and "2" are seconds, and units do as well. */
enum value_error value_seconds(const char *text, ovl_time *ret_ns);

/* A size in bytes, with a unit or without, k M G T in either case, powers of 1024: "10k", "1.5M",
 * "4096". */
enum value_error value_size(const char *text, uint64_t *ret_bytes);

#endif
