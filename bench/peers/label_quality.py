"""cleanlab's side of bench/labels.ts: quality by each of its scores, issues by each of its filters, from mean class
probabilities.

    {"scores": "scores.parquet", "probabilities": ["probabilities/dense.parquet", ...], "split": "train"}
    {"scores": {"self_confidence": [0.98, ...], ...}, "issues": {"prune_by_noise_rate": [0, 1, ...], ...}, "seconds": 1.2}

Of the examples of the split whose true label is known, in the order of the tables; low means wrong. The true labels
choose the examples and are used for nothing else. `seconds` are those of the default filter and ranking.
"""

import json
import sys
import time

import cleanlab
import numpy as np
import pyarrow.parquet as parquet
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_ensemble_scores, get_label_quality_scores

# cleanlab refuses to adjust confidence_weighted_entropy by the mean confidence of each class.
METHODS = [
    ("self_confidence", False),
    ("self_confidence", True),
    ("normalized_margin", False),
    ("normalized_margin", True),
    ("confidence_weighted_entropy", False),
]


def matrix(column):
    flat = column.combine_chunks()
    return np.asarray(flat.flatten()).reshape(len(flat), -1)


FILTERS = [
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]


def answer(order):
    scores = parquet.read_table(order["scores"], columns=["example_id", "split", "label", "true_label"])
    wanted = scores["split"].to_numpy() == order["split"]
    wanted &= ~scores["true_label"].is_null().to_numpy()
    labels = scores["label"].to_numpy()[wanted]

    def probabilities(path):
        table = parquet.read_table(path)
        assert scores["example_id"].equals(table["example_id"]), "the tables are about other examples"
        given = matrix(table["probabilities"])[wanted].astype(np.float64)
        return given / given.sum(axis=1, keepdims=True)

    levels = [probabilities(path) for path in order["probabilities"]]
    dense = levels[0]
    begin = time.perf_counter()
    find_label_issues(labels, dense, return_indices_ranked_by="self_confidence", n_jobs=1)
    seconds = time.perf_counter() - begin
    quality = {
        f"{method}{', adjusted' if adjusted else ''}": get_label_quality_scores(
            labels, dense, method=method, adjust_pred_probs=adjusted
        )
        for method, adjusted in METHODS
    }
    if len(levels) > 1:
        quality["ensemble"] = get_label_quality_ensemble_scores(labels, levels, verbose=False)
    issues = {}
    for name in FILTERS:
        try:
            issues[name] = find_label_issues(labels, dense, filter_by=name, n_jobs=1).astype(int).tolist()
        except ValueError as error:
            print(f"{name}: {error}", file=sys.stderr)
    return {
        "scores": {name: values.tolist() for name, values in quality.items()},
        "issues": issues,
        "predicted": dense.argmax(axis=1).tolist(),
        "seconds": seconds,
    }


print(json.dumps({"version": cleanlab.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
