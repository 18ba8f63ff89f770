/* SPDX-License-Identifier: MIT */
/* machine.c - topology from hwloc; what hwloc does not know from /proc and /sys. */
#include "probes/machine.h"

#include "model/base/status.h"

#include <dirent.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void read_caches(struct vit_machine *m, hwloc_topology_t topology)
{
    static const hwloc_obj_type_t type[] = {HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
                                            HWLOC_OBJ_L3CACHE,  HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE};
    for (size_t i = 0; i < sizeof type / sizeof type[0]; i++) {
        hwloc_obj_t object = hwloc_get_obj_by_type(topology, type[i], 0);
        if (!object)
            continue;
        const struct hwloc_cache_attr_s *attr = &object->attr->cache;
        char letter = attr->type == HWLOC_OBJ_CACHE_UNIFIED ? 'u' : attr->type == HWLOC_OBJ_CACHE_DATA ? 'd' : 'i';
        m->cache[m->n_cache++] = (struct vit_cache){.level = (int)attr->depth,
                                                    .type = letter,
                                                    .bytes = (int64_t)attr->size,
                                                    .ways = attr->associativity,
                                                    .line_bytes = (int)attr->linesize,
                                                    .shared_by = hwloc_bitmap_weight(object->cpuset)};
    }
}

static int count(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int n = hwloc_get_nbobjs_by_type(topology, type);
    return n > 0 ? n : 0;
}

static void read_objects(struct vit_machine *m, hwloc_topology_t topology)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
    hwloc_obj_t root = hwloc_get_root_obj(topology);
    hwloc_obj_t described = package && hwloc_obj_get_info_by_name(package, "CPUModel") ? package : root;
    copy(m->cpu, sizeof m->cpu, hwloc_obj_get_info_by_name(described, "CPUModel"));
    copy(m->vendor, sizeof m->vendor, hwloc_obj_get_info_by_name(described, "CPUVendor"));
    m->packages = count(topology, HWLOC_OBJ_PACKAGE);
    m->numa_nodes = count(topology, HWLOC_OBJ_NUMANODE);
    m->cores = count(topology, HWLOC_OBJ_CORE);
    m->logical = count(topology, HWLOC_OBJ_PU);
    m->memory_bytes = (int64_t)root->total_memory;
    read_caches(m, topology);
}

static int read_topology(struct vit_machine *m)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return vit_fail(VIT_ENOMEM, "machine: hwloc does not start");
    hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    int status = VIT_OK;
    if (hwloc_topology_load(topology) == 0)
        read_objects(m, topology);
    else
        status = vit_fail(VIT_ENOTSUP, "machine: hwloc cannot read the topology of this machine");
    hwloc_topology_destroy(topology);
    return status;
}

/* Keeps those of the blank-separated flags that decide which kernels run. */
static void choose_flags(struct vit_machine *m, const char *flags)
{
    static const char *const wanted[] = {
        "sse4_2",   "avx",         "fma",         "f16c",        "avx2",     "avx_vnni", "avx512f",  "avx512bw",
        "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd",
        "asimdhp",  "asimddp",     "sve",         "sve2",        "bf16",     "i8mm"};
    size_t used = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        size_t length = strlen(wanted[i]);
        for (const char *at = flags; (at = strstr(at, wanted[i])); at += length) {
            if ((at != flags && at[-1] != ' ') || (at[length] != ' ' && at[length] != '\0' && at[length] != '\n'))
                continue;
            int written = snprintf(m->flags + used, sizeof m->flags - used, "%s%s", used ? " " : "", wanted[i]);
            used += written > 0 && (size_t)written < sizeof m->flags - used ? (size_t)written : 0;
            break;
        }
    }
}

/* The first processor's lines of /proc/cpuinfo: "microcode\t: 0x1". */
static void read_cpuinfo(struct vit_machine *m)
{
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && getline(&line, &capacity, file) > 0 && line[0] != '\n') {
        char *value = strchr(line, ':');
        if (!value)
            continue;
        value += value[1] == ' ' ? 2 : 1;
        value[strcspn(value, "\n")] = '\0';
        if (strncmp(line, "microcode", 9) == 0)
            copy(m->microcode, sizeof m->microcode, value);
        else if (strncmp(line, "cpu MHz", 7) == 0)
            m->mhz = strtod(value, NULL);
        else if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0) {
            choose_flags(m, value);
            if (strstr(value, " hypervisor"))
                copy(m->hypervisor, sizeof m->hypervisor, "unnamed");
        }
    }
    free(line);
    if (file)
        fclose(file);
}

/* First line of a file of /sys; "" if there is none. */
static void read_line(const char *path, char *text, size_t size)
{
    text[0] = '\0';
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    if (fgets(text, (int)size, file))
        text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

/* Names of the kernel's counting units; "" where there is no such folder. */
static void read_pmus(struct vit_machine *m)
{
    struct dirent **entry;
    int n = scandir("/sys/bus/event_source/devices", &entry, NULL, alphasort);
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        size_t left = sizeof m->pmus - used;
        const char *name = entry[i]->d_name;
        if (name[0] != '.' && strlen(name) + 1 < left)
            used += (size_t)snprintf(m->pmus + used, left, "%s%s", used ? " " : "", name);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
}

static void read_system(struct vit_machine *m)
{
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(m->kernel, sizeof m->kernel, "%s %s %s", name.sysname, name.release, name.machine);
    read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", m->governor, sizeof m->governor);
    char type[VIT_MACHINE_TEXT];
    read_line("/sys/hypervisor/type", type, sizeof type);
    if (!type[0] && m->hypervisor[0])
        read_line("/sys/class/dmi/id/sys_vendor", type, sizeof type);
    if (type[0])
        copy(m->hypervisor, sizeof m->hypervisor, type);
}

int vit_machine_read(struct vit_machine *machine)
{
    *machine = (struct vit_machine){0};
    int status = read_topology(machine);
    if (status != VIT_OK)
        return status;
    read_cpuinfo(machine);
    read_system(machine);
    read_pmus(machine);
    snprintf(machine->source, sizeof machine->source, "hwloc %s, /proc/cpuinfo, uname, /sys", HWLOC_VERSION);
    return VIT_OK;
}

int64_t vit_machine_last_cache(const struct vit_machine *machine)
{
    int64_t most = 0;
    for (int i = 0; i < machine->n_cache; i++)
        if (machine->cache[i].type != 'i' && machine->cache[i].bytes > most)
            most = machine->cache[i].bytes;
    return most;
}
