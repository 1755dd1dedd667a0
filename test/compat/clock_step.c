/* Preloaded into a program: sets its wall clock back by an hour as soon as the file $CLOCK_BACK
 * exists. The rule: other clocks, the monotonic one above all, go on. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    const char *file = getenv("CLOCK_BACK");
    int code = (int)syscall(SYS_clock_gettime, clock, ret);
    if (code == 0 && clock == CLOCK_REALTIME && file && access(file, F_OK) == 0)
        ret->tv_sec -= 3600;
    return code;
}
