"""Polynomial of Gelu.java, and values and derivatives of the activations by PyTorch in float64 for ActivationPassTest.

Needs torch and numpy:
    python3 activations.py
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.polynomial import chebyshev, polynomial

CENTRE, DEGREE, POINTS = 3.0, 14, 400


def scaled_erfcx(s):
    """erfcx(w)(1 + 2w) at s = (w - 3)/(w + 3)."""
    w = CENTRE * (1 + s) / (1 - s)
    return torch.special.erfcx(torch.tensor(w)).numpy() * (1 + 2 * w)


points = 0.9999999 * np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
coefficients = chebyshev.cheb2poly(chebyshev.chebfit(points, scaled_erfcx(points), DEGREE))
dense = np.linspace(-1, 0.95, 20001)
error = abs(polynomial.polyval(dense, coefficients) / scaled_erfcx(dense) - 1).max()
print(f"# relative error {error:.1e}; coefficients from the constant up:")
for c in coefficients:
    print(f"#   {float(c)!r}")

FUNCTIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "swish": F.silu,
    # By erfc, whose relative accuracy reaches into the tail.
    "gelu": lambda z: z * torch.special.erfc(-z / 2**0.5) / 2,
    "relu": torch.relu,
}
for name, function in FUNCTIONS.items():
    for z in [-10.0, -6.5, -3.0, -1.25, -0.5, -0.0078125, -1e-6, 0.0, 1e-6, 0.03125, 0.75, 2.0, 5.5, 30.0]:
        x = torch.tensor(np.float64(np.float32(z)), requires_grad=True)
        y = function(x)
        y.backward()
        # Without the cancellation of 1 - tanh^2 and p(1 - p).
        exact = {"tanh": torch.cosh(x) ** -2, "sigmoid": torch.sigmoid(x) * torch.sigmoid(-x)}
        slope = exact.get(name, x.grad)
        print(f'"{name}, {z}, {y.item():.12e}, {slope.item():.12e}",')
