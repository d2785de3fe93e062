// The sigmoid and the hyperbolic tangent, each within two units in the last place.
#pragma once
#include "lanes.h"

namespace statewise {
namespace STATEWISE_TARGET {

struct Power {
    Lanes scale, fraction;  // e^x = scale * (1 + fraction)
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
    return {(Lanes)(exponent << 23), fused(r * r, q, r)};
}

// Below -87 it stays at 1.6e-38 where it would go on to zero, so that no slow subnormal number arises.
static inline Lanes sigmoid(Lanes x) {
    const Power p = power(-at_most(absolute(x), 87.0f));
    const Lanes e = fused(p.fraction, p.scale, p.scale);
    return (x < 0 ? e : fill(1.0f)) / (e + 1.0f);
}

static inline Lanes hyperbolic_tangent(Lanes x) {
    const Power p = power(2.0f * at_most(absolute(x), 10.0f));
    const Lanes e = fused(p.fraction, p.scale, p.scale - 1.0f);  // e^2x - 1
    return with_sign_of(e / (e + 2.0f), x);
}

}  // namespace STATEWISE_TARGET
}  // namespace statewise
