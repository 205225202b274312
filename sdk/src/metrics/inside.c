#include "metrics/inside.h"

#include <string.h>

#include "core/problem.h"
#include "core/version.h"
#include "metrics/cell.h"

const tt_inside *tt_inside_of(const char *version)
{
    static const tt_inside inside = {
        .collect_begin = provider_collect_begin,
        .collect_end = provider_collect_end,
        .collected = provider_collected,
        .next_stream = provider_next_stream,
        .series = stream_series,
        .all_series = stream_all_series,
        .has_value = series_has_value,
        .read_begin = cell_read_begin,
        .read_end = cell_read_end,
        .read = point_read,
        .exemplars = exemplars_each,
        .exemplar_of_bucket = exemplar_of_bucket,
        .problem = problem,
    };
    return version && strcmp(version, TT_VERSION) == 0 ? &inside : NULL;
}
