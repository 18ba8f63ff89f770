/* SPDX-License-Identifier: MIT */
/* Where all units of a figure have results, each claim about it is decided; what figures share learns one lesson. */
#include "analysis/paper_class.h"
#include "analysis/training_settings.h"
#include "tests/support/planned_figure.h"
#include "tests/support/program.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void add(struct vit_reproduction *r, const struct vit_unit *unit, const char *name, double value)
{
    vit_results_add(&r->results, (struct vit_result){.name = vit_results_text(&r->results, "%s/%s", unit->key, name),
                                                     .value = vit_real_cell(value),
                                                     .low = vit_real_cell(value),
                                                     .high = vit_real_cell(value)});
}

/* The networks of less attention are told from those that the figure draws. */
static void test_fig2_decides_its_claims(void **state)
{
    (void)state;
    struct vit_reproduction r;
    figure_plan(&r, "fig2", VIT_BUDGET_NORMAL);
    for (int i = 0; i < r.n_unit; i++) {
        const bool mixed = strncmp(r.unit[i].key, "mhsa20.", 7) == 0;
        add(&r, &r.unit[i], "memory_bound_pct", mixed ? 40 : 50);
        if (mixed) {
            add(&r, &r.unit[i], "speed_ratio", 1.25);
            continue;
        }
        for (int c = 0; c < VIT_N_PAPER_CLASSES; c++) {
            char name[96];
            snprintf(name, sizeof name, "%s.share_pct", vit_paper_class[c].name);
            add(&r, &r.unit[i], name, 10 + c);
        }
    }
    const char *set = getenv("PATH");
    char *path = strdup(set ? set : "");
    setenv("PATH", "/nonexistent", 1); /* no gnuplot: tables by block, which it would draw, were not measured */
    const int status = r.def->finish(&r);
    setenv("PATH", path, 1);
    free(path);
    assert_ok(status);
    assert_close(vit_results_real(&r.results, "deit_tiny_1.25x_mhsa20.eager.memory_bound_pct"), 40, 0);
    assert_close(vit_results_real(&r.results, "swin_tiny_1.25x_mhsa20.folded.speed_ratio"), 1.25, 0);
    assert_close(vit_results_real(&r.results, "swin_tiny.eager.memory_bound_pct"), 50, 0);
    figure_claims_are_testable(&r, 8);
    figure_forget(&r);
}

static void test_fig4_decides_its_claims(void **state)
{
    (void)state;
    static const char *const objects[] = {"map", "output"};
    struct vit_reproduction r;
    figure_plan(&r, "fig4", VIT_BUDGET_NORMAL);
    assert_int_equal(r.n_unit, 4);
    for (int i = 0; i < r.n_unit; i++)
        for (int k = 0; k < 2; k++) {
            char name[64];
            snprintf(name, sizeof name, "%s.mean_max_pct", objects[k]);
            add(&r, &r.unit[i], name, 60 - i);
            for (int b = 1; b <= 12; b++) {
                snprintf(name, sizeof name, "%s.block%d.mean_max_pct", objects[k], b);
                add(&r, &r.unit[i], name, 10 * b);
            }
        }
    assert_ok(r.def->finish(&r));
    assert_close(vit_results_real(&r.results, "swin_tiny.full.map.early_blocks_pct"), 35, 1e-12);
    assert_close(vit_results_real(&r.results, "deit_tiny.split.output.last_blocks_pct"), 115, 1e-12);
    figure_claims_are_testable(&r, 9);
    figure_forget(&r);
}

/* As Fig. 5 trains, whose fine-tuning has a rate of its own. */
static char *lesson_of(const struct vit_unit *unit)
{
    struct vit_options options = unit->options;
    assert_ok(vit_options_default(&options, "lr", "1e-3"));
    char *text = vit_training_settings_text(&options, "", 1);
    assert_non_null(text);
    return text;
}

/* Else the second would be refused: the folder holds a run with other settings. */
static void test_what_figures_share_learns_one_lesson(void **state)
{
    (void)state;
    static const int shared[VIT_N_BUDGETS] = {0, 2, 2};
    for (int budget = 0; budget < VIT_N_BUDGETS; budget++) {
        struct vit_reproduction heads, channels;
        int found = 0;
        figure_plan(&heads, "fig4", (enum vit_budget)budget);
        figure_plan(&channels, "fig5", (enum vit_budget)budget);
        for (int i = 0; i < heads.n_unit; i++)
            for (int k = 0; k < channels.n_unit; k++) {
                const struct vit_unit *a = &heads.unit[i], *b = &channels.unit[k];
                if (!a->folder || !b->folder || strcmp(a->folder, b->folder) != 0)
                    continue;
                char *one = lesson_of(a), *other = lesson_of(b);
                assert_string_equal(one, other);
                free(one);
                free(other);
                found++;
            }
        assert_int_equal(found, shared[budget]);
        figure_forget(&heads);
        figure_forget(&channels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fig2_decides_its_claims),
        cmocka_unit_test(test_fig4_decides_its_claims),
        cmocka_unit_test(test_what_figures_share_learns_one_lesson),
    };
    return cmocka_run_group_tests_name("analysis_figures", tests, program_make_folder, program_remove_folder);
}
