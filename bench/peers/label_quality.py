"""cleanlab's side of bench/labels.ts: label quality by each of its methods, from mean class probabilities.

    {"scores": "scores.parquet", "probabilities": "probabilities/dense.parquet", "split": "train"}
    {"cleanlab self_confidence": [0.98, ...], ...}

Of the examples of the split whose true label is known, in the order of the tables; low means wrong. The true labels
choose the examples and are used for nothing else.
"""

import json
import sys

import cleanlab
import numpy as np
import pyarrow.parquet as parquet
from cleanlab.rank import get_label_quality_scores

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


def answer(order):
    scores = parquet.read_table(order["scores"], columns=["example_id", "split", "label", "true_label"])
    probabilities = parquet.read_table(order["probabilities"])
    assert scores["example_id"].equals(probabilities["example_id"]), "the tables are about other examples"
    wanted = scores["split"].to_numpy() == order["split"]
    wanted &= ~scores["true_label"].is_null().to_numpy()
    labels = scores["label"].to_numpy()[wanted]
    given = matrix(probabilities["probabilities"])[wanted].astype(np.float64)
    given /= given.sum(axis=1, keepdims=True)
    return {
        f"cleanlab {method}{', adjusted' if adjusted else ''}": get_label_quality_scores(
            labels, given, method=method, adjust_pred_probs=adjusted
        ).tolist()
        for method, adjusted in METHODS
    }


print(json.dumps({"version": cleanlab.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
