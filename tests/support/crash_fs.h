/* A file system in memory that forgets what was not synced, as a machine does that loses power.
 *
 * Content and names are kept twice: as programs see them, and as they are on the platters. Syncing
 * a file copies its content over, syncing a directory the names in it. Power loss takes the second
 * copy, with part of what was written since (a piece of unsynced data may have reached the disk, or
 * arrive scrambled) chosen by the seed. Faults can be set for the n-th changing operation from now.
 *
 * Threads: any. */
#ifndef TELLTALE_TESTS_SUPPORT_CRASH_FS_H
#define TELLTALE_TESTS_SUPPORT_CRASH_FS_H

#include <stdint.h>

#include "base/fs.h"

struct crash_fs;

struct crash_fs *crash_fs_new(uint64_t seed);
void crash_fs_free(struct crash_fs *c);
const struct fs *crash_fs_vtable(struct crash_fs *c);

/* Changing operations so far (write, truncate, sync, rename, remove, make, …). */
uint64_t crash_fs_operations(const struct crash_fs *c);

/* The power goes at the n-th changing operation from now (0: the next): it and all after it fail
 * with EIO, until crash_fs_reboot. */
void crash_fs_lose_power_at(struct crash_fs *c, uint64_t n);
bool crash_fs_has_lost_power(const struct crash_fs *c);

/* Takes away what was not synced, and all handles and locks. Faults are cleared. */
void crash_fs_reboot(struct crash_fs *c);

/* The process dies, the machine does not: handles and locks go, all content stays. */
void crash_fs_kill_process(struct crash_fs *c);

/* Operations of one kind that fail with `reason` from now on, 0 to end it. */
void crash_fs_fail_writes(struct crash_fs *c, int reason);
void crash_fs_fail_syncs(struct crash_fs *c, int reason);
void crash_fs_fail_links(struct crash_fs *c, int reason);

/* Bytes of all files may not exceed this (ENOSPC); UINT64_MAX: no limit. */
void crash_fs_set_space(struct crash_fs *c, uint64_t bytes);
uint64_t crash_fs_used(const struct crash_fs *c);

/* Flips bits: XORs the byte at `at` of the file with `mask`, in both copies. False when there is no
 * such file or byte. */
bool crash_fs_damage(struct crash_fs *c, const char *path, uint64_t at, unsigned char mask);
bool crash_fs_cut(struct crash_fs *c, const char *path, uint64_t size);
uint64_t crash_fs_size(struct crash_fs *c, const char *path); /* 0 when there is none */

/* The i-th path that ends with `suffix`, or NULL; valid until the next change. */
const char *crash_fs_path(struct crash_fs *c, const char *suffix, size_t i);

#endif
