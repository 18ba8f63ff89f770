/* SPDX-License-Identifier: MIT */
#include "model/train/not_finite.h"

#include <math.h>
#include <stdio.h>

struct search {
    char *text;
    bool found;
};

static bool is_finite(const struct vit_tensor *tensor)
{
    const int64_t n = vit_numel(tensor);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(tensor->data[i]))
            return false;
    return true;
}

static void begin(void *self, const struct vit_step *step)
{
    (void)self;
    (void)step;
}

static void look(struct search *search, const struct vit_step *step, const struct vit_tensor *tensor)
{
    if (search->found || !tensor || is_finite(tensor))
        return;
    search->found = true;
    snprintf(search->text, VIT_NOT_FINITE_TEXT, "%.100s, which %s %.100s wrote", tensor->name, step->def->name,
             step->op->name);
}

static void end(void *self, const struct vit_step *step)
{
    struct search *search = self;
    if (step->pass == VIT_FORWARD)
        for (int i = 0; i < step->op->n_out; i++)
            look(search, step, step->op->out[i]);
    else
        for (int i = 0; i < step->op->n_in; i++)
            if (step->op->in[i]->grad)
                look(search, step, step->op->in[i]->grad);
}

bool vit_not_finite_find(struct vit_exec *exec, char text[VIT_NOT_FINITE_TEXT])
{
    const struct vit_graph *graph = exec->plan->graph;
    for (int i = 0; i < graph->n_tensor; i++) {
        const struct vit_tensor *t = graph->tensor[i];
        if (t->space <= VIT_SPACE_BUFFER && !t->base && !is_finite(t)) {
            snprintf(text, VIT_NOT_FINITE_TEXT, "%.100s", t->name);
            return true;
        }
    }
    struct search search = {.text = text};
    const struct vit_observer *observer = exec->observer, look_at = {.begin = begin, .end = end, .self = &search};
    const int n = exec->n_observer;
    vit_exec_observe(exec, &look_at, 1);
    vit_exec_run(exec);
    vit_exec_observe(exec, observer, n);
    return search.found;
}
