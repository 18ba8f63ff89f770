/* SPDX-License-Identifier: MIT */
/* counter_system.c - what of kernel and process decides over counters. */
#include "probes/counter_survey.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_cpu_pmu(void)
{
    bool found = false;
    DIR *directory = opendir("/sys/bus/event_source/devices");
    if (!directory)
        return false;
    for (const struct dirent *entry; (entry = readdir(directory));)
        found = found || strcmp(entry->d_name, "cpu") == 0 || strncmp(entry->d_name, "cpu_", 4) == 0 ||
                strncmp(entry->d_name, "armv", 4) == 0;
    closedir(directory);
    return found;
}

static int read_paranoid(void)
{
    int level = -100;
    FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "r");
    if (!file)
        return level;
    if (fscanf(file, "%d", &level) != 1)
        level = -100;
    fclose(file);
    return level;
}

/* Of the first processor, which is like the others. */
static bool is_virtual(void)
{
    bool found = false;
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && getline(&line, &capacity, file) > 0 && line[0] != '\n')
        found = strstr(line, " hypervisor") != NULL;
    free(line);
    if (file)
        fclose(file);
    return found;
}

static bool has_perfmon(void)
{
    const unsigned long long perfmon = 1ULL << 38, sys_admin = 1ULL << 21;
    unsigned long long effective = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "CapEff:", 7) == 0)
            effective = strtoull(line + 7, NULL, 16);
    if (file)
        fclose(file);
    return (effective & (perfmon | sys_admin)) != 0;
}

void vit_counter_system_read(struct vit_counter_system *system)
{
    vit_processor_read(&system->processor);
    system->paranoid = read_paranoid();
    system->cpu_pmu = has_cpu_pmu();
    system->virtual_machine = is_virtual();
    system->perfmon = has_perfmon();
    system->uid = (unsigned)geteuid();
}
