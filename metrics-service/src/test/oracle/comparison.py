"""Runs of both variants compared with SciPy, for GeneralizationComparisonTest.

Run with: python3 comparison.py > comparison.txt (Python 3.11, NumPy 2, SciPy 1.17).
One line for each case, separated by " | ": test errors, training losses and seconds of base, then of two-phase, by seed;
margin; mean and std of the base errors, of the two-phase errors; mean and std of the base losses, of the two-phase
losses; mean seconds of base, of two-phase, and their ratio; mean difference of errors, low and high end of its 95%
interval, p-value of the two one-sided tests.
"""

import numpy as np
from scipy import stats

# Test errors of base and of two-phase, margin.
CASES = [
    ([0.0710, 0.0690, 0.0750, 0.0700, 0.0725], [0.0705, 0.0695, 0.0745, 0.0712, 0.0718], 0.005),
    ([0.0710, 0.0690, 0.0750, 0.0700, 0.0725], [0.0890, 0.0900, 0.0915, 0.0870, 0.0905], 0.005),
    ([0.0710, 0.0690, 0.0750, 0.0700, 0.0725], [0.0760, 0.0660, 0.0840, 0.0640, 0.0790], 0.005),
    ([0.12, 0.15], [0.13, 0.14], 0.005),
    ([0.12, 0.15], [0.1205, 0.1512], 0.01),
    ([0.031, 0.028, 0.035], [0.029, 0.030, 0.033], 0.004),
    ([0.31, 0.28, 0.35, 0.30, 0.33, 0.29, 0.32, 0.34], [0.30, 0.29, 0.34, 0.31, 0.32, 0.28, 0.33, 0.33], 0.01),
]


def moments(values):
    described = stats.describe(values, ddof=1)
    return [described.mean, np.sqrt(described.variance)]


def main():
    random = np.random.default_rng(1)
    for base, two_phase, margin in CASES:
        losses = [np.exp(random.normal(-5, 1, len(base))) for _ in range(2)]
        seconds = [random.uniform(5, 9, len(base)) for _ in range(2)]
        interval = stats.ttest_rel(two_phase, base).confidence_interval(0.95)
        above = stats.ttest_rel(np.add(two_phase, margin), base, alternative="greater").pvalue
        below = stats.ttest_rel(np.subtract(two_phase, margin), base, alternative="less").pvalue
        numbers = [
            margin,
            *moments(base),
            *moments(two_phase),
            *moments(losses[0]),
            *moments(losses[1]),
            seconds[0].mean(),
            seconds[1].mean(),
            seconds[1].mean() / seconds[0].mean(),
            np.subtract(two_phase, base).mean(),
            interval.low,
            interval.high,
            max(above, below),
        ]
        lists = [base, losses[0], seconds[0], two_phase, losses[1], seconds[1]]
        fields = [" ".join(repr(float(value)) for value in values) for values in lists]
        print(" | ".join(fields + [repr(float(number)) for number in numbers]))


if __name__ == "__main__":
    main()
