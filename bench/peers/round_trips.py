"""Takes data sets through pieline and back into the tools they came from.

    python bench/peers/round_trips.py <new folder> [<command that is pieline>]

Each data set is written by the tool itself, run (small, one epoch), a few of its labels are changed by decisions, and
the version that `pieline apply` writes is loaded by the tool again: what was decided has changed, and nothing else.
"""

import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import datasets
import datumaro
import pandas as pd
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface
from PIL import Image

root = Path(__file__).parents[2]
folder = Path(sys.argv[1])
program = sys.argv[2:] or ["node", str(root / "dist" / "cli.js")]
folder.mkdir()
datasets.disable_progress_bars()
names = [*"ABCDEFGHIJ"]
glyphs = pd.read_parquet(root / "data" / "glyphs" / "train.parquet").dropna(subset="true_label").head(240)
pictures = [picture["bytes"] for picture in glyphs["image"]]
labels = [int(label) for label in glyphs["label"]]
ids = [f"glyph-{row}" for row in range(len(labels))]
moved, dropped = [3, 50, 117, 200], 120
moved_to = {row: (labels[row] + 1) % 10 for row in moved}


def pieline(*arguments):
    done = subprocess.run([*program, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(name, **dataset):
    pipeline = {
        "name": name,
        "dataset": dataset,
        "model": {"architecture": "mlp", "width": 0.1, "epochs": 1},
        "population": {"seeds": 2, "crossFit": 2},
        "compress": [{"method": "magnitude", "sparsity": 0.5, "start": "branch"}],
    }
    (folder / f"{name}.yaml").write_text(json.dumps(pipeline))
    pieline("run", f"{name}.yaml")


def decide(name, identify):
    """Writes decisions about examples; `identify` gives the id under which pieline knows a row."""
    lines = [
        {"id": f"d{row}", "reviewer": "anna", "time": "2026-01-01T00:00:00Z", "example_id": identify(row), "given": names[labels[row]], **verdict}
        for row, verdict in [
            *((row, {"action": "relabel", "label": names[label]}) for row, label in moved_to.items()),
            (dropped, {"action": "drop"}),
        ]
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pieline("apply", name, "--decisions", f"{name}.jsonl", "--output", f"{name}-2")
    return folder / f"{name}-2" / "data"


expected = {ids[row]: names[moved_to.get(row, label)] for row, label in enumerate(labels) if row != dropped}
features = datasets.Features(
    {"id": datasets.Value("string"), "image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
)
columns = {
    "id": ids,
    "image": [{"bytes": picture, "path": None} for picture in pictures],
    "label": labels,
}


def check_dataset(loaded, what):
    assert [loaded.features["label"].int2str(label) for label in loaded["label"]] == list(expected.values())
    assert list(loaded["id"]) == list(expected)
    for row, original in zip(range(3), pictures):
        assert loaded[row]["image"].tobytes() == Image.open(io.BytesIO(original)).tobytes()
    print(f"{what}: {len(loaded)} rows, {len(moved)} labels changed, one row gone, features as they were")


# Hugging Face datasets, Parquet
datasets.Dataset.from_dict(columns, features=features).to_parquet(folder / "letters.parquet")
run("parquet", path="letters.parquet", label="label", id="id")
version = decide("parquet", lambda row: ids[row])
loaded = datasets.load_dataset("parquet", data_files=str(next(version.rglob("*.parquet"))), split="train")
assert loaded.features == features, loaded.features
check_dataset(loaded, f"datasets {datasets.__version__}, Parquet")

# Hugging Face datasets, imagefolder
(folder / "imagefolder").mkdir()
lines = []
for row, picture in enumerate(pictures):
    (folder / "imagefolder" / f"{row:04}.png").write_bytes(picture)
    lines.append(json.dumps({"file_name": f"{row:04}.png", "id": ids[row], "label": names[labels[row]]}))
(folder / "imagefolder" / "metadata.jsonl").write_text("\n".join(lines) + "\n")
before = datasets.load_dataset("imagefolder", data_dir=str(folder / "imagefolder"), split="train")
run("imagefolder", path="imagefolder", label="label", id="id")
version = decide("imagefolder", lambda row: ids[row])
loaded = datasets.load_dataset("imagefolder", data_dir=str(next(version.rglob("metadata.jsonl")).parent), split="train")
assert loaded.features == before.features, loaded.features
check_dataset(loaded.cast_column("label", features["label"]), "datasets, imagefolder")

# Label Studio: a project's export, and the export of the version through its own converter
(folder / "studio").mkdir()
choices = "".join(f'<Choice value="{name}"/>' for name in names)
config = f'<View><Image name="image" value="$image"/><Choices name="label" toName="image">{choices}</Choices></View>'
interface = LabelInterface(config)
tasks = []
for row, picture in enumerate(pictures):
    (folder / "studio" / f"{row:04}.png").write_bytes(picture)
    result = {"id": f"r{row}", "from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [names[labels[row]]]}}
    annotation = {"id": row, "completed_by": 1, "was_cancelled": False, "created_at": "2026-01-01T00:00:00Z", "result": [result]}
    assert interface.validate_annotation({"result": [result]})
    tasks.append({"id": row, "data": {"image": f"/data/local-files/?d=studio/{row:04}.png"}, "annotations": [annotation]})
(folder / "studio" / "export.json").write_text(json.dumps(tasks, indent=1))
run("studio", path="studio/export.json", label="label")
known = pd.read_parquet(folder / "runs" / "studio" / "latest" / "examples.parquet", columns=["example_id", "source", "source_row"])
example_ids = dict(zip(known["source_row"], known["example_id"]))
version = decide("studio", lambda row: example_ids[row])
export = next(version.rglob("export.json"))
Converter(config, str(folder), download_resources=False).convert_to_csv(str(export), str(folder / "csv"), is_dir=False, sep=",", header=True)
table = pd.read_csv(next((folder / "csv").glob("*.csv"))).sort_values("id")
assert list(table["label"]) == list(expected.values()), list(table["label"])[:10]
print(f"label-studio-sdk: its converter reads {len(table)} choices, as decided")

# CVAT: suspects exported, tags changed and written by Datumaro, taken back
pieline("export", "parquet", "--to", "cvat", "--output", "cvat")
dataset = datumaro.Dataset.import_from(str(folder / "cvat"), "cvat")
categories = dataset.categories()[datumaro.AnnotationType.label]
assert [category.name for category in categories] == names
items = sorted(dataset, key=lambda item: item.id)
wanted = {}
for item in items[:5]:
    (tag,) = item.annotations
    changed = (tag.label + 1) % 10
    wanted[item.id] = names[changed]
    dataset.put(item.wrap(annotations=[tag.wrap(label=changed)]))
dataset.export(str(folder / "cvat-2"), "cvat", save_media=True)
(annotations,) = (folder / "cvat-2").glob("*.xml")
ElementTree.parse(annotations)
suspects = pd.read_parquet(folder / "runs" / "parquet" / "latest" / "pies.parquet", columns=["example_id"])["example_id"]
pieline("apply", "parquet", "--decisions", str(annotations), "--output", "parquet-3")
changes = pd.read_parquet(folder / "parquet-3" / "changes.parquet")
found = dict(zip(changes["example_id"], changes["to"]))
assert found == {suspects[int(Path(name).name) - 1]: label for name, label in wanted.items()}, found
print(f"Datumaro {datumaro.__version__}: {len(items)} images of CVAT's format, {len(found)} changed tags taken back")
