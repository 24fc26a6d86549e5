"""Writes test/scoring/fixtures/consensus.json and multi-label.json: what others say of small seeded data.

    python bench/peers/annotator_fixtures.py test/scoring/fixtures

The consensus is that of expectation maximisation over all classes at once in float64, and of cleanlab's CROWDLAB.
Probabilities are multiples of 1/1024, which float32 holds exactly.
"""

import json
import pathlib
import sys

import cleanlab
import numpy as np
import pandas as pd
from cleanlab.multiannotator import get_label_quality_multiannotator, get_majority_vote_label
from cleanlab.multilabel_classification import get_label_quality_scores
from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

folder = pathlib.Path(sys.argv[1])
made_by = f"bench/peers/annotator_fixtures.py, cleanlab {cleanlab.__version__}, numpy {np.__version__}"


def rounded(p):
    """Rows of multiples of 1/1024 that sum to 1."""
    p = np.floor(p * 1024)
    p[np.arange(len(p)), p.argmax(axis=1)] += 1024 - p.sum(axis=1)
    return p / 1024


def crowd(random, examples, classes, skills, shown, model_skill):
    truth = random.integers(0, classes, examples)
    p = random.dirichlet(np.full(classes, 0.6), examples)
    p[np.arange(examples), truth] += model_skill
    p = rounded(p / p.sum(axis=1, keepdims=True))
    labels = np.full((examples, len(skills)), np.nan)
    for j, skill in enumerate(skills):
        right = random.random(examples) < skill
        labels[:, j] = np.where(right, truth, (truth + random.integers(1, classes, examples)) % classes)
    labels[random.random(labels.shape) >= shown] = np.nan
    lonely = np.isnan(labels).all(axis=1)
    labels[lonely, 0] = truth[lonely]
    result = get_label_quality_multiannotator(pd.DataFrame(labels), p, verbose=False)["label_quality"]
    majority = get_majority_vote_label(pd.DataFrame(labels), p, verbose=False)
    return {
        "probabilities": p.tolist(),
        "labels": [[None if np.isnan(label) else int(label) for label in row] for row in labels],
        "truth": truth.tolist(),
        "majority": majority.tolist(),
        "crowdlab": result["consensus_label"].tolist(),
        **dawid_skene(labels, p, majority),
    }


def dawid_skene(labels, p, majority):
    """One accuracy an annotator; the model's probabilities to a power as the prior."""
    examples, classes = p.shape
    powers = 2.0 ** (np.arange(13) / 4 - 1)
    log_p = np.log(np.maximum(p, 0.01 / classes))
    log_partition = np.log(np.exp(powers[:, None, None] * log_p).sum(axis=2)).sum(axis=1)
    given = ~np.isnan(labels)
    votes = labels[:, :, None] == np.arange(classes)
    posterior = np.eye(classes)[majority]
    power = 1.0
    for _ in range(2000):
        right = (votes * posterior[:, None, :]).sum(axis=2)
        mean = right.sum() / given.sum()
        accuracy = np.clip((right.sum(axis=0) + 2 * mean) / (given.sum(axis=0) + 2), 0.001, 0.999)
        gain = np.log(accuracy) - np.log((1 - accuracy) / (classes - 1))
        weight = power * log_p + (votes * gain[:, None]).sum(axis=1)
        weight -= weight.max(axis=1, keepdims=True)
        posterior = np.exp(weight) / np.exp(weight).sum(axis=1, keepdims=True)
        power = powers[np.argmax(powers * (posterior * log_p).sum() - log_partition)]
    return {
        "consensus": posterior.argmax(axis=1).tolist(),
        "quality": posterior.max(axis=1).tolist(),
        "accuracy": accuracy.tolist(),
        "sharpness": power,
    }


random = np.random.default_rng(7)
crowds = {
    "few labels": crowd(random, 80, 4, [0.9, 0.8, 0.7, 0.6, 0.4], 0.5, 0.5),
    "strong annotators": crowd(random, 50, 3, [0.95, 0.9, 0.9], 1, 0.2),
    "strong model": crowd(random, 60, 6, [0.5, 0.4, 0.45, 0.3], 0.7, 3),
}
(folder / "consensus.json").write_text(json.dumps({"madeBy": made_by, "crowds": crowds}) + "\n")

examples, classes = 120, 5
given = (random.random((examples, classes)) < [0.5, 0.4, 0.3, 0.2, 0.1]).astype(int)
p = np.floor(np.clip(0.15 + 0.7 * given + random.normal(0, 0.3, given.shape), 0, 1) * 1024) / 1024
lists = [list(np.flatnonzero(row)) for row in given]
scores = get_label_quality_scores(lists, p, aggregator_kwargs={"method": "softmin", "temperature": 0.1})
issues = find_multilabel_issues_per_class(lists, p)
multi_label = {
    "madeBy": made_by,
    "given": given.tolist(),
    "probabilities": p.tolist(),
    "softmin": scores.tolist(),
    "issues": issues.astype(int).tolist(),
}
(folder / "multi-label.json").write_text(json.dumps(multi_label) + "\n")
