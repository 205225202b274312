#include "store/embedded/wal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/thread.h"
#include "support/check.h"
#include "support/crash_fs.h"

enum { RECORDS = 20 };

struct fixture {
    struct crash_fs *disk;
    struct wal wal;
    size_t ends[RECORDS]; /* where each record ends in the segment */
};

static int append_text(struct wal *w, const char *text, struct wal_position *out)
{
    struct buf b = BUF_MAX(1 << 20);
    wal_record_begin(&b);
    buf_puts(&b, text);
    int rc = wal_append(w, &b, out, NULL);
    buf_done(&b);
    return rc;
}

static void open_log(struct fixture *f, bool durable)
{
    f->disk = crash_fs_new(7);
    const struct fs *fs = crash_fs_vtable(f->disk);
    assert_int_equal(fs_make_dir(fs, "root/wal", NULL), 0);
    assert_int_equal(fs_sync_dir(fs, "root", NULL), 0);
    wal_init(&f->wal, fs, "root/wal", durable, 1);
    assert_int_equal(wal_prepare(&f->wal, NULL), 0);
    assert_int_equal(wal_rotate(&f->wal, NULL), 0);
}

static void write_records(struct fixture *f)
{
    for (int i = 0; i < RECORDS; i++) {
        char text[64];
        struct wal_position p;
        (void)snprintf(text, sizeof text, "record %d %.*s", i, i, "xxxxxxxxxxxxxxxxxxxxxxxxxxx");
        assert_int_equal(append_text(&f->wal, text, &p), 0);
        f->ends[i] = (size_t)p.end;
    }
}

static void close_log(struct fixture *f)
{
    wal_done(&f->wal);
    crash_fs_free(f->disk);
}

/* A payload ends with no zero. */
static int number_of(struct str text)
{
    int i = -1;
    char head[WAL_GLANCE + 1] = "";
    memcpy(head, text.p, MIN(text.n, (size_t)WAL_GLANCE));
    assert_int_equal(sscanf(head, "record %d", &i), 1);
    return i;
}

/* Notes which records came. */
static int note(void *arg, struct str payload, uint64_t at)
{
    (void)at;
    bool *seen = arg;
    int i = number_of(payload);
    assert_true(i >= 0 && i < RECORDS && !seen[i]);
    seen[i] = true;
    return 0;
}

static struct wal_replay replay(struct fixture *f, uint32_t segment, bool seen[RECORDS])
{
    struct wal_replay got;
    memset(seen, 0, RECORDS * sizeof *seen);
    const struct fs *fs = crash_fs_vtable(f->disk);
    assert_int_equal(wal_replay_segment(fs, "root/wal", segment, note, seen, &got, NULL), 0);
    return got;
}

static size_t count(const bool seen[RECORDS])
{
    size_t n = 0;
    for (int i = 0; i < RECORDS; i++)
        n += seen[i];
    return n;
}

static void test_wal_replays_what_was_appended_in_order(void **state)
{
    (void)state;
    struct fixture f;
    bool seen[RECORDS];
    open_log(&f, false);
    write_records(&f);
    struct wal_replay got = replay(&f, 1, seen);
    assert_int_equal(got.records, RECORDS);
    assert_int_equal(count(seen), RECORDS);
    assert_false(got.torn || got.damaged || got.bad_header);
    close_log(&f);
}

/* Those that were asked for, and those that were read. */
struct passing {
    bool pass[RECORDS], seen[RECORDS];
};

static bool pass(void *arg, struct str head, uint64_t at)
{
    (void)at;
    const struct passing *p = arg;
    assert_true(head.n <= WAL_GLANCE);
    return p->pass[number_of(head)];
}

static int note_read(void *arg, struct str payload, uint64_t at)
{
    struct passing *p = arg;
    return note(p->seen, payload, at);
}

static struct wal_replay read_some(struct fixture *f, struct passing *p, uint64_t upto)
{
    const struct wal_reader reader = {.arg = p, .each = note_read, .pass = pass, .upto = upto};
    struct wal_replay got;
    const struct fs *fs = crash_fs_vtable(f->disk);
    assert_int_equal(wal_read_segment(fs, "root/wal", 1, &reader, &got, NULL), 0);
    return got;
}

