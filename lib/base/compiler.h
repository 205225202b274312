/* The few compiler extensions the project uses, behind plain names. */
#ifndef TELLTALE_BASE_COMPILER_H
#define TELLTALE_BASE_COMPILER_H

#if defined(__GNUC__) || defined(__clang__)
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define UNUSED __attribute__((unused))
#define NO_INLINE __attribute__((noinline)) /* keeps a hot caller's frame small */
#define PREFETCH(p) __builtin_prefetch(p)
#define WEAK __attribute__((weak))
#define ON_LOAD __attribute__((constructor))
#define COLD __attribute__((cold))                // compiled for size, and out of the way
#define LINE_ALIGNED __attribute__((aligned(32))) // a function so short that where it lies tells

/* 16 bytes in one register, in memory's order. A comparison makes 0 or -1 of each. */
typedef unsigned char byte_vector __attribute__((vector_size(16)));
typedef signed char signed_byte_vector __attribute__((vector_size(16)));
typedef unsigned long long word_vector __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#error "gcc or clang is needed: for their vectors and attributes"
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
