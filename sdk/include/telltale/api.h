/* What every public header of libtelltale starts with: linkage, and the outcomes of its calls.
 *
 * Manners of the whole library:
 * - A NULL handle is a valid one that does nothing. Whatever fails to be created is NULL, so a
 *   program never has to check; those that want to know ask tt_problem_count().
 * - Nothing here aborts, exits, or writes to the program's own output.
 * - Unless a function says otherwise, any thread may call it at any time. */
#ifndef TELLTALE_API_H
#define TELLTALE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define TT_API __attribute__((visibility("default")))
#else
#define TT_API
#endif

#ifdef __cplusplus
#define TT_BEGIN extern "C" {
#define TT_END }
#else
#define TT_BEGIN
#define TT_END
#endif

/* Declares options that are all zeros but for their size, in C++ without its warnings of what is
 * left out of {.size = …}, too: TT_OPTIONS(tt_init_options, o); o.service_name = "shop"; */
#ifdef __cplusplus
#define TT_OPTIONS(type_, name_)                                                                   \
    type_ name_ = {};                                                                              \
    name_.size = sizeof(name_)
#else
#define TT_OPTIONS(type_, name_) type_ name_ = {.size = sizeof(type_)}
#endif

TT_BEGIN

enum tt_status {
    TT_OK = 0,
    TT_ERR_INVALID = -1,  /* an argument is out of its range */
    TT_ERR_NOMEM = -2,    /* out of memory; nothing changed */
    TT_ERR_SPACE = -3,    /* the caller's buffer is too small */
    TT_ERR_LIMIT = -4,    /* a limit of the library was reached */
    TT_ERR_TIMEOUT = -5,  /* the deadline passed */
    TT_ERR_SHUTDOWN = -6, /* after shutdown */
    TT_ERR_IO = -7        /* the system or a peer failed */
};

/* English text of a status; never NULL. */
TT_API const char *tt_status_text(int status);

/* What went wrong inside the library since the start of the process. Telemetry that is lost or
 * misused is counted here and never stops the program. */
enum tt_problem {
    TT_PROBLEM_MISUSE,    /* a bad name, value or attribute; an ended span used */
    TT_PROBLEM_MEMORY,    /* something was dropped because memory ran out */
    TT_PROBLEM_LIMIT,     /* something was dropped because a limit was reached */
    TT_PROBLEM_CONFLICT,  /* two instruments of one name that differ */
    TT_PROBLEM_EXPORT,    /* an export failed and its data is lost */
    TT_PROBLEM_KINDS_SIZE /* how many kinds there are */
};
TT_API uint64_t tt_problem_count(enum tt_problem kind);

/* Told of the first problem of each kind and text, from the thread where it happens: it must be
 * quick and may not call the library. `text` is valid during the call. */
typedef void (*tt_problem_handler)(enum tt_problem kind, const char *text, void *arg);

/* Sets the one handler; NULL (the default) only counts. */
TT_API void tt_problem_set_handler(tt_problem_handler handler, void *arg);

/* For exporters: counts a problem, and tells it when `text`, a literal, is told for the first time.
 * `detail` may be NULL. */
TT_API void tt_problem_tell(enum tt_problem kind, const char *text, const char *detail);

/* For components that take options which begin with their size, as the library's do: copies what
 * was given over the first of the `n` bytes at `to`, which hold the defaults. False when nothing
 * was given, and when its size is 0: it was forgotten, which is told. */
TT_API bool tt_options_read(void *to, size_t n, const void *given);

TT_END

#endif
