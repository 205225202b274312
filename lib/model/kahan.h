/* Compensated summation after Kahan, Babuška and Neumaier: `c` collects what the sum lost. The
 * result is sum + c, but for an infinite sum, which stays. */
#ifndef TELLTALE_MODEL_KAHAN_H
#define TELLTALE_MODEL_KAHAN_H

#include <math.h>

static inline void kahan_add(double x, double *sum, double *c)
{
    double t = *sum + x;
    if (isinf(t))
        *c = 0;
    else if (fabs(*sum) >= fabs(x))
        *c += (*sum - t) + x;
    else
        *c += (x - t) + *sum;
    *sum = t;
}

#endif
