"""Holds what `pieline export` writes to the tools that take it.

    python bench/peers/check_interop.py <label-studio> <cleanlab> <huggingface> <image-folder>

Each argument is the folder that `pieline export --to …` made of one run.
"""

import json
import sys
from pathlib import Path

import cleanlab
import datasets
import numpy as np
import pandas as pd
import torchvision
from label_studio_sdk.label_interface import LabelInterface
from sklearn.linear_model import LogisticRegression

studio, cleanlab_folder, hugging_face, image_folder = map(Path, sys.argv[1:])

interface = LabelInterface((studio / "labels.xml").read_text())
interface.validate()
tasks = json.loads((studio / "tasks.json").read_text())
for task in tasks:
    assert interface.validate_task({"data": task["data"]}), task
    for prediction in task["predictions"]:
        errors = interface.validate_prediction(prediction, return_errors=True)
        assert errors == [], errors
    local = task["data"]["image"].removeprefix("/data/local-files/?d=")
    assert (studio.parent / local).is_file(), local
print(f"Label Studio: {len(tasks)} tasks and their predictions fit the labelling interface")

issues = pd.read_parquet(cleanlab_folder / "label_issues.parquet")
labels = np.load(cleanlab_folder / "labels.npy")
probabilities = np.load(cleanlab_folder / "pred_probs.npy")
assert (issues["given_label"] == labels).all()
ranked = cleanlab.filter.find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence")
features = np.random.default_rng(0).normal(size=(len(labels), 4))
learner = cleanlab.classification.CleanLearning(LogisticRegression())
learner.fit(features, labels, label_issues=issues.drop(columns="example_id"))
kept = len(labels) - issues["is_label_issue"].sum()
print(f"cleanlab {cleanlab.__version__}: {len(ranked)} issues of its own; trained on {kept} of {len(labels)} by ours")

names = datasets.get_dataset_config_names(str(hugging_face))
for name in names:
    table = datasets.load_dataset(str(hugging_face), name, split="train")
    for column, feature in table.features.items():
        if column == "image" and len(table) > 0:
            assert table[0]["image"].size[0] > 0
        if column == "label" and not name.startswith("splits"):
            assert isinstance(feature, datasets.ClassLabel), (name, feature)
scores = datasets.load_dataset(str(hugging_face), "scores", split="train")
print(f"datasets {datasets.__version__}: {len(names)} tables, classes {scores.features['label'].names}")

folder = torchvision.datasets.ImageFolder(image_folder / "train")
assert folder[0][0].size[0] > 0
print(f"torchvision {torchvision.__version__}: {len(folder)} images of {folder.classes}")
