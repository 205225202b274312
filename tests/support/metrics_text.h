/* What a provider's metrics are, as text for Prometheus without labels of scope and target. */
#ifndef TELLTALE_TESTS_SUPPORT_METRICS_TEXT_H
#define TELLTALE_TESTS_SUPPORT_METRICS_TEXT_H

#include <stdlib.h>

#include "support/check.h"
#include "telltale/prometheus_text.h"

static inline void check_metrics_text(tt_meter_provider *provider, const char *expected)
{
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true, .without_target = true};
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
    assert_string_equal(text, expected);
    free(text);
}

#endif
