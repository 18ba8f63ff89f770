/* SPDX-License-Identifier: MIT */
#include "probes/energy_meter.h"

#include "model/base/status.h"
#include "probes/counter_perf.h"
#include "probes/perf_sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const pmu_event[VIT_N_ENERGY_DOMAINS] = {"power/energy-pkg/", "power/energy-ram/"};

/* The first line of root/zone/file; false (errno) if there is none. */
static bool read_line(const char *root, const char *zone, const char *file, char text[64])
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s/%s", root, zone, file) >= (int)sizeof path)
        return false;
    FILE *in = fopen(path, "re");
    if (!in)
        return false;
    bool read = fgets(text, 64, in) != NULL;
    fclose(in);
    text[read ? strcspn(text, "\n") : 0] = '\0';
    return read;
}

static bool read_counter(int file, uint64_t *value)
{
    char text[32];
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return vit_perf_number(text, value);
}

/* Zones of other names are parts of a package (core, uncore) or the whole board (psys). */
static bool domain_of(const char *name, enum vit_energy_domain *domain)
{
    *domain = strcmp(name, "dram") == 0 ? VIT_ENERGY_DRAM : VIT_ENERGY_PACKAGE;
    return *domain == VIT_ENERGY_DRAM || strncmp(name, "package-", 8) == 0;
}

static int add_zone(struct vit_energy_meter *meter, const char *root, const char *folder)
{
    char name[64], range[64], path[PATH_MAX];
    struct vit_energy_zone zone;
    if (!read_line(root, folder, "name", name) || !domain_of(name, &zone.domain))
        return VIT_OK;
    if (meter->n_zone == VIT_ENERGY_ZONES)
        return vit_fail(VIT_ENOTSUP, "%s has more than %d zones", root, VIT_ENERGY_ZONES);
    if (!read_line(root, folder, "max_energy_range_uj", range) || !vit_perf_number(range, &zone.range))
        return vit_fail(VIT_ENOTSUP, "%s/%s/max_energy_range_uj is no number", root, folder);
    snprintf(path, sizeof path, "%s/%s/energy_uj", root, folder);
    zone.file = open(path, O_RDONLY | O_CLOEXEC);
    if (zone.file < 0 && errno == EACCES)
        return vit_fail(VIT_ENOTSUP,
                        "%s may be read by root only (Linux 5.10 and later): chmod a+r it, or give CAP_DAC_READ_SEARCH",
                        path);
    if (zone.file < 0)
        return vit_fail(VIT_ENOTSUP, "cannot read %s: %s", path, strerror(errno));
    meter->zone[meter->n_zone++] = zone;
    if (!read_counter(zone.file, &meter->zone[meter->n_zone - 1].last))
        return vit_fail(VIT_ENOTSUP, "%s is no number", path);
    meter->has[zone.domain] = true;
    size_t used = strlen(meter->source);
    snprintf(meter->source + used, sizeof meter->source - used, "%s %s", meter->n_zone > 1 ? "," : "", name);
    return VIT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int open_powercap(struct vit_energy_meter *meter, const char *root)
{
    char *folder[4 * VIT_ENERGY_ZONES];
    int n = 0, status = VIT_OK;
    DIR *all = opendir(root);
    if (!all)
        return vit_fail(VIT_ENOTSUP, "no %s", root);
    snprintf(meter->source, sizeof meter->source, "powercap");
    /* intel-rapl:0, intel-rapl:0:1; AMD's too. intel-rapl-mmio:0 is the same package once more. */
    const struct dirent *entry;
    while ((entry = readdir(all)) != NULL && n < (int)(sizeof folder / sizeof folder[0]))
        if (strncmp(entry->d_name, "intel-rapl:", 11) == 0 && (folder[n] = strdup(entry->d_name)) != NULL)
            n++;
    closedir(all);
    qsort(folder, (size_t)n, sizeof folder[0], by_name);
    for (int i = 0; i < n; i++) {
        if (status == VIT_OK)
            status = add_zone(meter, root, folder[i]);
        free(folder[i]);
    }
    if (status == VIT_OK && !meter->has[VIT_ENERGY_PACKAGE])
        status = vit_fail(VIT_ENOTSUP, "no package among the zones of %s", root);
    return status;
}

static int open_counter(struct vit_energy_meter *meter, const char *root, enum vit_energy_domain domain)
{
    const struct vit_counter_request request = {.event = &pmu_event[domain], .n = 1, .task = -1, .cpu = -1};
    struct vit_attempt attempt;
    struct vit_perf_event event;
    struct vit_reading reading;
    int status = vit_perf_event_find(&event, root, pmu_event[domain]);
    if (status != VIT_OK)
        return status;
    meter->scale[domain] = event.scale;
    vit_perf_event_close(&event);
    status = vit_counter_perf_open(&meter->counting[domain], &request, &attempt, root);
    if (status != VIT_OK)
        return status;
    if (!vit_counter_perf.read(meter->counting[domain], &reading))
        return vit_fail(VIT_ENOTSUP, "event %s cannot be read", pmu_event[domain]);
    meter->start[domain] = reading.value[0];
    meter->has[domain] = true;
    return VIT_OK;
}

/* Many have no counter of the memory: it is then not had. */
static int open_pmu(struct vit_energy_meter *meter, const char *root)
{
    int status = open_counter(meter, root, VIT_ENERGY_PACKAGE);
    if (status != VIT_OK)
        return status;
    bool memory = open_counter(meter, root, VIT_ENERGY_DRAM) == VIT_OK;
    snprintf(meter->source, sizeof meter->source, "perf %s%s%s", pmu_event[VIT_ENERGY_PACKAGE], memory ? ", " : "",
             memory ? pmu_event[VIT_ENERGY_DRAM] : "");
    return VIT_OK;
}

static bool has_folder(const char *root, const char *name)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s", root, name) < (int)sizeof path && access(path, F_OK) == 0;
}

