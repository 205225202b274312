#include "codec/otlp_schema.h"

/* The choices are enumerators; they are stored as int32_t. */
_Static_assert(sizeof(enum otlp_value_kind) == sizeof(int32_t), "a choice fits its field");
_Static_assert(sizeof(enum otlp_number_kind) == sizeof(int32_t), "a choice fits its field");
_Static_assert(sizeof(enum otlp_metric_kind) == sizeof(int32_t), "a choice fits its field");

/* ---- attributes: AnyValue and KeyValue contain each other ---- */

const struct otlp_message otlp_key_value_message = {
    .size = sizeof(struct otlp_attribute),
    .limit = OTLP_LIMIT_ATTRIBUTES,
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_STRING, "key", otlp_attribute, key),
            [2] = MESSAGE("value", otlp_attribute, value, otlp_any_value_message),
        },
};

static const struct otlp_message array_value_message = {
    .size = sizeof(struct otlp_values),
    .fields = {[1] = MESSAGES("values", otlp_values, v, n, otlp_any_value_message)},
};

static const struct otlp_message key_value_list_message = {
    .size = sizeof(struct otlp_attributes),
    .fields = {[1] = MESSAGES("values", otlp_attributes, v, n, otlp_key_value_message)},
};

const struct otlp_message otlp_any_value_message = {
    .size = sizeof(struct otlp_value),
    .fields =
        {
            [1] =
                CHOICE(OTLP_FIELD_STRING, "string_value", otlp_value, str, kind, OTLP_VALUE_STRING),
            [2] = CHOICE(OTLP_FIELD_BOOL, "bool_value", otlp_value, boolean, kind, OTLP_VALUE_BOOL),
            [3] = CHOICE(OTLP_FIELD_INT64, "int_value", otlp_value, i64, kind, OTLP_VALUE_INT),
            [4] =
                CHOICE(OTLP_FIELD_DOUBLE, "double_value", otlp_value, f64, kind, OTLP_VALUE_DOUBLE),
            [5] = CHOICE_MESSAGE("array_value", otlp_value, array, kind, OTLP_VALUE_ARRAY,
                                 array_value_message),
            [6] = CHOICE_MESSAGE("kvlist_value", otlp_value, map, kind, OTLP_VALUE_MAP,
                                 key_value_list_message),
            [7] = CHOICE(OTLP_FIELD_BYTES, "bytes_value", otlp_value, str, kind, OTLP_VALUE_BYTES),
        },
};

/* ---- data points ---- */

static const struct otlp_message exemplar_message = {
    .size = sizeof(struct otlp_exemplar),
    .fields =
        {
            [2] = SCALAR(OTLP_FIELD_FIXED64, "time_unix_nano", otlp_exemplar, time_unix_ns),
            [3] = SCALAR(OTLP_FIELD_DOUBLE, "as_double", otlp_exemplar, value),
            [4] = SCALAR(OTLP_FIELD_ID, "span_id", otlp_exemplar, span_id),
            [5] = SCALAR(OTLP_FIELD_ID, "trace_id", otlp_exemplar, trace_id),
            [6] = SCALAR(OTLP_FIELD_FIXED64_F64, "as_int", otlp_exemplar, value),
            [7] = ATTRIBUTES("filtered_attributes", otlp_exemplar, attributes),
        },
};

#define POINT_START(type)                                                                          \
    SCALAR(OTLP_FIELD_FIXED64, "start_time_unix_nano", type, point.start_time_unix_ns)
#define POINT_TIME(type) SCALAR(OTLP_FIELD_FIXED64, "time_unix_nano", type, point.time_unix_ns)
#define POINT_FLAGS(type) SCALAR(OTLP_FIELD_UINT32, "flags", type, point.flags)
#define POINT_ATTRIBUTES(type)                                                                     \
    {                                                                                              \
        .name = "attributes", .kind = OTLP_FIELD_MESSAGES,                                         \
        .offset = offsetof(struct type, point.attributes.v),                                       \
        .aux = offsetof(struct type, point.attributes.n), .message = &otlp_key_value_message,      \
        .sent = offsetof(struct type, point.sent)                                                  \
    }
