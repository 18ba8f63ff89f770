/* SPDX-License-Identifier: MIT */
#include "probes/counter_stimulus.h"

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, PAGE = 4096 };

size_t vit_stream_size(void)
{
    const size_t most = (size_t)256 << 20, unknown = (size_t)64 << 20;
    long last = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (last <= 0)
        last = sysconf(_SC_LEVEL2_CACHE_SIZE);
    size_t bytes = last > 0 ? 4 * (size_t)last : unknown;
    return bytes < most ? bytes - bytes % LINE : most;
}

static bool compute(struct vit_stream *stream)
{
    (void)stream;
    volatile double result = 0;
    double x = 1;
    for (int i = 0; i < 500000; i++)
        x = x * 1.0000001 + i;
    result = x;
    (void)result;
    return true;
}

static bool take_memory(struct vit_stream *stream)
{
    if (stream->memory)
        return true;
    void *memory = mmap(NULL, stream->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    stream->memory = memory;
    memset(memory, 1, stream->bytes);
    return true;
}

/* One word of every line. */
static bool read_stream(struct vit_stream *stream)
{
    if (!take_memory(stream))
        return false;
    volatile long result = 0;
    long sum = 0;
    for (size_t i = 0; i < stream->bytes; i += LINE)
        sum += stream->memory[i];
    result = sum;
    (void)result;
    return true;
}

static bool write_stream(struct vit_stream *stream)
{
    if (!take_memory(stream))
        return false;
    volatile char *memory = stream->memory;
    for (size_t i = 0; i < stream->bytes; i += LINE)
        memory[i] = 2;
    return true;
}

static bool fault(struct vit_stream *stream)
{
    (void)stream;
    const size_t bytes = (size_t)1 << 18;
    void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return false;
    volatile char *memory = area;
    for (size_t i = 0; i < bytes; i += PAGE)
        memory[i] = 1;
    munmap(area, bytes);
    return true;
}

static bool switch_context(struct vit_stream *stream)
{
    (void)stream;
    for (int i = 0; i < 5; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    return true;
}

/* To another processor and back, for good to where it may run. */
static bool migrate(struct vit_stream *stream)
{
    (void)stream;
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
        return false;
    int moves = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && moves < 4; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        moves += sched_setaffinity(0, sizeof one, &one) == 0;
    }
    sched_setaffinity(0, sizeof allowed, &allowed);
    return moves > 1;
}

static bool do_all(struct vit_stream *stream)
{
    return compute(stream) && read_stream(stream) && write_stream(stream) && fault(stream) && switch_context(stream) &&
           (migrate(stream) || true); /* with one processor, all the others are enough */
}

bool vit_stimulate(enum vit_stimulus stimulus, struct vit_stream *stream)
{
    static bool (*const work[VIT_N_STIMULI])(struct vit_stream *) = {
        [VIT_STIMULUS_COMPUTE] = compute, [VIT_STIMULUS_READ] = read_stream,      [VIT_STIMULUS_WRITE] = write_stream,
        [VIT_STIMULUS_FAULT] = fault,     [VIT_STIMULUS_SWITCH] = switch_context, [VIT_STIMULUS_MIGRATE] = migrate,
        [VIT_STIMULUS_ALL] = do_all,
    };
    return work[stimulus](stream);
}

void vit_stream_close(struct vit_stream *stream)
{
    if (stream->memory)
        munmap(stream->memory, stream->bytes);
    stream->memory = NULL;
}