static void test_wal_records_can_be_passed_over(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, false);
    write_records(&f);
    for (unsigned from = 0; from < RECORDS; from++) {
        struct passing p = {0};
        for (unsigned i = from; i < RECORDS; i += 3)
            p.pass[i] = true;
        struct wal_replay got = read_some(&f, &p, 0);
        assert_false(got.torn || got.damaged || got.bad_header);
        for (unsigned i = 0; i < RECORDS; i++)
            assert_int_equal(p.seen[i], !p.pass[i]);
    }
    close_log(&f);
}

/* Only where the next one begins behind it is a record passed over. */
static void test_wal_a_record_before_damage_is_read(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, false);
    write_records(&f);
    assert_true(crash_fs_damage(f.disk, "root/wal/00000001.wal", f.ends[4], 1));
    struct passing p;
    memset(p.pass, true, sizeof p.pass);
    memset(p.seen, false, sizeof p.seen);
    struct wal_replay got = read_some(&f, &p, 0);
    assert_int_equal(got.damaged, 1);
    assert_int_equal(count(p.seen), 1);
    assert_true(p.seen[4]);
    close_log(&f);
}

static void test_wal_can_be_read_up_to_a_record(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, false);
    write_records(&f);
    for (unsigned n = 0; n < RECORDS; n++) {
        struct passing p = {0};
        struct wal_replay got = read_some(&f, &p, n ? f.ends[n - 1] : WAL_SEGMENT_HEADER);
        assert_false(got.torn || got.damaged || got.bad_header);
        assert_int_equal(count(p.seen), n);
    }
    close_log(&f);
}

static void test_wal_replay_stops_at_torn_record(void **state)
{
    (void)state;
    struct fixture f;
    bool seen[RECORDS];
    open_log(&f, false);
    write_records(&f);
    for (size_t size = f.ends[RECORDS - 1]; size-- > WAL_SEGMENT_HEADER;) {
        assert_true(crash_fs_cut(f.disk, "root/wal/00000001.wal", size));
        struct wal_replay got = replay(&f, 1, seen);
        size_t whole = 0;
        while (whole < RECORDS && f.ends[whole] <= size)
            whole++;
        assert_int_equal(got.records, whole);
        assert_int_equal(count(seen), whole);
        bool clean = size == (whole ? f.ends[whole - 1] : WAL_SEGMENT_HEADER);
        assert_int_equal(got.torn, !clean);
        assert_int_equal(got.damaged, 0);
    }
    close_log(&f);
}

static void test_wal_replay_skips_a_damaged_record_and_goes_on(void **state)
{
    (void)state;
    struct fixture f;
    bool seen[RECORDS];
    open_log(&f, false);
    write_records(&f);
    for (size_t at = WAL_SEGMENT_HEADER; at < f.ends[RECORDS - 1]; at++) {
        assert_true(crash_fs_damage(f.disk, "root/wal/00000001.wal", at, 0x41));
        struct wal_replay got = replay(&f, 1, seen);
        size_t hit = 0;
        while (f.ends[hit] <= at)
            hit++;
        assert_false(seen[hit]);
        assert_int_equal(count(seen), RECORDS - 1);
        assert_int_equal(got.damaged, hit + 1 < RECORDS);
        assert_int_equal(got.torn, hit + 1 == RECORDS); // damage at the end looks like a torn write
        assert_true(got.dropped_bytes > 0);
        assert_true(crash_fs_damage(f.disk, "root/wal/00000001.wal", at, 0x41)); // mend it
    }
    close_log(&f);
}

static void test_wal_replay_refuses_a_damaged_header(void **state)
{
    (void)state;
    struct fixture f;
    bool seen[RECORDS];
    open_log(&f, false);
    write_records(&f);
    for (size_t at = 0; at < WAL_SEGMENT_HEADER; at++) {
        assert_true(crash_fs_damage(f.disk, "root/wal/00000001.wal", at, 1));
        struct wal_replay got = replay(&f, 1, seen);
        assert_true(got.bad_header);
        assert_int_equal(count(seen), 0);
        assert_true(crash_fs_damage(f.disk, "root/wal/00000001.wal", at, 1));
    }
    close_log(&f);
}

