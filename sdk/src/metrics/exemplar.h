/* Exemplars: some of the values, with the span in which they were measured.
 *
 * A series gets its reservoir with its first exemplar. A recorder that finds it in use goes on
 * without: exemplars are samples, and recording does not wait. They stay until others take their
 * place; a reader that wants new ones only goes by their time. */
#ifndef TELLTALE_METRICS_EXEMPLAR_H
#define TELLTALE_METRICS_EXEMPLAR_H

#include "metrics/aside.h"

struct exemplar {
    int64_t unix_ns;  /* 0: empty */
    uint32_t offered; /* values of its bucket since the last collection */
    bool is_double, traced;
    union {
        int64_t integer;
        double number;
    };
    uint8_t trace_id[16], span_id[8];
    struct attr_set *dropped; /* owned; attributes that the series has not, or NULL */
};

struct reservoir {
    atomic_bool busy; /* guards all else */
    bool aligned;     /* a slot for each bucket */
    /* In place of slots, what keeps them and its functions, or NULL: */
    void *own;
    const tt_reservoir *type;
    uint32_t size, offered;
    struct exemplar slots[];
};

/* A value that was just recorded. */
void exemplar_offer(struct series *s, const struct measurement *m);

/* Calls `visit` with each exemplar, by slot, that is younger than `after_ns`, and begins to choose
 * anew. */
void exemplars_each(struct series *s, int64_t after_ns,
                    void (*visit)(const struct exemplar *e, void *arg), void *arg);

/* The same with one of an explicit bucket, if there is one; of other series, any. */
void exemplar_of_bucket(struct series *s, size_t bucket,
                        void (*visit)(const struct exemplar *e, void *arg), void *arg);

/* NULL is fine for all of these. _restart: in a child after fork(), where whoever held it is not.
 */
void exemplars_clear(struct reservoir *r);
void exemplars_restart(struct reservoir *r);
void exemplars_free(struct reservoir *r);

#endif
