#include "telltale/component.h"

#include "support/check.h"
#include "telltale/otlp.h"

static int make_first(void *arg, enum tt_signal signal, const tt_value *properties,
                      tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties, (void)out;
    return TT_OK;
}

static int make_second(void *arg, enum tt_signal signal, const tt_value *properties,
                       tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties, (void)out;
    return TT_ERR_IO;
}

static tt_component named(const char *name)
{
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = name};
    c.make.exporter = make_first;
    return c;
}

static void test_component_is_found_by_kind_and_name(void **state)
{
    (void)state;
    tt_component c = named("mine"), found;
    assert_int_equal(tt_component_register(&c), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_EXPORTER, "mine", &found), TT_OK);
    assert_ptr_equal(found.make.exporter, make_first);
    assert_int_equal(tt_component_find(TT_COMPONENT_PULL, "mine", &found), TT_ERR_INVALID);
    assert_int_equal(tt_component_find(TT_COMPONENT_EXPORTER, "yours", &found), TT_ERR_INVALID);
}

static void test_component_registered_again_is_replaced(void **state)
{
    (void)state;
    tt_component c = named("again"), found;
    assert_int_equal(tt_component_register(&c), TT_OK);
    c.make.exporter = make_second;
    assert_int_equal(tt_component_register(&c), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_EXPORTER, "again", &found), TT_OK);
    assert_ptr_equal(found.make.exporter, make_second);
}

static void test_nameless_component_is_refused(void **state)
{
    (void)state;
    tt_component c = named(NULL), found;
    assert_int_equal(tt_component_register(&c), TT_ERR_INVALID);
    assert_int_equal(tt_component_register(NULL), TT_ERR_INVALID);
    c = named("unmade");
    c.make.exporter = NULL;
    assert_int_equal(tt_component_register(&c), TT_ERR_INVALID);
    assert_int_equal(tt_component_find(TT_COMPONENT_EXPORTER, NULL, &found), TT_ERR_INVALID);
}

static void test_otlp_exporter_is_made_from_properties(void **state)
{
    (void)state;
    tt_component c;
    tt_exporter exporter = {0};
    tt_attr header[] = {tt_str("name", "x"), tt_str("value", "a,b")};
    tt_value headers[] = {tt_value_map(header, 2)};
    tt_attr fields[] = {tt_str("endpoint", "http://localhost:1/v1/logs"), tt_int("timeout", 5),
                        tt_attr_of("headers", tt_value_array(headers, 1))};
    tt_value properties = tt_value_map(fields, 3);
    assert_int_equal(tt_otlp_register(), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_EXPORTER, "otlp_http", &c), TT_OK);
    assert_int_equal(c.make.exporter(c.arg, TT_SIGNAL_LOGS, &properties, &exporter), TT_OK);
    exporter.close(exporter.arg);
    fields[0] = tt_str("endpoint", "ftp://localhost");
    assert_int_equal(c.make.exporter(c.arg, TT_SIGNAL_LOGS, &properties, &exporter),
                     TT_ERR_INVALID);
}

static void test_properties_have_types(void **state)
{
    (void)state;
    tt_attr fields[] = {tt_str("text", "a"), tt_int("int", 2), tt_double("double", 1.5),
                        tt_bool("bool", true)};
    tt_value map = tt_value_map(fields, 4), empty = tt_value_of(TT_TYPE_EMPTY, 0);
    assert_string_equal(tt_property_text(&map, "text"), "a");
    assert_null(tt_property_text(&map, "int"));
    assert_int_equal(tt_property_int(&map, "int", 7), 2);
    assert_int_equal(tt_property_int(&map, "text", 7), 7);
    assert_true(tt_property_double(&map, "int", 7) == 2);
    assert_true(tt_property_double(&map, "double", 7) == 1.5);
    assert_true(tt_property_bool(&map, "bool", false));
    assert_null(tt_property(&empty, "text"));
    assert_null(tt_property(NULL, "text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_component_is_found_by_kind_and_name),
        cmocka_unit_test(test_component_registered_again_is_replaced),
        cmocka_unit_test(test_nameless_component_is_refused),
        cmocka_unit_test(test_otlp_exporter_is_made_from_properties),
        cmocka_unit_test(test_properties_have_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
