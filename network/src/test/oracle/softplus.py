"""Softplus ln(1 + exp(s*z))/s and its derivative with 60 digits. Needs Python 3 only; its output stands in SoftplusTest."""

from decimal import Decimal, getcontext

getcontext().prec = 60
for sharpness in [100, 1]:
    for z in [-0.875, -0.5, -0.1875, -0.125, -0.0078125, 0.0, 0.0078125, 0.125, 0.1875, 0.5, 2.5]:
        e = (Decimal(sharpness) * Decimal(z)).exp()
        print(f'"{sharpness}, {z}, {(1 + e).ln() / sharpness:.12e}, {e / (1 + e):.12e}",')
