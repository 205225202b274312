/* Puts into a store what the `load` of a script of PromQL's tests says. */
#ifndef TELLTALE_TESTS_SUPPORT_LOADED_STORE_H
#define TELLTALE_TESTS_SUPPORT_LOADED_STORE_H

#include "model/batch.h"
#include "query/script/script.h"
#include "store/store.h"
#include "support/check.h"

/* The store is as it was made: there is nothing to empty. */
static inline int loaded_store_reset(void *self, struct err *err)
{
    (void)self;
    (void)err;
    return 0;
}

static inline int loaded_store_load(void *self, const struct batch *b, struct err *err)
{
    struct sink_result result;
    return store_append(self, b, &result, err);
}

/* Opens a store that has what the script loads; store_close. */
static inline struct store *loaded_store(struct str script)
{
    const struct store_options options = {.retention_ms = STORE_RETENTION_FOREVER};
    struct script_report report;
    struct script_driver driver = {.reset = loaded_store_reset, .load = loaded_store_load};
    struct store *store = NULL;
    assert_int_equal(store_open(&options, &store, NULL), 0);
    driver.self = store;
    assert_int_equal(script_run(script, &driver, &report, NULL), 0);
    return store;
}

#endif
