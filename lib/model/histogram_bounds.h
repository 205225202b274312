/* The bounds of exponential buckets within an octave. Private to the model. */
#ifndef TELLTALE_MODEL_HISTOGRAM_BOUNDS_H
#define TELLTALE_MODEL_HISTOGRAM_BOUNDS_H

enum { HISTOGRAM_FRACTIONS_SCHEMA = 8, HISTOGRAM_FRACTIONS = 1 << HISTOGRAM_FRACTIONS_SCHEMA };

/* 2^(i/256) / 2, as others have it who tell bounds in their texts. */
extern const double histogram_fractions[HISTOGRAM_FRACTIONS];

#endif
