"""Reference intervals for test/scoring/block-differences.test.ts, from statsmodels' least squares.

    python bench/peers/block_difference_fixture.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.formula.api as smf

TARGET = Path(__file__).parents[2] / "test" / "scoring" / "fixtures" / "block-differences.json"
rng = np.random.default_rng(11)

cases = []
for treatments, blocks, comparisons in [(2, 3, 1), (5, 3, 3), (8, 5, 5), (3, 2, 2)]:
    names = [f"t{i}" for i in range(treatments)]
    seeds = rng.normal(0, 0.01, blocks)
    outcomes = {name: 0.8 + 0.004 * i + seeds + rng.normal(0, 0.003, blocks) for i, name in enumerate(names)}
    frame = pd.DataFrame(
        [(name, str(b), y) for name, values in outcomes.items() for b, y in enumerate(values)],
        columns=["treatment", "block", "y"],
    )
    fit = smf.ols("y ~ C(treatment) + C(block)", frame).fit()
    contrast = f"C(treatment)[T.t{treatments - 1}] = 0"
    test = fit.t_test(contrast)
    low, high = test.conf_int(alpha=0.05 / comparisons)[0]
    cases.append(
        {
            "outcomes": {name: values.tolist() for name, values in outcomes.items()},
            "comparisons": comparisons,
            "first": names[-1],
            "second": names[0],
            "mean": float(test.effect[0]),
            "low": float(low),
            "high": float(high),
        }
    )

made = {"madeBy": "bench/peers/block_difference_fixture.py", "statsmodels": statsmodels.__version__}
TARGET.write_text(json.dumps({**made, "cases": cases}) + "\n")
