/* What a collector answers: nothing, or how much of a request it did not take. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_ANSWER_H
#define TELLTALE_SDK_EXPORTERS_OTLP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct otlp_answer {
    int64_t rejected;
    struct str message; /* borrowed from the answer */
};

/* An Export…ServiceResponse; the three signals' are alike. False when it is malformed. */
bool otlp_answer_parse(const char *bytes, size_t n, struct otlp_answer *out);

/* Tells of a partial success. */
void otlp_answer_report(const char *bytes, size_t n);

#endif
