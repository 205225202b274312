#include "query/promql/functions.h"

#include <math.h>

#include "base/time.h"
#include "query/promql/hist.h"
#include "query/promql/open.h"
#include "query/promql/range.h"

/* --- small implementations -------------------------------------------------------------------- */

static double radians(double v)
{
    return v * M_PI / 180;
}

static double degrees(double v)
{
    return v * 180 / M_PI;
}

static double sign(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double count_of(const struct histogram *h)
{
    return h->count;
}

static double sum_of(const struct histogram *h)
{
    return h->sum;
}

static double average_of(const struct histogram *h)
{
    return h->sum / h->count;
}

static double variance_of(const struct histogram *h)
{
    struct arena scratch;
    arena_init(&scratch, 16 << 20);
    double v = hist_variance(&scratch, h);
    arena_done(&scratch);
    return v;
}

static double deviation_of(const struct histogram *h)
{
    return sqrt(variance_of(h));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Seconds since what Go counts from, the first of January of the year -292277022399: by this and by
 * its wrapping, seconds at either edge of 64 bits have a date. A whole number of days before 1970.
 */
#define GO_EPOCH_S UINT64_C(9223372028715321600)

static int64_t days_of(int64_t unix_seconds)
{
    uint64_t days = ((uint64_t)unix_seconds + GO_EPOCH_S) / 86400;
    return (int64_t)days - (int64_t)(GO_EPOCH_S / 86400);
}

struct date {
    int64_t days, year;
    int month, day;
};

static struct date date_of(int64_t unix_seconds)
{
    struct date d = {.days = days_of(unix_seconds)};
    date_from_days(d.days, &d.year, &d.month, &d.day);
    return d;
}

static double second_of_day(int64_t s)
{
    return (double)(((uint64_t)s + GO_EPOCH_S) % 86400);
}

static double minute(int64_t s)
{
    return floor(fmod(second_of_day(s), 3600) / 60);
}

static double hour(int64_t s)
{
    return floor(second_of_day(s) / 3600);
}

static double day_of_month(int64_t s)
{
    return date_of(s).day;
}

static double day_of_week(int64_t s)
{
    int64_t days = days_of(s) + 4; // the epoch was a Thursday
    return (double)(days - floor_div(days, 7) * 7);
}

static double day_of_year(int64_t s)
{
    struct date d = date_of(s);
    return (double)(d.days - date_to_days(d.year, 1, 1) + 1);
}

static double days_in_month(int64_t s)
{
    struct date d = date_of(s);
    int64_t next =
        d.month == 12 ? date_to_days(d.year + 1, 1, 1) : date_to_days(d.year, d.month + 1, 1);
    return (double)(next - date_to_days(d.year, d.month, 1));
}

static double month(int64_t s)
{
    return date_of(s).month;
}

static double year(int64_t s)
{
    return (double)date_of(s).year;
}

/* --- the table -------------------------------------------------------------------------------- */

#define S VALUE_SCALAR
#define V VALUE_VECTOR
#define M VALUE_MATRIX
#define T VALUE_STRING

#define MAP(name_, map_)                                                                           \
    {                                                                                              \
        .name = name_, .returns = V, .args = {V}, .open = open_map, .map = map_                    \
    }
#define OF_HISTOGRAM(name_, f_)                                                                    \
    {                                                                                              \
        .name = name_, .returns = V, .args = {V}, .open = open_of_histogram, .of_histogram = f_    \
    }
#define DATE(name_, f_)                                                                            \
    {                                                                                              \
        .name = name_, .returns = V, .args = {V}, .variadic = 1, .open = open_date, .of_time = f_, \
        .time_dependent = true                                                                     \
    }
#define RANGE(name_, f_)                                                                           \
    {                                                                                              \
        .name = name_, .returns = V, .args = {M}, .open = open_range_call, .range = &f_            \
    }
#define RANGE_EXPERIMENTAL(name_, f_)                                                              \
    {                                                                                              \
        .name = name_, .returns = V, .args = {M}, .open = open_range_call, .range = &f_,           \
        .experimental = true                                                                       \
    }

#define OF_QUERY(name_, f_)                                                                        \
    {                                                                                              \
        .name = name_, .returns = S, .scalar = f_, .experimental = true, .time_dependent = true,   \
        .of_query = true                                                                           \
    }

/* By name: function_find searches it by halves. */
static const struct function functions[] = {
    MAP("abs", fabs),
    {.name = "absent", .returns = V, .args = {V}, .open = open_absent},
    {.name = "absent_over_time", .returns = V, .args = {M}, .open = open_absent_over_time},
    MAP("acos", acos),
    MAP("acosh", acosh),
    MAP("asin", asin),
    MAP("asinh", asinh),
    MAP("atan", atan),
    MAP("atanh", atanh),
    RANGE("avg_over_time", range_avg),
    MAP("ceil", ceil),
    RANGE("changes", range_changes),
    {.name = "clamp", .returns = V, .args = {V, S, S}, .open = open_clamp},
    {.name = "clamp_max", .returns = V, .args = {V, S}, .open = open_clamp},
    {.name = "clamp_min", .returns = V, .args = {V, S}, .open = open_clamp},
    MAP("cos", cos),
    MAP("cosh", cosh),
    RANGE("count_over_time", range_count),
    DATE("day_of_month", day_of_month),
    DATE("day_of_week", day_of_week),
    DATE("day_of_year", day_of_year),
    DATE("days_in_month", days_in_month),
    MAP("deg", degrees),
    RANGE("delta", range_delta),
    RANGE("deriv", range_deriv),
    {.name = "double_exponential_smoothing",
     .returns = V,
     .args = {M, S, S},
     .open = open_range_call,
     .range = &range_double_exponential_smoothing,
     .experimental = true},
    OF_QUERY("end", scalar_end),
    MAP("exp", exp),
    RANGE_EXPERIMENTAL("first_over_time", range_first),
    MAP("floor", floor),
    OF_HISTOGRAM("histogram_avg", average_of),
    OF_HISTOGRAM("histogram_count", count_of),
    {.name = "histogram_fraction",
     .returns = V,
     .args = {S, S, V},
     .open = open_histogram_fraction},
    {.name = "histogram_quantile", .returns = V, .args = {S, V}, .open = open_histogram_quantile},
    {.name = "histogram_quantiles",
     .returns = V,
     .args = {V, T, S, S},
     .variadic = 9,
     .open = open_histogram_quantiles,
     .experimental = true},
    OF_HISTOGRAM("histogram_stddev", deviation_of),
    OF_HISTOGRAM("histogram_stdvar", variance_of),
    OF_HISTOGRAM("histogram_sum", sum_of),
    DATE("hour", hour),
    RANGE("idelta", range_idelta),
    RANGE("increase", range_increase),
    {.name = "info",
     .returns = V,
     .args = {V, V},
     .variadic = 1,
     .open = open_info,
     .labels_only_argument = true,
     .experimental = true},
    RANGE("irate", range_irate),
    {.name = "label_join",
     .returns = V,
     .args = {V, T, T, T},
     .variadic = -1,
     .open = open_label_join},
    {.name = "label_replace", .returns = V, .args = {V, T, T, T, T}, .open = open_label_replace},
    RANGE("last_over_time", range_last),
    MAP("ln", log),
    MAP("log10", log10),
    MAP("log2", log2),
    RANGE_EXPERIMENTAL("mad_over_time", range_mad),
    {.name = "max_of", .returns = S, .args = {S, S}, .scalar = scalar_max_of, .experimental = true},
    RANGE("max_over_time", range_max),
    {.name = "min_of", .returns = S, .args = {S, S}, .scalar = scalar_min_of, .experimental = true},
    RANGE("min_over_time", range_min),
    DATE("minute", minute),
    DATE("month", month),
    {.name = "pi", .returns = S, .scalar = scalar_pi},
    {.name = "predict_linear",
     .returns = V,
     .args = {M, S},
     .open = open_range_call,
     .range = &range_predict_linear,
     .time_dependent = true},
    RANGE("present_over_time", range_present),
    {.name = "quantile_over_time",
     .returns = V,
     .args = {S, M},
     .open = open_range_call,
     .range = &range_quantile},
    MAP("rad", radians),
    OF_QUERY("range", scalar_range),
    RANGE("rate", range_rate),
    RANGE("resets", range_resets),
    {.name = "round", .returns = V, .args = {V, S}, .variadic = 1, .open = open_round},
    {.name = "scalar", .returns = S, .args = {V}, .scalar = scalar_of_vector},
    MAP("sgn", sign),
    MAP("sin", sin),
    MAP("sinh", sinh),
    {.name = "sort", .returns = V, .args = {V}, .open = open_sort},
    {.name = "sort_by_label",
     .returns = V,
     .args = {V, T},
     .variadic = -1,
     .open = open_sort_by_label,
     .experimental = true},
    {.name = "sort_by_label_desc",
     .returns = V,
     .args = {V, T},
     .variadic = -1,
     .open = open_sort_by_label_desc,
     .experimental = true},
    {.name = "sort_desc", .returns = V, .args = {V}, .open = open_sort_desc},
    MAP("sqrt", sqrt),
    OF_QUERY("start", scalar_start),
    {.name = "start_timestamp",
     .returns = V,
     .args = {V},
     .open = open_start_timestamp,
     .experimental = true,
     .time_dependent = true},
    RANGE("stddev_over_time", range_stddev),
    RANGE("stdvar_over_time", range_stdvar),
    OF_QUERY("step", scalar_step),
    RANGE("sum_over_time", range_sum),
    MAP("tan", tan),
    MAP("tanh", tanh),
    {.name = "time", .returns = S, .scalar = scalar_time, .time_dependent = true},
    {.name = "timestamp",
     .returns = V,
     .args = {V},
     .open = open_timestamp,
     .time_dependent = true},
    RANGE_EXPERIMENTAL("ts_of_first_over_time", range_ts_of_first),
    RANGE_EXPERIMENTAL("ts_of_last_over_time", range_ts_of_last),
    RANGE_EXPERIMENTAL("ts_of_max_over_time", range_ts_of_max),
    RANGE_EXPERIMENTAL("ts_of_min_over_time", range_ts_of_min),
    {.name = "vector", .returns = V, .args = {S}, .open = open_vector},
    DATE("year", year),
};

const struct function *function_table(size_t *out_n)
{
    *out_n = ARRAY_LEN(functions);
    return functions;
}

const struct function *function_find(struct str name)
{
    size_t low = 0, high = ARRAY_LEN(functions);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = str_cmp(str_c(functions[middle].name), name);
        if (c == 0)
            return &functions[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t function_arity(const struct function *f)
{
    size_t n = 0;
    while (n < FUNCTION_ARGS_MAX && f->args[n] != VALUE_NONE)
        n++;
    return n;
}

/* Of equally close names one that begins with what was typed: it was cut short. */
const char *function_nearest(struct str name)
{
    const char *best = NULL;
    size_t best_distance = (name.n + 2) / 3; // beyond it another word was meant
    bool best_begins = false;
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        struct str candidate = str_c(functions[i].name);
        size_t d = str_distance(candidate, name);
        bool begins = str_starts(candidate, name);
        if (d > best_distance || (best && d == best_distance && best_begins >= begins))
            continue;
        best = functions[i].name;
        best_distance = d;
        best_begins = begins;
    }
    return best;
}
