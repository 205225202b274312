/* A meter of a provider of its own for each test, which begins with `begin` and ends with `end`. */
#ifndef TELLTALE_TESTS_SUPPORT_TEST_METER_H
#define TELLTALE_TESTS_SUPPORT_TEST_METER_H

#include <string.h>

#include "base/compiler.h"
#include "support/check.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

static tt_meter_provider *provider;
static tt_meter *meter;

/* NULL: the defaults. Gives 0, as cmocka's set-ups do. */
static int begin_with(const tt_meter_provider_options *options)
{
    provider = tt_meter_provider_new(options);
    meter = tt_meter_get(provider, "test", NULL);
    return meter ? 0 : -1;
}

static UNUSED int begin(void **state)
{
    (void)state;
    return begin_with(NULL);
}

static int end(void **state)
{
    (void)state;
    tt_meter_provider_free(provider);
    return 0;
}

/* What a scrape shows. Freed by the caller. */
static UNUSED char *render_with(const tt_prometheus_options *options)
{
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(tt_prometheus_render_new(provider, options, 1 << 24, &text, &n), TT_OK);
    assert_int_equal(strlen(text), n);
    return text;
}

#endif