#define POINT_EXEMPLARS(type) MESSAGES("exemplars", type, exemplars, n_exemplars, exemplar_message)

static const struct otlp_message number_point_message = {
    .size = sizeof(struct otlp_number_point),
    .limit = OTLP_LIMIT_POINTS,
    .usual = otlp_usual_number_point,
    .fields =
        {
            [2] = POINT_START(otlp_number_point),
            [3] = POINT_TIME(otlp_number_point),
            [4] = CHOICE(OTLP_FIELD_DOUBLE, "as_double", otlp_number_point, f64, kind,
                         OTLP_NUMBER_DOUBLE),
            [5] = POINT_EXEMPLARS(otlp_number_point),
            [6] =
                CHOICE(OTLP_FIELD_FIXED64, "as_int", otlp_number_point, i64, kind, OTLP_NUMBER_INT),
            [7] = POINT_ATTRIBUTES(otlp_number_point),
            [8] = POINT_FLAGS(otlp_number_point),
        },
};

#define OPTIONAL(name_, type) WITH(OTLP_FIELD_OPTIONAL_DOUBLE, #name_, type, name_, has_##name_)

static const struct otlp_message histogram_point_message = {
    .size = sizeof(struct otlp_histogram_point),
    .limit = OTLP_LIMIT_POINTS,
    .usual = otlp_usual_histogram_point,
    .fields =
        {
            [2] = POINT_START(otlp_histogram_point),
            [3] = POINT_TIME(otlp_histogram_point),
            [4] = SCALAR(OTLP_FIELD_FIXED64, "count", otlp_histogram_point, count),
            [5] = OPTIONAL(sum, otlp_histogram_point),
            [6] = WITH(OTLP_FIELD_FIXED64S, "bucket_counts", otlp_histogram_point, bucket_counts,
                       n_bucket_counts),
            [7] = WITH(OTLP_FIELD_DOUBLES, "explicit_bounds", otlp_histogram_point, explicit_bounds,
                       n_explicit_bounds),
            [8] = POINT_EXEMPLARS(otlp_histogram_point),
            [9] = POINT_ATTRIBUTES(otlp_histogram_point),
            [10] = POINT_FLAGS(otlp_histogram_point),
            [11] = OPTIONAL(min, otlp_histogram_point),
            [12] = OPTIONAL(max, otlp_histogram_point),
        },
};

static const struct otlp_message buckets_message = {
    .size = sizeof(struct otlp_buckets),
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_SINT32, "offset", otlp_buckets, offset),
            [2] = WITH(OTLP_FIELD_UINT64S, "bucket_counts", otlp_buckets, counts, n),
        },
};

static const struct otlp_message exponential_point_message = {
    .size = sizeof(struct otlp_exponential_point),
    .limit = OTLP_LIMIT_POINTS,
    .fields =
        {
            [1] = POINT_ATTRIBUTES(otlp_exponential_point),
            [2] = POINT_START(otlp_exponential_point),
            [3] = POINT_TIME(otlp_exponential_point),
            [4] = SCALAR(OTLP_FIELD_FIXED64, "count", otlp_exponential_point, count),
            [5] = OPTIONAL(sum, otlp_exponential_point),
            [6] = SCALAR(OTLP_FIELD_SINT32, "scale", otlp_exponential_point, scale),
            [7] = SCALAR(OTLP_FIELD_FIXED64, "zero_count", otlp_exponential_point, zero_count),
            [8] = MESSAGE("positive", otlp_exponential_point, positive, buckets_message),
            [9] = MESSAGE("negative", otlp_exponential_point, negative, buckets_message),
            [10] = POINT_FLAGS(otlp_exponential_point),
            [11] = POINT_EXEMPLARS(otlp_exponential_point),
            [12] = OPTIONAL(min, otlp_exponential_point),
            [13] = OPTIONAL(max, otlp_exponential_point),
            [14] =
                SCALAR(OTLP_FIELD_DOUBLE, "zero_threshold", otlp_exponential_point, zero_threshold),
        },
};

