/* SPDX-License-Identifier: MIT */
/* verify.c - `vitscope verify`: compares models with reference numbers and prints one row per kind of record. */
#include "analysis/command.h"
#include "analysis/output.h"
#include "analysis/verification.h"
#include "model/base/status.h"

#include <string.h>

static const struct vit_column columns[] = {
    {"fixture", VIT_TEXT, "", "file of reference numbers"},
    {"record", VIT_TEXT, "", "kind of record"},
    {"compared", VIT_INT, "", "numbers compared; empty: this kind is not compared"},
    {"outside", VIT_INT, "", "numbers outside the tolerance"},
    {"worst", VIT_REAL, "", "largest deviation, in standard deviations of the tensor (counts: absolute)"},
    {"tolerance", VIT_REAL, "", "allowed deviation"},
    {"result", VIT_TEXT, "", "ok, OUTSIDE, or not compared"},
    {"where", VIT_TEXT, "", "the worst deviation, or why there is none"},
};

static const struct vit_schema schema = {"verify", 1, sizeof columns / sizeof columns[0], columns};

static const struct {
    const char *kind;
    int (*verify)(struct vit_verification *v);
} kinds[] = {
    {"model", vit_verify_model},
    {"counts", vit_verify_counts},
    {"weights_file", vit_verify_weights_file},
    {"adamw", vit_verify_adamw},
};

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int print(struct vit_sink *sink, const struct vit_verification *v)
{
    for (int i = 0; i < v->n_tally; i++) {
        const struct vit_tally *t = &v->tally[i];
        bool compared = t->compared > 0;
        const char *result = !compared ? "not compared" : t->outside ? "OUTSIDE" : "ok";
        struct vit_cell row[] = {
            vit_text(file_name(v->path)),
            vit_text(t->kind),
            compared ? vit_int(t->compared) : vit_absent(),
            compared ? vit_int(t->outside) : vit_absent(),
            compared ? vit_real_cell(t->worst) : vit_absent(),
            compared ? vit_real_cell(t->tolerance) : vit_absent(),
            vit_text(result),
            vit_text(compared ? t->where : t->note),
        };
        int status = vit_sink_write(sink, row);
        if (status != VIT_OK)
            return status;
    }
    return VIT_OK;
}

static int verify(struct vit_verification *v)
{
    const char *kind = vit_fixture_text(v->root, "kind");
    for (size_t i = 0; kind && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            return kinds[i].verify(v);
    return vit_fail(VIT_EFORMAT, "%s: \"kind\" is %s, expected model, counts, weights_file or adamw", v->path,
                    kind ? kind : "missing");
}

struct totals {
    int files, compared, outside, skipped;
};

static void add(struct totals *sum, const struct vit_verification *v)
{
    sum->files++;
    for (int i = 0; i < v->n_tally; i++) {
        sum->compared += v->tally[i].compared;
        sum->outside += v->tally[i].outside;
        sum->skipped += v->tally[i].compared == 0;
    }
}

/* A file that has no known record at all must not pass as agreement. */
static bool is_empty(const struct vit_verification *v)
{
    for (int i = 0; i < v->n_tally; i++)
        if (v->tally[i].compared || v->tally[i].note)
            return false;
    return true;
}

static int run(const struct vit_options *options)
{
    struct vit_sink sink;
    struct totals sum = {0};
    int status = vit_output_open(&sink, options, &schema, NULL);
    if (status != VIT_OK)
        return status;
    for (int i = 0; i < options->n_argument && status == VIT_OK; i++) {
        if (!vit_shard_has(options->shard, i))
            continue;
        struct vit_verification v = {.path = options->argument[i],
                                     .graph = options->graph,
                                     .kernel = options->kernel,
                                     .threads = options->threads};
        struct cJSON *root;
        status = vit_fixture_open(&root, v.path);
        if (status != VIT_OK)
            break;
        v.root = root;
        status = verify(&v);
        vit_fixture_close(root);
        if (status == VIT_OK && is_empty(&v))
            status = vit_fail(VIT_EFORMAT, "%s: has nothing to compare", v.path);
        if (status == VIT_OK)
            status = print(&sink, &v);
        add(&sum, &v);
    }
    status = vit_sink_finish(&sink, status);
    if (status == VIT_OK && vit_output_is_table(options))
        printf("\n%d file%s: %d numbers compared, %d outside; %d kinds of records not compared\n", sum.files,
               sum.files == 1 ? "" : "s", sum.compared, sum.outside, sum.skipped);
    if (status == VIT_OK && sum.outside)
        return vit_fail(VIT_EMISMATCH, "%d numbers are outside their tolerance", sum.outside);
    return status;
}

const struct vit_command vit_command_verify = {
    .name = "verify",
    .arguments = "FIXTURE.json...",
    .summary = "compare models with files of reference numbers",
    .detail =
        "Runs the model of each file (schema vit-fixture/1) with its seed, size and batch, and prints per kind of\n"
        "record how many numbers were compared and the worst deviation, less half a unit of the last digit that the\n"
        "file lists. Exit code 1 if one is outside.\n\n"
        "  vitscope verify tests/fixtures/deit_nano_s1.json\n"
        "  vitscope verify --graph folded --threads 2 tests/fixtures/efficientvit_*.json\n"
        "  vitscope verify --shard 0/2 tests/fixtures/*.json   # one half of the files; 1/2: the other\n",
    .takes = "graph kernel isa threads shard format",
    .min_arguments = 1,
    .max_arguments = VIT_MAX_ARGUMENTS,
    .run = run,
};
