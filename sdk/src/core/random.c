#include "core/random.h"

#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"

_Thread_local struct random_state random_state;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static COLD void after_fork_in_child(void)
{
    random_state.seeded = false;
}

static COLD void prepare(void)
{
    (void)pthread_atfork(NULL, NULL, after_fork_in_child); // else children repeat our ids
}

/* Where the system has no random bytes to give, the time and an address must do. */
COLD void random_seed(void)
{
    uint64_t s[2];
    (void)pthread_once(&once, prepare);
    if (getrandom(s, sizeof s, GRND_NONBLOCK) != (ssize_t)sizeof s) {
        s[0] = mix64((uint64_t)clock_unix_ns(), (uint64_t)getpid() << 40);
        s[1] = mix64(s[0] + (uint64_t)(uintptr_t)&random_state, (uint64_t)clock_mono_ns());
    }
    random_state = (struct random_state){s[0], s[1], true};
}
