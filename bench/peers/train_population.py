"""
A small population trained in PyTorch on the glyphs, for audits of models from elsewhere: dense members, the same
pruned by magnitude (torch.nn.utils.prune, global, then fine-tuned), and the dense ones quantized by ONNX Runtime.
Writes models/<level>/<seed>.onnx, and as predictions/<level>/<seed>.npy what these models say: PyTorch's own softmax,
or ONNX Runtime's output where the file is quantized. Rows are those of the test data, in their order.

    python bench/peers/train_population.py OUT [--seeds 3] [--epochs 3]
"""

import argparse
import io
import pathlib

import numpy as np
import onnxruntime
import pyarrow.parquet as parquet
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from PIL import Image
from torch import nn
from torch.nn.utils import prune

GLYPHS = pathlib.Path(__file__).parents[2] / "data" / "glyphs"
SPARSITY = 0.9
#: What torchvision's transforms would be: ToTensor, then Normalize.
MEAN, DEVIATION = 0.5, 0.25


def read(split):
    table = parquet.read_table(GLYPHS / f"{split}.parquet", columns=["image", "label"])
    images = [Image.open(io.BytesIO(row["bytes"])) for row in table["image"].to_pylist()]
    pixels = np.stack([np.asarray(image.convert("L")) for image in images])
    tensor = torch.from_numpy(pixels).unsqueeze(1).to(torch.float32) / 255
    return (tensor - MEAN) / DEVIATION, torch.tensor(table["label"].to_pylist())


def network(classes, side):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * (side // 4) ** 2, 32), nn.ReLU(), nn.Linear(32, classes),
    )


def train(model, images, labels, epochs, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()


def export(model, example, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        nn.Sequential(model, nn.Softmax(1)).eval(), (example,), str(path), dynamo=False, opset_version=17,
        input_names=["glyph"], output_names=["letter"],
        dynamic_axes={"glyph": {0: "batch"}, "letter": {0: "batch"}},
    )


def save(path, probabilities):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, probabilities)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = read("train")
    test, _ = read("test")
    classes = int(labels.max()) + 1
    for seed in range(flags.seeds):
        torch.manual_seed(seed)
        model = network(classes, images.shape[-1])
        train(model, images, labels, flags.epochs, 0.05)

        def write(level):
            export(model, test[:1], flags.out / "models" / level / f"{seed}.onnx")
            with torch.no_grad():
                save(flags.out / "predictions" / level / f"{seed}.npy", model(test).softmax(1).numpy())

        write("dense")
        dense = flags.out / "models" / "dense" / f"{seed}.onnx"
        int8 = flags.out / "models" / "int8" / f"{seed}.onnx"
        int8.parent.mkdir(parents=True, exist_ok=True)
        quantize_dynamic(str(dense), str(int8), weight_type=QuantType.QUInt8)
        session = onnxruntime.InferenceSession(str(int8), providers=["CPUExecutionProvider"])
        # One at a time: the range of activations is that of the batch.
        rows = [session.run(None, {"glyph": row.numpy()})[0] for row in test.split(1)]
        save(flags.out / "predictions" / "int8" / f"{seed}.npy", np.concatenate(rows))

        kernels = [(layer, "weight") for layer in model if hasattr(layer, "weight")]
        prune.global_unstructured(kernels, prune.L1Unstructured, amount=SPARSITY)
        train(model, images, labels, 1, 0.01)
        for layer, name in kernels:
            prune.remove(layer, name)
        write(f"magnitude-{SPARSITY}")
        print(f"seed {seed}")


main()
