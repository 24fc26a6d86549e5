"""Consensus of made-up crowds by cleanlab's CROWDLAB and by pieline, from the same labels and predictions.

    python bench/peers/annotators.py

Prints the table of docs/several-annotators.md. The predictions are those of test/predictions/fixtures. In a crowd with
shared errors examples are hard or easy for all, and seven errors in ten on an example are of one class.
"""

import json
import pathlib
import subprocess
import tempfile

import numpy as np
import pandas as pd
from cleanlab.multiannotator import get_label_quality_multiannotator
from sklearn.metrics import roc_auc_score

CROWDS = {
    "5 of 90 to 50 %, 2.5 labels": ([0.9, 0.8, 0.7, 0.6, 0.5], 0.5),
    "3 of 80 %, 3 labels": ([0.8] * 3, 1),
    "10 of 60 %, 3 labels": ([0.6] * 10, 0.3),
    "20 of 95 to 38 %, 2 labels": (np.linspace(0.95, 0.38, 20), 0.1),
}

root = pathlib.Path(__file__).parents[2]
fixtures = root / "test/predictions/fixtures"
truth = pd.read_csv(fixtures / "labels.csv").true_label.to_numpy()


def crowd(random, accuracies, shown, shared):
    shape = (len(truth), len(accuracies))
    difficulty = random.random((len(truth), 1)) ** 2
    accuracy = np.maximum(0.05, 1 - (1 - np.asarray(accuracies)) * 3 * difficulty) if shared else accuracies
    any_other = (truth[:, None] + random.integers(1, 10, shape)) % 10
    one_other = (truth + random.integers(1, 10, len(truth))) % 10
    other = np.where(shared & (random.random(shape) < 0.7), one_other[:, None], any_other)
    labels = np.where(random.random(shape) < accuracy, truth[:, None], other).astype(float)
    seen = random.random(shape) < shown
    seen[np.arange(len(truth)), random.integers(0, shape[1], len(truth))] |= ~seen.any(axis=1)
    labels[~seen] = np.nan
    return pd.DataFrame(labels, columns=[f"a{j}" for j in range(shape[1])])


def figures(consensus, quality):
    wrong = consensus != truth
    return f"{1 - wrong.mean():.1%} | {roc_auc_score(wrong, -quality):.3f} | {(1 - quality).sum():.0f} / {wrong.sum()}"


def pieline(labels, matrix, folder):
    labels.to_csv(folder / "labels.csv", index=False)
    command = ["npx", "tsx", "src/cli.ts", "score", "--probabilities", matrix, "--labels", folder / "labels.csv"]
    options = ["--annotators", "--json", "--budget", str(len(truth)), "--out", folder]
    found = json.loads(subprocess.run([*command, *options], cwd=root, check=True, capture_output=True).stdout)
    suspects = pd.DataFrame(found["suspects"]).set_index("exampleId")
    suspects.index = suspects.index.astype(int)
    suspects = suspects.sort_index()
    return suspects.label.astype(int).to_numpy(), suspects.quality.to_numpy()


print("| annotators, model | CROWDLAB: right | AUROC | estimated / wrong | pieline: right | AUROC | estimated / wrong |")
print("| --- | --- | --- | --- | --- | --- | --- |")
for shared in [False, True]:
    for model in ["logistic", "neighbours"]:
        p = np.load(fixtures / f"{model}.npy").astype(float)
        p /= p.sum(axis=1, keepdims=True)
        for name, (accuracies, shown) in CROWDS.items():
            labels = crowd(np.random.default_rng(0), accuracies, shown, shared)
            theirs = get_label_quality_multiannotator(labels, p, verbose=False)["label_quality"]
            with tempfile.TemporaryDirectory() as folder:
                ours = pieline(labels, fixtures / f"{model}.npy", pathlib.Path(folder))
            cells = [figures(theirs.consensus_label, theirs.consensus_quality_score), figures(*ours)]
            print(f"| {name}{', shared errors' if shared else ''}, {model} | {' | '.join(cells)} |", flush=True)