static void test_a_record_inside_a_record_is_not_taken_for_one(void **state)
{
    (void)state;
    struct fixture f;
    open_log(&f, false);
    /* A client that has seen a log writes one as a label value: another nonce, so no match. */
    struct fixture other;
    open_log(&other, false);
    struct wal_position p;
    assert_int_equal(append_text(&other.wal, "record 3", &p), 0);
    char *bytes = NULL;
    size_t n = 0;
    assert_int_equal(fs_read_all(crash_fs_vtable(other.disk), "root/wal/00000001.wal", 1 << 20,
                                 &bytes, &n, NULL),
                     0);
    struct buf b = BUF_MAX(1 << 20);
    wal_record_begin(&b);
    buf_puts(&b, "record 1 ");
    buf_put(&b, bytes + WAL_SEGMENT_HEADER, n - WAL_SEGMENT_HEADER);
    assert_int_equal(wal_append(&f.wal, &b, &p, NULL), 0);
    assert_int_equal(append_text(&f.wal, "record 2", &p), 0);
    assert_true(crash_fs_damage(f.disk, "root/wal/00000001.wal", WAL_SEGMENT_HEADER, 1));
    bool seen[RECORDS];
    struct wal_replay got = replay(&f, 1, seen);
    assert_int_equal(got.records, 1);
    assert_true(seen[2]);
    buf_done(&b);
    free(bytes);
    close_log(&other);
    close_log(&f);
}

static void test_wal_cuts_a_half_written_record_off(void **state)
{
    (void)state;
    struct fixture f;
    bool seen[RECORDS];
    struct wal_position p;
    struct wal_state log;
    open_log(&f, false);
    assert_int_equal(append_text(&f.wal, "record 0", &p), 0);
    crash_fs_set_space(f.disk, crash_fs_used(f.disk) + 9);
    assert_int_equal(append_text(&f.wal, "record 1", &p), ERR_BUSY);
    assert_int_equal(crash_fs_size(f.disk, "root/wal/00000001.wal"), p.end);
    wal_get_state(&f.wal, &log);
    assert_true(log.full);
    crash_fs_set_space(f.disk, UINT64_MAX);
    assert_int_equal(append_text(&f.wal, "record 2", &p), 0);
    wal_get_state(&f.wal, &log);
    assert_false(log.full);
    struct wal_replay got = replay(&f, 1, seen);
    assert_int_equal(got.records, 2);
    assert_true(seen[0] && seen[2] && !got.torn);
    close_log(&f);
}

static void test_wal_is_read_only_after_a_failed_write_until_rotated(void **state)
{
    (void)state;
    struct fixture f;
    struct wal_position p;
    open_log(&f, false);
    crash_fs_fail_writes(f.disk, EIO);
    assert_int_equal(append_text(&f.wal, "record 0", &p), ERR_IO);
    crash_fs_fail_writes(f.disk, 0);
    assert_int_equal(append_text(&f.wal, "record 0", &p), ERR_IO);
    assert_int_equal(wal_prepare(&f.wal, NULL), 0);
    assert_int_equal(wal_rotate(&f.wal, NULL), 0);
    assert_int_equal(append_text(&f.wal, "record 0", &p), 0);
    assert_int_equal(p.segment, 2);
    close_log(&f);
}

static void test_a_sync_that_failed_is_not_forgotten_by_rotation(void **state)
{
    (void)state;
    struct fixture f;
    struct wal_position p;
    open_log(&f, true);
    assert_int_equal(append_text(&f.wal, "record 0", &p), 0);
    crash_fs_fail_syncs(f.disk, EIO);
    assert_int_equal(wal_sync(&f.wal, p, NULL), ERR_IO);
    crash_fs_fail_syncs(f.disk, 0);
    assert_int_equal(wal_prepare(&f.wal, NULL), 0);
    assert_int_equal(wal_rotate(&f.wal, NULL), 0);
    assert_int_equal(wal_sync(&f.wal, p, NULL), ERR_IO);
    close_log(&f);
}

