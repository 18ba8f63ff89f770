/* SPDX-License-Identifier: MIT */
/* The event map: its rows are whole, processors find theirs, and the names that libpfm knows mean the same codes as the
 * kernel's names beside them. */
#include "tests/support/test.h"

#include "probes/counter_survey.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void test_events_rows_are_whole(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_counter_events; i++) {
        const struct vit_counter_event *e = &vit_counter_event_table[i];
        const struct vit_quantity *q = vit_quantity_find(e->quantity);
        struct vit_counter_terms terms;
        assert_non_null(q);
        if ((strcmp(q->unit, "B") == 0) != (e->bytes > 0))
            fail_msg("%s %s: bytes per count and the unit disagree", e->processor, e->quantity);
        assert_true(e->papi || e->perf);
        if (e->perf)
            assert_ok(vit_counter_terms(&terms, e->perf));
        if (e->papi && !strchr(e->papi, '|'))
            assert_ok(vit_counter_terms(&terms, e->papi));
        if (e->scope != VIT_SCOPE_THREADS)
            assert_null(e->papi); /* only the kernel's names reach every socket */
    }
}

/* What a preset or generic name means differs from processor to processor. */
static void test_events_generic_names_stand_for_no_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < vit_n_counter_events; i++) {
        const struct vit_counter_event *e = &vit_counter_event_table[i];
        if (!e->bytes)
            continue;
        assert_true(strcmp(e->processor, "any") != 0);
        if (e->papi && (strstr(e->papi, "PAPI_") || strstr(e->papi, "perf::")))
            fail_msg("%s %s: %s", e->processor, e->quantity, e->papi);
        assert_non_null(strchr(e->perf, '/'));
    }
}

static const struct vit_counter_event *row_of(const struct vit_processor *processor, const char *quantity)
{
    const struct vit_counter_event *event[64];
    int n = vit_counter_events_of(processor, event, 64);
    assert_in_range(n, 6, 64);
    for (int i = 0; i < n; i++)
        if (strcmp(event[i]->quantity, quantity) == 0)
            return event[i];
    return NULL;
}

static void test_events_processors_find_their_rows(void **state)
{
    (void)state;
    static const struct {
        struct vit_processor processor;
        const char *quantity, *id; /* NULL: no row */
    } want[] = {
        {{"AuthenticAMD", 23, 0x31}, "measured_dram_read_bytes", "zen2"}, /* Rome */
        {{"AuthenticAMD", 23, 0x01}, "measured_dram_read_bytes", NULL},   /* Naples: Zen 1 */
        {{"AuthenticAMD", 25, 0x01}, "measured_dram_read_bytes", "zen3"}, /* Milan */
        {{"AuthenticAMD", 25, 0x50}, "measured_l2_fill_bytes", "zen3"},   /* Cezanne */
        {{"AuthenticAMD", 25, 0x11}, "measured_socket_dram_write_bytes", "zen4"},
        {{"AuthenticAMD", 25, 0x61}, "measured_llc_fill_bytes", "zen4"},
        {{"AuthenticAMD", 26, 0x02}, "measured_dram_read_bytes", "zen5"},
        {{"AuthenticAMD", 26, 0x50}, "measured_dram_read_bytes", NULL}, /* Zen 6 */
        {{"GenuineIntel", 6, 0x3c}, "measured_l1_fill_bytes", "snb_bdw"},
        {{"GenuineIntel", 6, 0x3c}, "measured_socket_dram_read_bytes", "intel_client"},
        {{"GenuineIntel", 6, 0x3c}, "measured_dram_read_bytes", NULL},
        {{"GenuineIntel", 6, 0x55}, "measured_dram_read_bytes", "skx"},
        {{"GenuineIntel", 6, 0x55}, "measured_socket_dram_read_bytes", "intel_server"},
        {{"GenuineIntel", 6, 0x8c}, "measured_dram_read_bytes", "icl_client"},
        {{"GenuineIntel", 6, 0x8c}, "measured_socket_dram_read_bytes", "intel_tgl"},
        {{"GenuineIntel", 6, 0x6a}, "measured_dram_read_bytes", "icx"},
        {{"GenuineIntel", 6, 0xcf}, "measured_dram_read_bytes", "spr"},
        {{"GenuineIntel", 6, 0x97}, "measured_l1_fill_bytes", NULL}, /* two kinds of core */
        {{"0x41", 8, 0xd0c}, "measured_l2_wb_bytes", "neoverse"},
        {{"0x41", 8, 0xd08}, "measured_l2_wb_bytes", NULL}, /* Cortex-A72 */
        {{"", -1, -1}, "task_clock_ns", "any"},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const struct vit_counter_event *e = row_of(&want[i].processor, want[i].quantity);
        if (!e != !want[i].id || (e && strcmp(e->processor, want[i].id) != 0))
            fail_msg("%s %d %x %s: %s", want[i].processor.vendor, want[i].processor.family,
                     (unsigned)want[i].processor.model, want[i].quantity, e ? e->processor : "no row");
    }
}

