/* SPDX-License-Identifier: MIT */
/* test_weights_dtype.c - conversions between file formats and vit_real, all 16-bit patterns included. */
#include "tests/support/test.h"

#include "model/weights/dtype.h"

static vit_real decode16(enum vit_dtype dtype, unsigned pattern)
{
    unsigned char bytes[2] = {(unsigned char)pattern, (unsigned char)(pattern >> 8)};
    vit_real value;
    vit_dtype_decode(dtype, 1, bytes, &value);
    return value;
}

static unsigned encode16(enum vit_dtype dtype, double value)
{
    vit_real real = (vit_real)value;
    unsigned char bytes[2];
    vit_dtype_encode(dtype, 1, &real, bytes);
    return bytes[0] | (unsigned)bytes[1] << 8;
}

static void test_dtype_every_16_bit_pattern_survives(void **state)
{
    (void)state;
    static const enum vit_dtype formats[] = {VIT_DTYPE_F16, VIT_DTYPE_BF16};
    for (int f = 0; f < 2; f++)
        for (unsigned pattern = 0; pattern < 65536; pattern++) {
            vit_real value = decode16(formats[f], pattern);
            if (isnan(value))
                assert_true(isnan(decode16(formats[f], encode16(formats[f], (double)value))));
            else
                assert_int_equal(encode16(formats[f], (double)value), pattern);
        }
}

static void test_dtype_half_has_the_ieee_values(void **state)
{
    (void)state;
    static const struct {
        unsigned pattern;
        double value;
    } cases[] = {{0x0000, 0},        {0x8000, -0.0},      {0x0001, 0x1p-24},    {0x03ff, 0x3ffp-24},
                 {0x0400, 0x1p-14},  {0x3c00, 1},         {0xc000, -2},         {0x7bff, 65504},
                 {0x7c00, INFINITY}, {0xfc00, -INFINITY}, {0x3555, 0x1.554p-2}, {0x8001, -0x1p-24}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = (double)decode16(VIT_DTYPE_F16, cases[i].pattern);
        assert_true(value == cases[i].value && signbit(value) == signbit(cases[i].value));
    }
    assert_true(isnan(decode16(VIT_DTYPE_F16, 0x7c01)));
    assert_true(isnan(decode16(VIT_DTYPE_F16, 0xfe00)));
    assert_true((double)decode16(VIT_DTYPE_BF16, 0x3f80) == 1);
    assert_true((double)decode16(VIT_DTYPE_BF16, 0x0001) == 0x1p-133);
    assert_true((double)decode16(VIT_DTYPE_BF16, 0x7f7f) == 0x1.fep127);
}

static void test_dtype_rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct {
        double value;
        unsigned half, bfloat;
    } cases[] = {
        {1 + 0x1p-11, 0x3c00, 0x3f80},     /* half: tie to even, down */
        {1 + 0x3p-11, 0x3c02, 0x3f80},     /* half: tie to even, up */
        {1 + 0x1.004p-11, 0x3c01, 0x3f80}, /* half: above the tie */
        {1 + 0x1p-8, 0x3c04, 0x3f80},      /* bfloat: tie, down */
        {1 + 0x3p-8, 0x3c0c, 0x3f82},      /* bfloat: tie, up */
        {2 - 0x1p-12, 0x4000, 0x4000},     /* the carry moves to the exponent */
        {65519, 0x7bff, 0x4780},           /* the largest that is not infinite as half */
        {65520, 0x7c00, 0x4780},           /* tie with infinity */
        {0x1p-25, 0x0000, 0x3300},         /* half: tie with the smallest subnormal, to even */
        {0x1.8p-24, 0x0002, 0x33c0},       /* half: tie between subnormals */
        {0x1.ffcp-15, 0x0400, 0x3880},     /* half: rounds up from subnormal to normal */
        {-3e38, 0xfc00, 0xff62},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(encode16(VIT_DTYPE_F16, cases[i].value), cases[i].half);
        assert_int_equal(encode16(VIT_DTYPE_BF16, cases[i].value), cases[i].bfloat);
    }
}

static void test_dtype_wide_formats_keep_every_bit(void **state)
{
    (void)state;
    const vit_real values[] = {(vit_real)0.1, -0.0f, (vit_real)INFINITY, (vit_real)1e-40, (vit_real)3.4e38};
    vit_real back[5];
    unsigned char bytes[5 * sizeof(double)];
    vit_dtype_encode(VIT_DTYPE_REAL, 5, values, bytes);
    vit_dtype_decode(VIT_DTYPE_REAL, 5, bytes, back);
    assert_memory_equal(values, back, sizeof values);
    vit_dtype_encode(VIT_DTYPE_F64, 5, values, bytes);
    vit_dtype_decode(VIT_DTYPE_F64, 5, bytes, back);
    assert_memory_equal(values, back, sizeof values);
    const unsigned char one[] = {0, 0, 0x80, 0x3f}; /* little-endian */
    vit_dtype_decode(VIT_DTYPE_F32, 1, one, back);
    assert_true(back[0] == 1);
}

static void test_dtype_is_found_by_name(void **state)
{
    (void)state;
    assert_int_equal(vit_dtype_find("BF16"), VIT_DTYPE_BF16);
    assert_int_equal(vit_dtype_find("F8_E4M3"), VIT_DTYPE_F8_E4M3);
    assert_int_equal(vit_dtype_find("f32"), VIT_N_DTYPES);
    assert_int_equal(vit_dtype_find(""), VIT_N_DTYPES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtype_every_16_bit_pattern_survives),
        cmocka_unit_test(test_dtype_half_has_the_ieee_values),
        cmocka_unit_test(test_dtype_rounds_to_nearest_even),
        cmocka_unit_test(test_dtype_wide_formats_keep_every_bit),
        cmocka_unit_test(test_dtype_is_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
