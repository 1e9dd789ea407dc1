/* A baseline's end of a measurement: a line with a count comes in; so many rounds later a line goes out with
 * the nanoseconds of CPU time they took. */
#ifndef SERVE_H
#define SERVE_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline int64_t cpu_nanos(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline int serve(void (*rounds)(unsigned long count)) {
    unsigned long count;
    while (scanf("%lu", &count) == 1) {
        int64_t start = cpu_nanos();
        rounds(count);
        printf("%lld\n", (long long)(cpu_nanos() - start));
        fflush(stdout);
    }
    return 0;
}

#endif
