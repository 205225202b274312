#include "base/time.h"

#include "base/compiler.h"
#include "support/check.h"

static void test_durations_are_read_as_prometheus_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"250ms", 250},
        {"15s", 15000},
        {"1h30m", 5400000},
        {"1d", MS_PER_DAY},
        {"2w", 14 * MS_PER_DAY},
        {"1y", 365 * MS_PER_DAY},
        {"1y2w3d4h5m6s7ms", ((365 + 14 + 3) * 24 + 4) * INT64_C(3600000) + 306007},
        {"292471208y", INT64_C(292471208) * 365 * MS_PER_DAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        struct err err = {0};
        if (duration_parse(str_c(cases[i].text), &ms, &err) != 0 || ms != cases[i].ms)
            fail_msg("\"%s\" gave %lld: %s", cases[i].text, (long long)ms, err.message);
    }
}

static void test_what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "1",   "s",   "-1s", "1.5h", "1s1h",
                                      "1s1s", " 1s", "1s ", "1S",  "1 s",  "1hm"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = -1;
        struct err err = {0};
        if (duration_parse(str_c(bad[i]), &ms, &err) != ERR_INVALID || ms != -1)
            fail_msg("\"%s\"", bad[i]);
        assert_non_null(strstr(err.message, "is not a duration"));
    }
    int64_t ms;
    assert_int_equal(duration_parse(STR("293000000y"), &ms, NULL), ERR_TOO_BIG);
    assert_int_equal(duration_parse(STR("99999999999999999999s"), &ms, NULL), ERR_TOO_BIG);
    assert_int_equal(duration_parse(STR("292471208y99999w"), &ms, NULL), ERR_TOO_BIG);
}

static void check_duration(int64_t ms, const char *expected)
{
    struct buf b = BUF_MAX(100);
    duration_format(&b, ms);
    check_str(buf_str(&b), expected);
    buf_done(&b);
}

static void test_durations_are_written_short(void **state)
{
    (void)state;
    check_duration(0, "0s");
    check_duration(1, "1ms");
    check_duration(90000, "1m30s");
    check_duration(5400000, "1h30m");
    check_duration(30 * MS_PER_DAY, "30d");
    check_duration(14 * MS_PER_DAY, "2w");
    check_duration(365 * MS_PER_DAY, "1y");
    check_duration(366 * MS_PER_DAY, "366d");
    check_duration(-1500, "-1s500ms");
}

static void test_durations_read_back_as_written(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 2000; i++) {
        int64_t ms = (int64_t)(check_random(&random) >> (20 + i % 40));
        int64_t again = -1;
        struct buf b = BUF_MAX(100);
        duration_format(&b, ms);
        assert_int_equal(duration_parse(buf_str(&b), &again, NULL), 0);
        assert_true(again == ms);
        buf_done(&b);
    }
}

static void test_days_count_through_all_calendars(void **state)
{
    (void)state;
    assert_int_equal(date_to_days(1970, 1, 1), 0);
    assert_int_equal(date_to_days(2000, 3, 1), 11017);
    assert_int_equal(date_to_days(1969, 12, 31), -1);
    assert_int_equal(date_to_days(0, 3, 1), -719468);
    int64_t year = 0;
    int month = 0, day = 0;
    int64_t expected_year = -400;
    int expected_month = 1, expected_day = 1;
    for (int64_t days = date_to_days(-400, 1, 1); days < date_to_days(2500, 1, 1); days++) {
        date_from_days(days, &year, &month, &day);
        if (year != expected_year || month != expected_month || day != expected_day)
            fail_msg("day %lld", (long long)days);
        assert_true(date_to_days(year, month, day) == days);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        expected_day++;
        if (expected_day > lengths[month - 1] + (month == 2 && leap)) {
            expected_day = 1;
            expected_month++;
        }
        if (expected_month > 12) {
            expected_month = 1;
            expected_year++;
        }
    }
}

static void test_rfc3339_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T04:26:32.5Z", 1795235192500},
        {"2026-11-21t06:26:32.5+02:00", 1795235192500},
        {"2026-11-21T04:26:32.123999Z", 1795235192123},
        {"2000-02-29T00:00:00z", 951782400000},
        {"1969-12-31T23:59:59.999Z", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 42;
        struct err err = {0};
        if (time_parse_rfc3339(str_c(cases[i].text), &ms, &err) != 0 || ms != cases[i].ms)
            fail_msg("\"%s\" gave %lld: %s", cases[i].text, (long long)ms, err.message);
    }
}

static void test_what_is_no_rfc3339_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-11-21",
        "2026-11-21 04:26:32Z",
        "2026-11-21T04:26:32",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T04:60:00Z",
        "2026-11-21T04:26:32.Z",
        "2026-11-21T04:26:32+2:00",
        "2026-11-21T04:26:32+24:00",
        "2026-11-21T04:26:32Zx",
        "226-11-21T04:26:32Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = 42;
        if (time_parse_rfc3339(str_c(bad[i]), &ms, NULL) != ERR_INVALID || ms != 42)
            fail_msg("\"%s\"", bad[i]);
    }
}

static void test_rfc3339_reads_back_as_written(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int i = 0; i < 2000; i++) {
        /* Years 0 to 9999, the range of the format. */
        int64_t ms = (int64_t)(check_random(&random) % 315537897600000u) - INT64_C(62167219200000);
        int64_t again = 42;
        struct buf b = BUF_MAX(100);
        time_format_rfc3339(&b, ms);
        if (time_parse_rfc3339(buf_str(&b), &again, NULL) != 0 || again != ms)
            fail_msg("%lld was written as %.*s", (long long)ms, STR_ARG(buf_str(&b)));
        buf_done(&b);
    }
}

static void test_clocks_go_forward(void **state)
{
    (void)state;
    int64_t a = time_now_mono_ns(), b = time_now_mono_ns();
    assert_true(b >= a);
    assert_true(time_now_unix_ns() > INT64_C(1700000000) * NS_PER_S);
    assert_true(time_now_unix_ms() - time_now_unix_ns() / NS_PER_MS < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_read_as_prometheus_reads_them),
        cmocka_unit_test(test_what_is_no_duration_is_refused),
        cmocka_unit_test(test_durations_are_written_short),
        cmocka_unit_test(test_durations_read_back_as_written),
        cmocka_unit_test(test_days_count_through_all_calendars),
        cmocka_unit_test(test_rfc3339_is_read),
        cmocka_unit_test(test_what_is_no_rfc3339_time_is_refused),
        cmocka_unit_test(test_rfc3339_reads_back_as_written),
        cmocka_unit_test(test_clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