int vit_energy_meter_open(struct vit_energy_meter *meter, struct vit_energy_places places)
{
    char powercap[256];
    *meter = (struct vit_energy_meter){0};
    if (open_powercap(meter, places.powercap) == VIT_OK)
        return VIT_OK;
    snprintf(powercap, sizeof powercap, "%s", vit_error());
    vit_energy_meter_close(meter);
    if (open_pmu(meter, places.event_source) == VIT_OK)
        return VIT_OK;
    vit_energy_meter_close(meter);
    if (has_folder(places.event_source, "power"))
        return vit_fail(VIT_ENOTSUP, "energy: %s; %s", powercap, vit_error());
    if (has_folder(places.powercap, "."))
        return vit_fail(VIT_ENOTSUP, "energy: %s; no power PMU", powercap);
    return vit_fail(VIT_ENOTSUP,
                    "energy: %s, no power PMU: a virtual machine, or a kernel without the driver of the processor's "
                    "meters (modprobe intel_rapl_msr)",
                    powercap);
}

bool vit_energy_meter_read(struct vit_energy_meter *meter)
{
    for (int i = 0; i < meter->n_zone; i++) {
        struct vit_energy_zone *zone = &meter->zone[i];
        uint64_t now;
        if (!read_counter(zone->file, &now))
            return false;
        uint64_t used = now >= zone->last ? now - zone->last : zone->range - zone->last + now;
        meter->joules[zone->domain] += (double)used * 1e-6;
        zone->last = now;
    }
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++) {
        struct vit_reading reading;
        if (!meter->counting[d])
            continue;
        if (!vit_counter_perf.read(meter->counting[d], &reading))
            return false;
        meter->joules[d] = (double)(reading.value[0] - meter->start[d]) * meter->scale[d];
    }
    return true;
}

void vit_energy_meter_close(struct vit_energy_meter *meter)
{
    for (int i = 0; i < meter->n_zone; i++)
        close(meter->zone[i].file);
    for (int d = 0; d < VIT_N_ENERGY_DOMAINS; d++)
        vit_counter_perf.close(meter->counting[d]);
    *meter = (struct vit_energy_meter){0};
}
