/* What models cost, without measuring. */
#ifndef OVL_PREDICT_COSTS_H
#define OVL_PREDICT_COSTS_H

#include <overlap/predict.h>

/* What was measured on this machine before, or typical numbers: takes a millisecond at most. */
void ovl__costs_known(struct ovl_costs *ret_costs);

/* As they are kept in a file. Reading is false where the text is damaged or of another machine. */
size_t ovl__costs_write(const struct ovl_costs *costs, char *text, size_t size);
bool ovl__costs_read(const char *text, struct ovl_costs *ret_costs);

#endif
