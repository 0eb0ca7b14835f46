/*
 * Places: where a function is, told in a way that holds in another process of the same program,
 * whatever addresses its parts were loaded at: the module, by what it is, and the offset in it.
 */
#ifndef OVL_CLUSTER_PLACE_H
#define OVL_CLUSTER_PLACE_H

#include <stdint.h>

struct ovl__code_place {
    uint64_t module; /* a digest of its build-id, or else of its name and size */
    uint64_t offset;
};

/* 0, or OVL_EFUNCTION: the address is in no module. NULL has a place as well. */
int ovl__code_place(const void *address, struct ovl__code_place *ret_place);

/* The address, or OVL_EFUNCTION: this process has no such module. */
int ovl__code_address(const struct ovl__code_place *place, const void **ret_address);

#endif
