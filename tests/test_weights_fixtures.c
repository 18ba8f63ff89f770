/* SPDX-License-Identifier: MIT */
/* test_weights_fixtures.c - the published F16 file against its listing, and generated weights against the records of
 * the reduced models (first value, last value, sum). */
#include "tests/support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/weights/generate.h"
#include "model/weights/safetensors.h"

static cJSON *read_json(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (!stream)
        fail_msg("%s: cannot open", path);
    size_t capacity = 1 << 21;
    char *text = malloc(capacity);
    assert_non_null(text);
    size_t size = fread(text, 1, capacity, stream);
    fclose(stream);
    assert_true(size < capacity);
    cJSON *root = cJSON_ParseWithLength(text, size);
    assert_non_null(root);
    free(text);
    return root;
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static int read_dims(const cJSON *object, int64_t *dim)
{
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, "shape"))
    {
        dim[n++] = (int64_t)item->valuedouble;
    }
    return n;
}

static void check_entry(const struct vit_safetensors_entry *entry, const cJSON *record)
{
    int64_t dim[VIT_SAFETENSORS_MAX_DIMS];
    assert_string_equal(entry->name, text_of(record, "name"));
    assert_string_equal(vit_dtype_table[entry->dtype].name, text_of(record, "dtype"));
    assert_int_equal(entry->bytes, (size_t)number(record, "bytes"));
    assert_int_equal(entry->ndim, read_dims(record, dim));
    assert_memory_equal(entry->dim, dim, (size_t)entry->ndim * sizeof *dim);
    if (entry->dtype == VIT_DTYPE_I64)
        return;
    vit_real *values = malloc((size_t)entry->numel * sizeof *values);
    assert_non_null(values);
    assert_ok(vit_safetensors_read(entry, 0, entry->numel, values));
    double sum = 0;
    for (int64_t i = 0; i < entry->numel; i++)
        sum += (double)values[i];
    assert_close(sum, number(record, "sum"), 1e-10 * (1 + fabs(sum))); /* listed with 12 digits */
    int i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(record, "first4"))
    {
        assert_close(values[i], item->valuedouble, 1e-11);
        i++;
    }
    free(values);
}

static void test_fixtures_the_f16_file_equals_its_listing(void **state)
{
    (void)state;
    cJSON *root = read_json("tests/fixtures/weights_efficientvit_nano_f16.json");
    struct vit_safetensors file;
    assert_ok(vit_safetensors_open(&file, "tests/fixtures/efficientvit_nano_f16.safetensors"));
    assert_int_equal(file.size, (size_t)number(root, "file_bytes"));
    assert_int_equal(file.header_bytes, (size_t)number(root, "header_bytes"));
    const cJSON *records = cJSON_GetObjectItemCaseSensitive(root, "tensors"), *record;
    assert_int_equal(file.n_entry, cJSON_GetArraySize(records));
    cJSON_ArrayForEach(record, records)
    {
        const struct vit_safetensors_entry *entry = vit_safetensors_find(&file, text_of(record, "name"));
        assert_non_null(entry);
        check_entry(entry, record);
    }
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(root, "metadata");
    assert_int_equal(file.n_metadata, cJSON_GetArraySize(metadata));
    for (int i = 0; i < file.n_metadata; i++)
        assert_string_equal(file.metadata[i].value, text_of(metadata, file.metadata[i].key));
    vit_safetensors_close(&file);
    cJSON_Delete(root);
}

static void check_model(const char *path)
{
    cJSON *root = read_json(path);
    uint64_t seed = (uint64_t)number(root, "seed");
    const cJSON *records = cJSON_GetObjectItemCaseSensitive(root, "weights"), *record;
    assert_true(cJSON_GetArraySize(records) > 10);
    cJSON_ArrayForEach(record, records)
    {
        struct vit_tensor tensor = {.name = text_of(record, "name")};
        tensor.ndim = read_dims(record, tensor.dim);
        int64_t n = vit_numel(&tensor);
        vit_real *values = malloc(vit_nbytes(&tensor));
        assert_non_null(values);
        vit_generate_tensor(&tensor, seed, values);
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)values[i];
        /* Nine digits identify a float32; the sum has twelve. */
        assert_true(values[0] == (vit_real)(float)number(record, "v0"));
        assert_true(values[n - 1] == (vit_real)(float)number(record, "vlast"));
        assert_close(sum, number(record, "sum"), 1e-10 * (1 + fabs(sum)));
        free(values);
    }
    cJSON_Delete(root);
}

static void test_fixtures_generated_weights_equal_the_records(void **state)
{
    (void)state;
    check_model("tests/fixtures/efficientvit_nano_s1.json");
    check_model("tests/fixtures/deit_nano_s1.json");
    check_model("tests/fixtures/swin_nano_s1.json");
    check_model("tests/fixtures/mobilenetv3_small_100_64_s1.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures_the_f16_file_equals_its_listing),
        cmocka_unit_test(test_fixtures_generated_weights_equal_the_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
