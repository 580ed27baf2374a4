/*
 * Loaded before the C library (LD_PRELOAD): every fsync and fdatasync takes SLOW_FSYNC_US microseconds longer, as on
 * a disk that is slow to confirm.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

typedef int sync_function(int);

static void wait_as_told(void)
{
    const char *told = getenv("SLOW_FSYNC_US");
    long microseconds = told == NULL ? 0 : atol(told);
    struct timespec rest = {microseconds / 1000000, microseconds % 1000000 * 1000};
    while (nanosleep(&rest, &rest) == -1 && errno == EINTR)
        ;
}

int fsync(int file)
{
    wait_as_told();
    return ((sync_function *)dlsym(RTLD_NEXT, "fsync"))(file);
}

int fdatasync(int file)
{
    wait_as_told();
    return ((sync_function *)dlsym(RTLD_NEXT, "fdatasync"))(file);
}
