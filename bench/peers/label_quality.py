"""The peers' side of bench/labels.ts: quality by each of cleanlab's scores, issues by each of its filters, from mean
class probabilities; Datalab beside features; AUM (Pleiss et al. 2020, arXiv 2001.10528) and the confidence and
variability of data maps (Swayamdipta et al. 2020, arXiv 2009.10795) of networks trained for it.

    {"scores": "scores.parquet", "probabilities": ["probabilities/dense.parquet", ...], "split": "train",
     "features": "features.npy" or null, "dynamics": {"inputs": "inputs.npy", "epochs": 6} or null}
    {"scores": {"self_confidence": [0.98, ...], ...}, "issues": {"prune_by_noise_rate": [0, 1, ...], ...}, "seconds": 1.2}

Of the examples of the split whose true label is known, in the order of the tables; low means wrong. The true labels
choose the examples and are used for nothing else. `seconds` are those of the default filter and ranking.
Dynamics are those of five perceptrons with the layers of the architecture mlp, which learn from all examples.
"""

import json
import sys
import time

import cleanlab
import numpy as np
import pyarrow.parquet as parquet
from cleanlab import Datalab
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


def datalab(labels, probabilities, features):
    """Name, quality and marks of every column of Datalab's that may tell wrong labels."""

    def found(kinds, **evidence):
        lab = Datalab({"label": labels}, label_name="label", verbosity=0)
        lab.find_issues(issue_types={kind: {} for kind in kinds}, **evidence)
        return {kind: lab.get_issues(kind) for kind in kinds}

    def label(name, table):
        return name, table["label_score"].to_numpy(), table["is_label_issue"].to_numpy()

    if features is None:
        yield label("Datalab", found(["label"], pred_probs=probabilities)["label"])
        return
    kinds = ["label", "outlier", "near_duplicate"]
    both = found(kinds, pred_probs=probabilities, features=features)
    yield label("Datalab", both["label"])
    yield label("Datalab, features", found(["label"], features=features)["label"])
    for kind in kinds[1:]:
        yield f"Datalab, {kind}", both[kind][f"{kind}_score"].to_numpy(), None


def dynamics(inputs, labels, epochs):
    """Quality by how members learn each example: the mean over epochs, and over five networks. Nothing without PyTorch."""
    try:
        import torch
    except (ImportError, ValueError) as reason:
        print(f"no AUM and no data maps: {reason}", file=sys.stderr)
        return {}
    torch.set_num_threads(1)
    inputs = torch.tensor(inputs.reshape(len(inputs), -1), dtype=torch.float32)
    inputs = (inputs - inputs.mean()) / inputs.std()
    given = torch.tensor(labels, dtype=torch.int64)
    classes = int(given.max()) + 1
    margins, confidences = [], []
    for seed in range(5):
        torch.manual_seed(seed)
        network = torch.nn.Sequential(
            torch.nn.Linear(inputs.shape[1], 256),
            torch.nn.ReLU(),
            torch.nn.Linear(256, 128),
            torch.nn.ReLU(),
            torch.nn.Linear(128, classes),
        )
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        for _ in range(epochs):
            for batch in torch.randperm(len(given)).split(128):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(inputs[batch]), given[batch]).backward()
                optimizer.step()
            with torch.no_grad():
                logits = network(inputs)
                own = logits.gather(1, given[:, None])[:, 0]
                others = logits.scatter(1, given[:, None], -torch.inf).max(1).values
                margins.append((own - others).numpy())
                confidences.append(torch.softmax(logits, 1).gather(1, given[:, None])[:, 0].numpy())
    each = np.reshape(confidences, (5, epochs, -1))
    return {
        "AUM": np.mean(margins, axis=0),
        "data maps, confidence": each.mean(axis=(0, 1)),
        "data maps, variability": -each.std(axis=1).mean(axis=0),
    }


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
        for method in ("self_confidence", "normalized_margin"):
            for weights in ("accuracy", "uniform", "log_loss_search"):
                quality[f"ensemble, {method}, {weights}"] = get_label_quality_ensemble_scores(
                    labels, levels, method=method, weight_ensemble_members_by=weights, verbose=False
                )
    issues = {}
    features = None if order["features"] is None else np.load(order["features"])[wanted]
    for name, values, marks in datalab(labels, dense, features):
        quality[name] = values
        if marks is not None:
            issues[name] = marks.astype(int).tolist()
    if order["dynamics"] is not None:
        quality |= dynamics(np.load(order["dynamics"]["inputs"])[wanted], labels, order["dynamics"]["epochs"])
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
