/* SPDX-License-Identifier: MIT */
/* dtype.c - conversions through bit patterns, so that they do not depend on the machine's byte order or half floats. */
#include "model/weights/dtype.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const struct vit_dtype_info vit_dtype_table[VIT_N_DTYPES] = {
#define X(name, bits, loadable) {#name, bits, loadable},
    VIT_DTYPE_LIST(X)
#undef X
};

enum vit_dtype vit_dtype_find(const char *name)
{
    int i = 0;
    while (i < VIT_N_DTYPES && strcmp(vit_dtype_table[i].name, name) != 0)
        i++;
    return (enum vit_dtype)i;
}

static uint64_t load_bytes(const unsigned char *bytes, int n)
{
    uint64_t bits = 0;
    for (int i = 0; i < n; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    return bits;
}

static void store_bytes(uint64_t bits, int n, unsigned char *bytes)
{
    for (int i = 0; i < n; i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_from_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu, mantissa = half & 0x3ffu;
    if (exponent == 0) {
        float magnitude = (float)mantissa * 0x1p-24f; /* subnormal or zero: exact */
        return sign ? -magnitude : magnitude;
    }
    uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
    return float_from_bits(sign | wide << 23 | mantissa << 13);
}

/* Bits of a 16-bit format with `precision` mantissa bits and the exponent bias `bias`. */
static uint32_t bits_from_real(double value, int precision, int bias)
{
    uint32_t sign = signbit(value) ? 0x8000u : 0, infinity = (uint32_t)(2 * bias + 1) << precision;
    double magnitude = fabs(value);
    if (isnan(value))
        return sign | infinity | 1u << (precision - 1);
    if (magnitude == 0 || isinf(value))
        return sign | (magnitude == 0 ? 0 : infinity);
    int exponent; /* magnitude = [0.5, 1) * 2^exponent */
    frexp(magnitude, &exponent);
    int lowest = 2 - bias; /* of normal numbers; those below share its spacing */
    if (exponent < lowest)
        exponent = lowest;
    /* nearbyint: ties to even. A carry out of the mantissa moves into the exponent field by itself. */
    double steps = nearbyint(ldexp(magnitude, precision + 1 - exponent));
    if (exponent > bias + 1)
        return sign | infinity;
    uint32_t bits = (uint32_t)(exponent - lowest) * (1u << precision) + (uint32_t)steps;
    return sign | (bits > infinity ? infinity : bits);
}

void vit_dtype_decode(enum vit_dtype dtype, int64_t count, const unsigned char *bytes, vit_real *out)
{
    assert(vit_dtype_table[dtype].loadable);
    int size = vit_dtype_table[dtype].bits / 8;
    for (int64_t i = 0; i < count; i++, bytes += size) {
        uint64_t bits = load_bytes(bytes, size);
        double wide;
        switch (dtype) {
        case VIT_DTYPE_F16:
            out[i] = float_from_half((uint32_t)bits);
            break;
        case VIT_DTYPE_BF16:
            out[i] = float_from_bits((uint32_t)bits << 16);
            break;
        case VIT_DTYPE_F32:
            out[i] = float_from_bits((uint32_t)bits);
            break;
        default:
            memcpy(&wide, &bits, sizeof wide);
            out[i] = (vit_real)wide;
        }
    }
}

void vit_dtype_encode(enum vit_dtype dtype, int64_t count, const vit_real *values, unsigned char *out)
{
    assert(vit_dtype_table[dtype].loadable);
    int size = vit_dtype_table[dtype].bits / 8;
    for (int64_t i = 0; i < count; i++, out += size) {
        double wide = values[i];
        float narrow = (float)values[i];
        uint64_t bits = 0;
        switch (dtype) {
        case VIT_DTYPE_F16:
            bits = bits_from_real(wide, 10, 15);
            break;
        case VIT_DTYPE_BF16:
            bits = bits_from_real(wide, 7, 127);
            break;
        case VIT_DTYPE_F32: {
            uint32_t pattern;
            memcpy(&pattern, &narrow, sizeof pattern);
            bits = pattern;
            break;
        }
        default:
            memcpy(&bits, &wide, sizeof bits);
        }
        store_bytes(bits, size, out);
    }
}
