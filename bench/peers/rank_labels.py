"""cleanlab's order of review, for bench/whole-way.ts: rows by self-confidence, its default ranking, lowest first, from
the mean class probabilities of a run's dense members.

    {"scores": "scores.parquet", "probabilities": "probabilities/dense.parquet"}
    [17, 4021, ...]

Of the training examples, as rows of the tables.
"""

import json
import sys

import numpy as np
import pyarrow.parquet as parquet
from cleanlab.rank import get_label_quality_scores

for line in sys.stdin:
    order = json.loads(line)
    scores = parquet.read_table(order["scores"], columns=["split", "label"])
    rows = np.flatnonzero(scores["split"].to_numpy() == "train")
    column = parquet.read_table(order["probabilities"])["probabilities"].combine_chunks()
    matrix = np.asarray(column.flatten()).reshape(len(column), -1)[rows].astype(np.float64)
    quality = get_label_quality_scores(
        scores["label"].to_numpy()[rows], matrix / matrix.sum(axis=1, keepdims=True)
    )
    print(json.dumps(rows[np.argsort(quality, kind="stable")].tolist()), flush=True)
