#include "core/random.h"

#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/compiler.h"
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
    (void)pthread_once(&once, prepare);
    uint64_t *s = random_state.s;
    if (getrandom(s, sizeof random_state.s, GRND_NONBLOCK) != (ssize_t)sizeof random_state.s) {
        uint64_t mixed = (uint64_t)clock_unix_ns() ^ (uint64_t)getpid() << 40;
        for (int i = 0; i < 4; i++)
            s[i] = mixed = mix64(mixed + (uint64_t)(uintptr_t)s, (uint64_t)clock_mono_ns());
    }
    s[0] |= 1; // all zeros would stay so
    random_state.seeded = true;
}
