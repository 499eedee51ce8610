/* Replaces the system's randomness and clocks in a process of the simulation, so that a seed repeats a run to the last byte.
 * It is preloaded into such a process alone; nothing of it is in any program of the project. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

static uint64_t state, ticks;

__attribute__((constructor)) static void begin(void) {
    const char *seed = getenv("QUORATE_SIMULATION_ENTROPY");
    state = seed ? strtoull(seed, NULL, 10) : 0;
}

/* SplitMix64. */
static uint64_t next(void) {
    uint64_t mixed = (state += 0x9e3779b97f4a7c15ULL);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
}

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    (void)flags;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = next();
        memcpy((char *)buffer + at, &word, length - at < 8 ? length - at : 8);
    }
    return (ssize_t)length;
}

/* Every look at a clock takes a microsecond; it begins on 2026-11-23. */
int clock_gettime(clockid_t clock, struct timespec *time) {
    ticks += 1;
    time->tv_sec = (time_t)((clock == CLOCK_REALTIME ? 1795400000 : 1000) + ticks / 1000000);
    time->tv_nsec = (long)(ticks % 1000000) * 1000;
    return 0;
}