static void test_rotation_syncs_for_those_who_wait(void **state)
{
    (void)state;
    struct fixture f;
    struct wal_position p;
    bool seen[RECORDS];
    open_log(&f, true);
    assert_int_equal(append_text(&f.wal, "record 0", &p), 0);
    assert_int_equal(wal_prepare(&f.wal, NULL), 0);
    assert_int_equal(wal_rotate(&f.wal, NULL), 0);
    assert_int_equal(wal_sync(&f.wal, p, NULL), 0);
    wal_done(&f.wal);
    crash_fs_reboot(f.disk);
    assert_int_equal(replay(&f, 1, seen).records, 1);
    crash_fs_free(f.disk);
}

static void test_segments_are_removed_up_to_a_number(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t *v = NULL;
    size_t n = 0;
    open_log(&f, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wal_prepare(&f.wal, NULL), 0);
        assert_int_equal(wal_rotate(&f.wal, NULL), 0);
    }
    assert_int_equal(wal_remove_before(&f.wal, 3, NULL), 0);
    assert_int_equal(wal_list(crash_fs_vtable(f.disk), "root/wal", &v, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(v[0], 3);
    assert_int_equal(v[1], 4);
    free(v);
    close_log(&f);
}

/* --- many threads, one sync ------------------------------------------------------------------- */

struct appender {
    struct wal *wal;
    struct thread thread;
    bool ok;
};

static void append_and_sync(void *arg)
{
    struct appender *a = arg;
    a->ok = true;
    for (int i = 0; i < 200; i++) {
        struct wal_position p;
        a->ok &= append_text(a->wal, "record 1", &p) == 0 && wal_sync(a->wal, p, NULL) == 0;
    }
}

static int count_record(void *arg, struct str payload, uint64_t at)
{
    (void)payload, (void)at;
    ++*(size_t *)arg;
    return 0;
}

static void test_concurrent_appends_share_syncs_and_all_survive(void **state)
{
    (void)state;
    struct fixture f;
    struct appender v[4] = {0};
    open_log(&f, true);
    for (int i = 0; i < 4; i++) {
        v[i].wal = &f.wal;
        assert_int_equal(thread_start(&v[i].thread, "append", append_and_sync, &v[i], NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        thread_join(&v[i].thread);
        assert_true(v[i].ok);
    }
    wal_done(&f.wal);
    crash_fs_reboot(f.disk);
    size_t n = 0;
    struct wal_replay got;
    assert_int_equal(
        wal_replay_segment(crash_fs_vtable(f.disk), "root/wal", 1, count_record, &n, &got, NULL),
        0);
    assert_int_equal(n, 800);
    crash_fs_free(f.disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wal_replays_what_was_appended_in_order),
        cmocka_unit_test(test_wal_records_can_be_passed_over),
        cmocka_unit_test(test_wal_a_record_before_damage_is_read),
        cmocka_unit_test(test_wal_can_be_read_up_to_a_record),
        cmocka_unit_test(test_wal_replay_stops_at_torn_record),
        cmocka_unit_test(test_wal_replay_skips_a_damaged_record_and_goes_on),
        cmocka_unit_test(test_wal_replay_refuses_a_damaged_header),
        cmocka_unit_test(test_a_record_inside_a_record_is_not_taken_for_one),
        cmocka_unit_test(test_wal_cuts_a_half_written_record_off),
        cmocka_unit_test(test_wal_is_read_only_after_a_failed_write_until_rotated),
        cmocka_unit_test(test_a_sync_that_failed_is_not_forgotten_by_rotation),
        cmocka_unit_test(test_rotation_syncs_for_those_who_wait),
        cmocka_unit_test(test_segments_are_removed_up_to_a_number),
        cmocka_unit_test(test_concurrent_appends_share_syncs_and_all_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
