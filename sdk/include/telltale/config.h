/* Declarative configuration: a file in OpenTelemetry's configuration schema (file_format 1.0
 * to 1.2, and 0.4) says what the SDK consists of. In the library libtelltale-config, which adds
 * libyaml; with it installed, tt_init does all of this when OTEL_CONFIG_FILE names a file.
 *
 *     tt_config *config;
 *     tt_config_error error;
 *     tt_sdk sdk;
 *     if (tt_config_parse_file("otel.yaml", &config, &error) != TT_OK)
 *         fprintf(stderr, "%s\n", error.text);
 *     tt_config_create(tt_config_model(config), &sdk);
 *     tt_config_free(config); */
#ifndef TELLTALE_CONFIG_H
#define TELLTALE_CONFIG_H

#include <stddef.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/init.h"

TT_BEGIN

typedef struct tt_config tt_config;

typedef struct tt_config_error {
    char text[256]; /* "line 3: …" */
} tt_config_error;

/* Reads YAML of up to 1 MiB and puts variables of the environment into its values: ${NAME},
 * ${env:NAME}, ${NAME:-otherwise}; $$ is a dollar sign. A value that is not quoted gets its type
 * afterwards. TT_ERR_INVALID for what is no YAML, for a map with a key twice, for a reference that
 * is none, and for a file_format that is not known; TT_ERR_IO for a file that cannot be read.
 * `out_error` may be NULL; the reason is told as TT_PROBLEM_MISUSE, too. */
TT_API int tt_config_parse(const char *text, size_t n, tt_config **out_config,
                           tt_config_error *out_error);
TT_API int tt_config_parse_file(const char *path, tt_config **out_config,
                                tt_config_error *out_error);

/* The whole file as a map; its texts and keys end with a NUL. It lives as long as the config. A
 * program may as well build a model of its own. */
TT_API const tt_value *tt_config_model(const tt_config *config);

TT_API void tt_config_free(tt_config *config); /* NULL is fine */

/* Makes what the model says: providers, readers and propagators, and for exporters, samplers and
 * detectors whatever is registered under their names (component.h). What the model leaves out has
 * the schema's default: without a tracer_provider no spans are recorded.
 *
 * `out_sdk` is always written and the caller's. A negative status is that of the first thing that
 * could not be made, is not known, or has a value out of its range; all are told as
 * TT_PROBLEM_MISUSE and left out, the rest works. */
TT_API int tt_config_create(const tt_value *model, tt_sdk *out_sdk);

/* Registers "file", which tt_init asks for: done by itself when the shared library is loaded, and
 * to be called once before tt_init() in a program that links the archive. */
TT_API int tt_config_register(void);

TT_END

#endif
