// The sigmoid and the hyperbolic tangent, each within two units in the last place.
#pragma once
#include "lanes.h"

namespace statewise {
namespace STATEWISE_TARGET {

struct Power {
    Lanes scale, near, rest;  // e^x = scale * (1 + near + rest), rest the smaller by far
};

// For -87 <= x <= 88. With n the whole number nearest x / ln 2, e^x = 2^n e^r and |r| <= ln 2 / 2; the polynomial is the
// best of its degree for (e^r - 1 - r) / r^2 there, fitted with weights r to make the error of e^r - 1 even.
static inline Power power(Lanes x) {
    const Lanes whole = fill(12582912.0f);  // 1.5 * 2^23: a number added to it is rounded to a whole one
    const Lanes shifted = fused(x, fill(1.44269504f), whole);
    const Lanes n = shifted - whole;
    Lanes r = fused(n, fill(-0.693359375f), x);  // ln 2 in two parts, the first exact in few bits
    r = fused(n, fill(2.12194440e-4f), r);
    Lanes q = fill(1.99120587e-4f);
    q = fused(q, r, fill(1.39411074e-3f));
    q = fused(q, r, fill(8.33327689e-3f));
    q = fused(q, r, fill(4.16663532e-2f));
    q = fused(q, r, fill(0.166666668f));
    q = fused(q, r, fill(0.500000005f));
    const Wholes exponent = (Wholes)shifted - (Wholes)whole + 127;
    return {(Lanes)(exponent << 23), r, r * r * q};
}

// e^x of numbers up to 88; what would be below e^-87 is nought.
static inline Lanes exponential(Lanes x) {
    const Power p = power(x < -87.0f ? fill(-87.0f) : x);
    return x < -87.0f ? Lanes{} : fused(p.near + p.rest, p.scale, p.scale);
}

// What rounding took from a sum of `larger` and `smaller`.
static inline Lanes lost(Lanes larger, Lanes smaller, Lanes sum) { return (larger - sum) + smaller; }

// Both quotients have a sum below the line, and are mended by what rounding took from it.
//
// Below -87 it stays at 1.6e-38 where it would go on to zero, so that no slow subnormal number arises.
static inline Lanes sigmoid(Lanes x) {
    const Lanes one = fill(1.0f);
    const Power p = power(-at_most(absolute(x), 87.0f));
    const Lanes sum = one + p.near, rest = lost(one, p.near, sum) + p.rest;
    const Lanes whole = sum + rest;
    const Lanes e = whole * p.scale, of_e = lost(sum, rest, whole) * p.scale;
    const Lanes below = one + e, of_below = lost(one, e, below) + of_e;
    const Lanes y = (x < 0 ? e : one) / below;
    const Lanes inverse = x < 0 ? one - y : y;  // of what is below
    return fused(fused(-y, of_below, x < 0 ? of_e : Lanes{}), inverse, y);
}

static inline Lanes hyperbolic_tangent(Lanes x) {
    const Power p = power(2.0f * at_most(absolute(x), 10.0f));
    const Lanes e = fused(p.near + p.rest, p.scale, p.scale - 1.0f);  // e^2x - 1
    const Lanes below = e + 2.0f;
    const Lanes y = e / below;
    const Lanes two = fill(2.0f), of_below = e > two ? lost(e, two, below) : lost(two, e, below);
    const Lanes inverse = fused(y, fill(-0.5f), fill(0.5f));
    return with_sign_of(fused(-y * of_below, inverse, y), x);
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
