"""Drift tests by SciPy and the difference of two shares by statsmodels: test/difference/fixtures/drift.json."""

import json
import pathlib
import sys

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

random = np.random.default_rng(7)


def two_samples(a, b):
    a, b = a.astype(np.float32), b.astype(np.float32)
    exact = stats.ks_2samp(a, b, method="exact")
    root = np.sqrt(len(a) * len(b) / (len(a) + len(b)))
    # Stephens' correction to the limiting distribution.
    corrected = stats.kstwobign.sf((root + 0.12 + 0.11 / root) * exact.statistic)
    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "statistic": exact.statistic,
        "p": corrected,
        "exact": exact.pvalue,
    }


samples = [
    two_samples(random.normal(size=80), random.normal(size=60)),
    two_samples(random.normal(size=120), random.normal(0.8, 1.4, size=45)),
    two_samples(random.uniform(size=30), random.beta(2, 2, size=90)),
    two_samples(random.integers(0, 6, size=50), random.integers(1, 7, size=40)),
]

tables = []
for a, b in [([50, 30, 20], [44, 41, 15]), ([900, 12, 88, 0], [100, 9, 3, 7]), ([10, 0, 30], [12, 0, 25])]:
    kept = [pair for pair in zip(a, b) if sum(pair) > 0]
    test = stats.chi2_contingency(np.array(kept).T, correction=False)
    tables.append({"a": a, "b": b, "chiSquare": test.statistic, "df": int(test.dof), "p": test.pvalue})

shares = []
for a, n_a, b, n_b in [(340, 10_000, 120, 10_000), (7, 200, 11, 260), (0, 50, 4, 60)]:
    low, high = confint_proportions_2indep(b, n_b, a, n_a, method="newcomb", compare="diff")
    shares.append({"a": [a, n_a], "b": [b, n_b], "low": low, "high": high})

survival = [{"lambda": x, "p": stats.kstwobign.sf(x)} for x in np.linspace(0.2, 4, 20)]
fixture = {"samples": samples, "tables": tables, "shares": shares, "survival": survival}
pathlib.Path(sys.argv[1]).write_text(json.dumps(fixture) + "\n")