static const struct otlp_message quantile_message = {
    .size = sizeof(struct otlp_quantile),
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_DOUBLE, "quantile", otlp_quantile, quantile),
            [2] = SCALAR(OTLP_FIELD_DOUBLE, "value", otlp_quantile, value),
        },
};

static const struct otlp_message summary_point_message = {
    .size = sizeof(struct otlp_summary_point),
    .limit = OTLP_LIMIT_POINTS,
    .fields =
        {
            [2] = POINT_START(otlp_summary_point),
            [3] = POINT_TIME(otlp_summary_point),
            [4] = SCALAR(OTLP_FIELD_FIXED64, "count", otlp_summary_point, count),
            [5] = SCALAR(OTLP_FIELD_DOUBLE, "sum", otlp_summary_point, sum),
            [6] = MESSAGES("quantile_values", otlp_summary_point, quantiles, n_quantiles,
                           quantile_message),
            [7] = POINT_ATTRIBUTES(otlp_summary_point),
            [8] = POINT_FLAGS(otlp_summary_point),
        },
};

#define ANY_POINT_ATTRIBUTES ATTRIBUTES("attributes", otlp_point, attributes)

const struct otlp_message otlp_point_attributes_message = {
    .size = sizeof(struct otlp_point),
    .fields = {[1] = ANY_POINT_ATTRIBUTES, [7] = ANY_POINT_ATTRIBUTES, [9] = ANY_POINT_ATTRIBUTES},
};

/* ---- metrics ---- */

#define POINTS(member, message_) MESSAGES("data_points", otlp_data, member, n_points, message_)
#define TEMPORALITY SCALAR(OTLP_FIELD_ENUM, "aggregation_temporality", otlp_data, temporality)

static const struct otlp_message gauge_message = {
    .size = sizeof(struct otlp_data),
    .fields = {[1] = POINTS(numbers, number_point_message)},
};

static const struct otlp_message sum_message = {
    .size = sizeof(struct otlp_data),
    .fields =
        {
            [1] = POINTS(numbers, number_point_message),
            [2] = TEMPORALITY,
            [3] = SCALAR(OTLP_FIELD_BOOL, "is_monotonic", otlp_data, monotonic),
        },
};

static const struct otlp_message histogram_message = {
    .size = sizeof(struct otlp_data),
    .fields = {[1] = POINTS(histograms, histogram_point_message), [2] = TEMPORALITY},
};

static const struct otlp_message exponential_message = {
    .size = sizeof(struct otlp_data),
    .fields = {[1] = POINTS(exponentials, exponential_point_message), [2] = TEMPORALITY},
};

static const struct otlp_message summary_message = {
    .size = sizeof(struct otlp_data),
    .fields = {[1] = POINTS(summaries, summary_point_message)},
};

#define DATA(name_, choice_, message_)                                                             \
    CHOICE_MESSAGE(name_, otlp_metric, data, kind, choice_, message_)

static const struct otlp_message metric_message = {
    .size = sizeof(struct otlp_metric),
    .usual = otlp_usual_metric,
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_STRING, "name", otlp_metric, name),
            [2] = SCALAR(OTLP_FIELD_STRING, "description", otlp_metric, description),
            [3] = SCALAR(OTLP_FIELD_STRING, "unit", otlp_metric, unit),
            [5] = DATA("gauge", OTLP_GAUGE, gauge_message),
            [7] = DATA("sum", OTLP_SUM, sum_message),
            [9] = DATA("histogram", OTLP_HISTOGRAM, histogram_message),
            [10] = DATA("exponential_histogram", OTLP_EXPONENTIAL_HISTOGRAM, exponential_message),
            [11] = DATA("summary", OTLP_SUMMARY, summary_message),
        },
};

/* ---- scopes, resources, the request ---- */

const struct otlp_message otlp_scope_message = {
    .size = sizeof(struct otlp_scope),
    .fields =
        {
            [1] = SCALAR(OTLP_FIELD_STRING, "name", otlp_scope, name),
            [2] = SCALAR(OTLP_FIELD_STRING, "version", otlp_scope, version),
            [3] = ATTRIBUTES("attributes", otlp_scope, attributes),
            [4] = SCALAR(OTLP_FIELD_UINT32, "dropped_attributes_count", otlp_scope, dropped),
        },
};

