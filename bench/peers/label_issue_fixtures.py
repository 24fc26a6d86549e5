"""Writes test/predictions/fixtures: out-of-sample probabilities, noisy labels, and how well cleanlab ranks them.

    python bench/peers/label_issue_fixtures.py test/predictions/fixtures

scikit-learn's digits with noise on the pixels, so that models err, and a fifth of the labels drawn from the other
classes. Two models: logistic regression, whose probabilities are all above 0, and 25 nearest neighbours, whose are
multiples of 1/25 with many zeros and ties.
"""

import json
import pathlib
import sys

import cleanlab
import numpy as np
from cleanlab.rank import get_label_quality_scores
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

MODELS = {
    "logistic": LogisticRegression(max_iter=60, C=0.3),
    "neighbours": KNeighborsClassifier(25),
}

folder = pathlib.Path(sys.argv[1])
random = np.random.default_rng(0)
pixels, truth = load_digits(return_X_y=True)
pixels = pixels / 16 + random.normal(0, 0.35, pixels.shape)
wrong = random.random(len(truth)) < 0.2
labels = (truth + wrong * random.integers(1, 10, len(truth))) % 10

lines = ["label,true_label", *(f"{given},{true}" for given, true in zip(labels, truth))]
(folder / "labels.csv").write_text("\n".join(lines) + "\n")
figures = {}
for name, model in MODELS.items():
    p = cross_val_predict(model, pixels, labels, cv=5, method="predict_proba").astype(np.float16)
    np.save(folder / f"{name}.npy", p)
    figures[name] = {
        method: {
            "averagePrecision": average_precision_score(wrong, -scores),
            "auroc": roc_auc_score(wrong, -scores),
        }
        for method in ["self_confidence", "normalized_margin", "confidence_weighted_entropy"]
        for scores in [get_label_quality_scores(labels, p.astype(np.float64), method=method)]
    }
made_by = f"bench/peers/label_issue_fixtures.py, cleanlab {cleanlab.__version__}, numpy {np.__version__}"
(folder / "cleanlab.json").write_text(json.dumps({"madeBy": made_by, **figures}, indent=2) + "\n")

# Five annotators of the same digits, right 95, 90, 85, 75 and 60 times in 100, each of whom labels a part of them.
crowd = np.random.default_rng(1)
accuracy = np.array([0.95, 0.9, 0.85, 0.75, 0.6])
shares = np.array([0.15, 0.3, 0.5, 0.7, 0.8])
asked = crowd.random((len(truth), 5)) < shares
asked[~asked.any(axis=1), 4] = True
given = np.where(
    crowd.random(asked.shape) < accuracy,
    truth[:, None],
    (truth[:, None] + crowd.integers(1, 10, asked.shape)) % 10,
)
rows = [
    ",".join([str(true), *(str(label) if shown else "" for label, shown in zip(labels, seen))])
    for true, labels, seen in zip(truth, given, asked)
]
(folder / "crowd.csv").write_text("\n".join(["true_label,ann,bob,cleo,dan,eve", *rows]) + "\n")

# What the digits are beside their number. One tag in thirty is wrong, and one in six that should be there is missing.
TAGS = {"even": "02468", "prime": "2357", "loop": "0689", "large": "6789"}
random = np.random.default_rng(2)
tags = np.array([[str(digit) in digits for digits in TAGS.values()] for digit in truth])
given = np.where(tags, random.random(tags.shape) > 1 / 6, random.random(tags.shape) < 1 / 30)
p = np.stack(
    [
        cross_val_predict(KNeighborsClassifier(15, weights="distance"), pixels, column, cv=5, method="predict_proba")[:, 1]
        for column in given.T
    ],
    axis=1,
)
np.save(folder / "tags.npy", p.astype(np.float16))
lists = ["|".join(name for name, has in zip(TAGS, row) if has) for row in given]
rows = [f"{digit},{tags}" for digit, tags in zip(truth, lists)]
(folder / "tags.csv").write_text("\n".join(["digit,labels", *rows]) + "\n")
