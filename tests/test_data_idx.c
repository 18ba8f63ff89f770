/* SPDX-License-Identifier: MIT */
/* Idx files in memory, plain and compressed, and hostile ones. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "model/data/idx.h"

static const uint8_t small[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 11, 12, 13, 14, 15};

static void test_idx_reads_dims_and_values(void **state)
{
    (void)state;
    struct vit_idx idx;
    assert_ok(vit_idx_parse(&idx, small, sizeof small, "small"));
    assert_int_equal(idx.dims, 2);
    assert_int_equal(idx.size[0], 2);
    assert_int_equal(idx.size[1], 3);
    assert_int_equal(idx.size[2], 1);
    assert_memory_equal(idx.values, small + 12, 6);
    vit_idx_close(&idx);
}

static void test_idx_reports_hostile_headers(void **state)
{
    (void)state;
    struct vit_idx idx;
    static const uint8_t wrong_magic[] = {1, 0, 8, 1, 0, 0, 0, 1, 5}, floats[] = {0, 0, 13, 1, 0, 0, 0, 1, 5},
                         many_dims[] = {0, 0, 8, 5, 0, 0, 0, 1, 5}, no_dims[] = {0, 0, 8, 0, 5},
                         empty_dim[] = {0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 0},
                         huge[] = {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
                         lying[] = {0, 0, 8, 1, 0x7f, 255, 255, 255, 1, 2, 3};
    assert_fails(vit_idx_parse(&idx, wrong_magic, sizeof wrong_magic, "f"), VIT_EFORMAT, "f: not an idx file");
    assert_fails(vit_idx_parse(&idx, floats, sizeof floats, "f"), VIT_ENOTSUP, "f: idx values of type 0x0d");
    assert_fails(vit_idx_parse(&idx, many_dims, sizeof many_dims, "f"), VIT_EFORMAT, "5 dims; expected 1 to 4");
    assert_fails(vit_idx_parse(&idx, no_dims, sizeof no_dims, "f"), VIT_EFORMAT, "0 dims");
    assert_fails(vit_idx_parse(&idx, empty_dim, sizeof empty_dim, "f"), VIT_EFORMAT, "idx dim 1 has size 0");
    assert_fails(vit_idx_parse(&idx, huge, sizeof huge, "f"), VIT_EFORMAT, "claims more than");
    assert_fails(vit_idx_parse(&idx, lying, sizeof lying, "f"), VIT_EFORMAT, "truncated: 3 of 2147483647 values");
    assert_null(idx.values);
}

static void test_idx_reports_every_truncation_and_extra_bytes(void **state)
{
    (void)state;
    struct vit_idx idx;
    for (size_t size = 0; size < sizeof small; size++)
        assert_fails(vit_idx_parse(&idx, small, size, "f"), VIT_EFORMAT, "f: ");
    uint8_t longer[sizeof small + 1] = {0};
    memcpy(longer, small, sizeof small);
    assert_fails(vit_idx_parse(&idx, longer, sizeof longer, "f"), VIT_EFORMAT, "bytes after the 6 values");
}

static void write_bytes(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_idx_reads_gzip_and_plain_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/vit_idx_XXXXXX", path[64];
    struct vit_idx idx;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    write_bytes(path, small, sizeof small);
    assert_ok(vit_idx_read(&idx, path));
    assert_memory_equal(idx.values, small + 12, 6);
    vit_idx_close(&idx);
    gzFile gz = gzopen(path, "wb");
    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, small, sizeof small), sizeof small);
    assert_int_equal(gzclose(gz), Z_OK);
    assert_ok(vit_idx_read(&idx, path));
    assert_memory_equal(idx.values, small + 12, 6);
    vit_idx_close(&idx);

    uint8_t bytes[256];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 1; cut + 2 < size; cut++) { /* two bytes tell zlib that this is gzip */
        write_bytes(path, bytes, size - cut);
        assert_fails(vit_idx_read(&idx, path), VIT_EFORMAT, "truncated");
    }
    bytes[size - 6] ^= 1; /* in the check sum */
    write_bytes(path, bytes, size);
    assert_fails(vit_idx_read(&idx, path), VIT_EFORMAT, "incorrect data check");
    unlink(path);
    assert_fails(vit_idx_read(&idx, path), VIT_EIO, "No such file");
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_reads_dims_and_values),
        cmocka_unit_test(test_idx_reports_hostile_headers),
        cmocka_unit_test(test_idx_reports_every_truncation_and_extra_bytes),
        cmocka_unit_test(test_idx_reads_gzip_and_plain_files),
    };
    return cmocka_run_group_tests_name("data/idx", tests, NULL, NULL);
}
