"""Test errors compared with SciPy, for GeneralizationComparisonTest.

Run with: python3 comparison.py > comparison.txt (Python 3.11, NumPy 2, SciPy 1.17).
One line for each case: base errors | two-phase errors | margin | base mean | base std | two-phase mean |
two-phase std | mean difference | low | high end of its 95% interval | p-value of the two one-sided tests.
"""

import numpy as np
from scipy import stats

CASES = [
    ([0.0710, 0.0690, 0.0750, 0.0700, 0.0725], [0.0705, 0.0695, 0.0745, 0.0712, 0.0718], 0.005),
    ([0.0710, 0.0690, 0.0750, 0.0700, 0.0725], [0.0890, 0.0900, 0.0915, 0.0870, 0.0905], 0.005),
    ([0.0710, 0.0690, 0.0750, 0.0700, 0.0725], [0.0760, 0.0660, 0.0840, 0.0640, 0.0790], 0.005),
    ([0.12, 0.15], [0.13, 0.14], 0.005),
    ([0.12, 0.15], [0.1205, 0.1512], 0.01),
    ([0.031, 0.028, 0.035], [0.029, 0.030, 0.033], 0.004),
    ([0.31, 0.28, 0.35, 0.30, 0.33, 0.29, 0.32, 0.34], [0.30, 0.29, 0.34, 0.31, 0.32, 0.28, 0.33, 0.33], 0.01),
]


def tost(difference, margin):
    low = stats.ttest_1samp(difference, -margin, alternative="greater").pvalue
    high = stats.ttest_1samp(difference, margin, alternative="less").pvalue
    return max(low, high)


def main():
    for base, two_phase, margin in CASES:
        base, two_phase = np.array(base), np.array(two_phase)
        difference = two_phase - base
        interval = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
        numbers = [
            margin,
            base.mean(),
            base.std(ddof=1),
            two_phase.mean(),
            two_phase.std(ddof=1),
            difference.mean(),
            interval.low,
            interval.high,
            tost(difference, margin),
        ]
        fields = [" ".join(map(repr, map(float, base))), " ".join(map(repr, map(float, two_phase)))]
        print(" | ".join(fields + [repr(float(number)) for number in numbers]))


if __name__ == "__main__":
    main()
