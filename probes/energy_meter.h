/* SPDX-License-Identifier: MIT */
/* energy_meter.h - joules that the sockets and their memory have used, by the processor's own meters (RAPL): from
 * /sys/class/powercap where it can be read, else from the kernel's `power` PMU. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vit_counting;

enum vit_energy_domain { VIT_ENERGY_PACKAGE, VIT_ENERGY_DRAM, VIT_N_ENERGY_DOMAINS };

enum { VIT_ENERGY_ZONES = 32 };

/* A folder of powercap with a counter in microjoules that begins anew after `range`. */
struct vit_energy_zone {
    enum vit_energy_domain domain;
    int file;
    uint64_t range, last;
};

struct vit_energy_meter {
    bool has[VIT_N_ENERGY_DOMAINS];
    double joules[VIT_N_ENERGY_DOMAINS]; /* since open, as of the last reading */
    char source[96];                     /* "powercap package-0, dram"; "power/energy-pkg/" */
    struct vit_energy_zone zone[VIT_ENERGY_ZONES];
    int n_zone;
    struct vit_counting *counting[VIT_N_ENERGY_DOMAINS]; /* of the power PMU */
    double scale[VIT_N_ENERGY_DOMAINS];
    uint64_t start[VIT_N_ENERGY_DOMAINS];
};

/* Where to look: VIT_ENERGY_PLACES but for tests. */
struct vit_energy_places {
    const char *powercap, *event_source;
};

#define VIT_ENERGY_PLACES \
    ((struct vit_energy_places){.powercap = "/sys/class/powercap", .event_source = "/sys/bus/event_source/devices"})

/* VIT_ENOTSUP with what each place lacks, and the cure. On failure nothing is left to close. */
int vit_energy_meter_open(struct vit_energy_meter *meter, struct vit_energy_places places);
void vit_energy_meter_close(struct vit_energy_meter *meter);

/* Brings joules up to date; at least once a minute, since counters of powercap go round. False: cannot be read. */
bool vit_energy_meter_read(struct vit_energy_meter *meter);
