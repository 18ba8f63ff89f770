/* SPDX-License-Identifier: MIT */
/* record.c - schemas: looking columns up by name, and gathering them from several places. */
#include "reports/record.h"

#include <stdlib.h>
#include <string.h>

#include "model/base/status.h"

int vit_schema_find(const struct vit_schema *schema, const char *name)
{
    for (int i = 0; i < schema->n_columns; i++)
        if (!strcmp(schema->column[i].name, name))
            return i;
    return -1;
}

void vit_schema_open(struct vit_schema_builder *builder, const char *name, int version)
{
    *builder = (struct vit_schema_builder){.schema = {.name = name, .version = version}};
}

void vit_schema_close(struct vit_schema_builder *builder)
{
    free(builder->column);
    *builder = (struct vit_schema_builder){.capacity = 0};
}

static int reserve(struct vit_schema_builder *builder, int n)
{
    int needed = builder->schema.n_columns + n;
    if (needed <= builder->capacity)
        return VIT_OK;
    int capacity = needed * 2;
    struct vit_column *column = realloc(builder->column, (size_t)capacity * sizeof *column);
    if (!column)
        return vit_fail(VIT_ENOMEM, "schema %s: out of memory for %d columns", builder->schema.name, capacity);
    builder->column = column;
    builder->schema.column = column;
    builder->capacity = capacity;
    return VIT_OK;
}

int vit_schema_add(struct vit_schema_builder *builder, const struct vit_column *column, int n)
{
    int status = reserve(builder, n);
    if (status != VIT_OK)
        return status;
    int before = builder->schema.n_columns;
    for (int i = 0; i < n; i++) {
        if (vit_schema_find(&builder->schema, column[i].name) >= 0) {
            builder->schema.n_columns = before;
            return vit_fail(VIT_EINVAL, "schema %s: column %s is there twice: two sources offer the same name",
                            builder->schema.name, column[i].name);
        }
        builder->column[builder->schema.n_columns++] = column[i];
    }
    return VIT_OK;
}
