/* What the tests of declarative configuration share: an SDK made from a text, with components of
 * ours to name in it. They are the exporter `sink`, which keeps what it is sent; the sampler
 * `never`; and the detector `mine`, which finds mine.a, mine.b and other. */
#ifndef TELLTALE_TESTS_SDK_DECLARE_DECLARED_H
#define TELLTALE_TESTS_SDK_DECLARE_DECLARED_H

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/config.h"

/* Since the test began: what the exporters were sent, and "PATH LEVEL;" for each that was made,
 * which are properties of it ("-" and -1: not said). */
extern struct otlp_sink declared_sink;
extern char declared_properties[256];

/* Before and after each test: an empty sink, and all components registered. */
int declared_setup(void **state);
int declared_teardown(void **state);
#define DECLARED_TEST(name)                                                                        \
    cmocka_unit_test_setup_teardown(test_##name, declared_setup, declared_teardown)

/* What tt_config_create makes of the text, and returns; the test fails if it cannot be parsed. The
 * caller frees `out`. */
int declared_create(const char *text, tt_sdk *out);

/* Fails the test unless parsing refuses the text with the message. */
void declared_refused(const char *text, const char *message);

/* Makes a span in `sdk`, which has tracers; whether it is recorded. */
bool declared_span_is_recorded(tt_sdk *sdk);

/* A temporary file of the text, named by OTEL_CONFIG_FILE, which tt_init then takes. _unname
 * removes both. */
void declared_name_file(const char *text);
void declared_unname_file(void);

#endif
