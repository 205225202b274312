/* NO_FORKS: children of a fork cannot be tested in this build. A sanitizer's allocator may be
 * locked in the child. */
#ifndef TELLTALE_TESTS_SUPPORT_FORKS_H
#define TELLTALE_TESTS_SUPPORT_FORKS_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_FORKS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_FORKS
#endif
#endif

#endif
