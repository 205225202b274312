/* What tt_init calls when OTEL_CONFIG_FILE is set. */
#include "base/compiler.h"
#include "telltale/config.h"

static int create_from_file(void *arg, const char *path, tt_sdk *out)
{
    (void)arg;
    tt_config *config = NULL;
    int rc = tt_config_parse_file(path, &config, NULL); // the reason was told
    if (rc == TT_OK)
        rc = tt_config_create(tt_config_model(config), out);
    tt_config_free(config);
    return rc;
}

int tt_config_register(void)
{
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_CONFIGURATION, .name = "file"};
    c.make.configuration = create_from_file;
    return tt_component_register(&c);
}

ON_LOAD static void on_load(void)
{
    (void)tt_config_register(); // there is room, or tt_init tells that it is not there
}
