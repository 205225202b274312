#include "crash_lives.h"

/* How many of the work's batches were tried, and which of them were acknowledged. */
struct life {
    struct harness h;
    bool acknowledged[CRASH_BATCHES_MAX];
    int tried;
};

static void life_begin(struct life *life)
{
    *life = (struct life){0};
    harness_init(&life->h);
    life->h.options.durability = STORE_DURABILITY_DISK;
}

/* Appends, flushes, merges and reopens until the power goes. */
static void live(struct life *life, const struct crash_work *work)
{
    int i = 0;
    for (; i < work->batches && !crash_fs_has_lost_power(life->h.disk); i++) {
        life->acknowledged[i] = work->append(&life->h, i) == 0;
        work->upkeep(&life->h, i);
    }
    life->tried = i;
}

static void check(struct life *life, const struct crash_work *work)
{
    int rows[CRASH_BATCHES_MAX] = {0};
    work->count(&life->h, rows, life->tried);
    for (int i = 0; i < life->tried; i++) {
        if (life->acknowledged[i])
            assert_int_equal(rows[i], work->batch_rows);
        else
            assert_true(rows[i] == 0 || rows[i] == work->batch_rows);
    }
}

/* One more batch, whole, and what was there before. */
static void check_that_it_goes_on(struct life *life, const struct crash_work *work)
{
    int rows[CRASH_BATCHES_MAX] = {0};
    assert_int_equal(work->append(&life->h, work->batches), 0);
    work->count(&life->h, rows, work->batches + 1);
    assert_int_equal(rows[work->batches], work->batch_rows);
    harness_reopen(&life->h);
    check(life, work);
}

/* One life that ends at operation `at`; false when the work was done before. */
static bool crash_at(const struct crash_work *work, uint64_t at, uint64_t seed)
{
    struct life life;
    life_begin(&life);
    crash_fs_free(life.h.disk);
    life.h.disk = crash_fs_new(seed);
    life.h.options.fs = crash_fs_vtable(life.h.disk);
    (void)harness_open(&life.h);
    crash_fs_lose_power_at(life.h.disk, at);
    live(&life, work);
    bool lost = crash_fs_has_lost_power(life.h.disk);
    harness_power_loss(&life.h);
    check(&life, work);
    check_that_it_goes_on(&life, work);
    harness_done(&life.h);
    return lost;
}

void crash_at_any_operation(const struct crash_work *work, uint64_t operations_min)
{
    uint64_t at = 0;
    while (crash_at(work, at, at + 1))
        at++;
    assert_true(at >= operations_min);
}

/* Opens, replays and flushes as far as the power lasts. */
static void try_to_recover(struct harness *h)
{
    struct err err = {0};
    h->store = NULL;
    if (store_open(&h->options, &h->store, &err) != 0)
        return;
    if (store_replay(h->store, NULL, &err) == 0)
        (void)store_flush(h->store, &err);
    store_abandon(h->store);
}

void crash_during_recovery(const struct crash_work *work, uint64_t first, uint64_t lives)
{
    for (uint64_t at = 0; at < lives; at++) {
        struct life life;
        life_begin(&life);
        (void)harness_open(&life.h);
        crash_fs_lose_power_at(life.h.disk, first);
        live(&life, work);
        store_abandon(life.h.store);
        crash_fs_reboot(life.h.disk);
        crash_fs_lose_power_at(life.h.disk, at);
        try_to_recover(&life.h);
        crash_fs_reboot(life.h.disk);
        (void)harness_open(&life.h);
        check(&life, work);
        harness_done(&life.h);
    }
}

void crash_of_the_process(const struct crash_work *work)
{
    struct life life;
    life_begin(&life);
    life.h.options.durability = STORE_DURABILITY_PROCESS;
    (void)harness_open(&life.h);
    for (int i = 0; i < work->batches; i++) {
        assert_int_equal(work->append(&life.h, i), 0);
        life.acknowledged[i] = true;
        life.tried = i + 1;
        if (i % 4 == 0)
            harness_kill(&life.h);
        if (i % 7 == 6)
            assert_int_equal(store_flush(life.h.store, NULL), 0);
        check(&life, work);
    }
    harness_done(&life.h);
}