static const struct otlp_message scope_metrics_message = {
    .size = sizeof(struct otlp_scope_metrics),
    .fields =
        {
            [1] =
                MESSAGE_AS_SENT("scope", otlp_scope_metrics, scope, otlp_scope_message, scope.sent),
            [2] = MESSAGES("metrics", otlp_scope_metrics, metrics, n_metrics, metric_message),
            [3] = SCALAR(OTLP_FIELD_STRING, "schema_url", otlp_scope_metrics, schema_url),
        },
};

const struct otlp_message otlp_resource_message = {
    .size = sizeof(struct otlp_resource),
    .fields =
        {
            [1] = ATTRIBUTES("attributes", otlp_resource, attributes),
            [2] = SCALAR(OTLP_FIELD_UINT32, "dropped_attributes_count", otlp_resource, dropped),
        },
};

static const struct otlp_message resource_metrics_message = {
    .size = sizeof(struct otlp_resource_metrics),
    .fields =
        {
            [1] = MESSAGE_AS_SENT("resource", otlp_resource_metrics, resource,
                                  otlp_resource_message, resource.sent),
            [2] = MESSAGES("scope_metrics", otlp_resource_metrics, scopes, n_scopes,
                           scope_metrics_message),
            [3] = SCALAR(OTLP_FIELD_STRING, "schema_url", otlp_resource_metrics, schema_url),
        },
};

const struct otlp_message otlp_request_message = {
    .size = sizeof(struct otlp_request),
    .fields = {[1] = MESSAGES("resource_metrics", otlp_request, resources, n_resources,
                              resource_metrics_message)},
};

/* ---- the decoders' state ---- */

enum {
    MAX_POINTS = 1000000,
    MAX_ATTRIBUTES = 1024,
    MAX_DEPTH = 32,
};

void otlp_decoder_init(struct otlp_decoder *d, const struct otlp_limits *limits,
                       struct arena *arena, struct err *err)
{
    *d = (struct otlp_decoder){.arena = arena, .err = err};
    if (limits)
        d->limits = *limits;
    if (d->limits.max_points == 0)
        d->limits.max_points = MAX_POINTS;
    if (d->limits.max_attributes == 0)
        d->limits.max_attributes = MAX_ATTRIBUTES;
    if (d->limits.max_depth == 0)
        d->limits.max_depth = MAX_DEPTH;
}

int otlp_enter(struct otlp_decoder *d, const struct otlp_field *field)
{
    if (field->message != &otlp_any_value_message)
        return 0;
    if (d->values > d->limits.max_depth)
        return err_set(d->err, ERR_TOO_BIG, "%s: values are nested deeper than %u levels",
                       field->name, d->limits.max_depth);
    d->values++;
    return 0;
}

void otlp_leave(struct otlp_decoder *d, const struct otlp_field *field)
{
    d->values -= field->message == &otlp_any_value_message;
}

int otlp_check_limit(struct otlp_decoder *d, const struct otlp_field *field, size_t n, size_t more)
{
    if (field->message->limit == OTLP_LIMIT_ATTRIBUTES && n > d->limits.max_attributes)
        return err_set(d->err, ERR_TOO_BIG, "%s: %zu of them or more; expected at most %zu",
                       field->name, n, d->limits.max_attributes);
    if (field->message->limit != OTLP_LIMIT_POINTS)
        return 0;
    d->n_points += more;
    if (d->n_points > d->limits.max_points)
        return err_set(d->err, ERR_TOO_BIG,
                       "%s: the request has %zu of them or more; expected at most %zu", field->name,
                       d->n_points, d->limits.max_points);
    return 0;
}

int otlp_no_memory(struct otlp_decoder *d, const char *field)
{
    return err_set(d->err, ERR_NOMEM, "%s: the request needs more than %zu bytes of memory", field,
                   d->arena->budget);
}