/* The part of libpfm's interface that is used; its header need not be installed. */
struct pfm_raw {
    uint64_t *codes;
    char **name;
    size_t size;
    int count, index;
};

struct pfm {
    int (*initialize)(void);
    int (*encode)(const char *event, int modes, int os, void *raw);
};

/* "cpu/event=0xb7,umask=0x01,offcore_rsp=0x3f/" -> the value after a field's name; 0 without it. */
static uint64_t field(const char *event, const char *name)
{
    const char *at = strstr(event, name);
    return at ? strtoull(at + strlen(name), NULL, 0) : 0;
}

/* A term of libpfm against the same of perf; false: this libpfm has no such PMU. */
static bool compare(const struct pfm *pfm, const char *papi, const char *perf)
{
    enum { NOT_FOUND = -4, USER = 8 };
    struct pfm_raw raw = {.size = sizeof raw};
    int status = pfm->encode(papi, USER, 0, &raw);
    if (status == NOT_FOUND)
        return false;
    if (status != 0)
        fail_msg("%s: libpfm says %d", papi, status);
    bool arm = strncmp(papi, "arm_", 4) == 0;
    uint64_t event = raw.codes[0] & (arm ? 0xffff : 0xff), umask = arm ? 0 : raw.codes[0] >> 8 & 0xff;
    if (event != field(perf, "event=") || umask != field(perf, "umask="))
        fail_msg("%s is event 0x%llx umask 0x%llx, beside %s", papi, (unsigned long long)event,
                 (unsigned long long)umask, perf);
    if (raw.count > 1 && raw.codes[1] != field(perf, "offcore_rsp="))
        fail_msg("%s: response 0x%llx, beside %s", papi, (unsigned long long)raw.codes[1], perf);
    free(raw.codes);
    return true;
}

static int compare_row(const struct pfm *pfm, const struct vit_counter_event *e)
{
    int compared = 0;
    char names[4096], *rest = names;
    snprintf(names, sizeof names, "%s", e->papi);
    while (rest) {
        struct vit_counter_terms papi, perf;
        assert_ok(vit_counter_terms(&papi, strsep(&rest, "|")));
        assert_ok(vit_counter_terms(&perf, e->perf));
        assert_int_equal(papi.n, perf.n);
        for (int i = 0; i < papi.n; i++)
            compared += compare(pfm, papi.term[i], perf.term[i]);
    }
    return compared;
}

static void test_events_codes_of_libpfm_and_of_the_kernel_agree(void **state)
{
    (void)state;
    struct pfm pfm;
    setenv("LIBPFM_ENCODE_INACTIVE", "1", 1); /* processors other than this one too */
    void *library = dlopen("libpfm.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        skip();
        return;
    }
    *(void **)&pfm.initialize = dlsym(library, "pfm_initialize");
    *(void **)&pfm.encode = dlsym(library, "pfm_get_os_event_encoding");
    assert_non_null(pfm.initialize);
    assert_non_null(pfm.encode);
    assert_int_equal(pfm.initialize(), 0);
    int compared = 0;
    for (int i = 0; i < vit_n_counter_events; i++)
        if (vit_counter_event_table[i].papi && vit_counter_event_table[i].bytes)
            compared += compare_row(&pfm, &vit_counter_event_table[i]);
    print_message("%d events compared\n", compared);
    assert_true(compared > 0);
    dlclose(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_rows_are_whole),
        cmocka_unit_test(test_events_generic_names_stand_for_no_bytes),
        cmocka_unit_test(test_events_processors_find_their_rows),
        cmocka_unit_test(test_events_codes_of_libpfm_and_of_the_kernel_agree),
    };
    return cmocka_run_group_tests_name("probes_counter_events", tests, NULL, NULL);
}
