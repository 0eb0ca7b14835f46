/* The JSON document of `overlap advise`: docs/json/advise.schema.json. */
#ifndef TOOL_ADVISE_DOCUMENT_H
#define TOOL_ADVISE_DOCUMENT_H

#include "advise/advice.h"

#include <stdio.h>

/* Writes it. 0, or -ENOMEM; a write that fails is the stream's owner's to tell. */
int advice_document(FILE *out, const struct advice *advice);

#endif
