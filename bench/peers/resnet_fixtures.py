"""Reference figures for test/model/resnet.test.ts: torchvision's residual networks.

    python bench/peers/resnet_fixtures.py    # writes test/model/fixtures/resnets.json

Parameter counts and the shape of every weight at 1000 classes, and the logits of a picture under weights that both
sides draw from the same counter: no file of weights is needed.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torchvision

TARGET = Path(__file__).parents[2] / "test" / "model" / "fixtures" / "resnets.json"
CLASSES = 1000
SIDE = 224
# Enough to tell networks apart.
LOGITS = 50


def uniform(count, stream):
    """Numbers in [-0.5, 0.5): a counter through the finalizer of MurmurHash3."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B1 % 2**32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**32 - 0.5


def fill(network):
    """Kernels as He et al. 2015 but uniform; scales and variances about 1, everything else about 0."""
    state = {}
    for stream, (name, tensor) in enumerate(
        (name, tensor) for name, tensor in network.state_dict().items() if "num_batches" not in name
    ):
        noise = uniform(tensor.numel(), stream).reshape(tensor.shape)
        if tensor.dim() > 1:
            values = noise * math.sqrt(24 / tensor[0].numel())
        elif name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            values = 1 + 0.4 * noise
        else:
            values = 0.4 * noise
        state[name] = torch.from_numpy(values.astype(np.float32))
    network.load_state_dict(state, strict=False)


def reference(name):
    network = getattr(torchvision.models, name)(num_classes=CLASSES)
    fill(network)
    network = network.double().eval()
    picture = (uniform(3 * SIDE * SIDE, SIDE) + 0.5).astype(np.float32).reshape(1, 3, SIDE, SIDE)
    with torch.no_grad():
        logits = network(torch.from_numpy(picture).double())[0, :LOGITS]
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "weights": [
            [key, list(tensor.shape)] for key, tensor in network.state_dict().items() if "num_batches" not in key
        ],
        "side": SIDE,
        "logits": [float(f"{value:.7g}") for value in logits],
    }


torch.set_num_threads(1)
networks = {"resnet-18": reference("resnet18"), "resnet-50": reference("resnet50")}
content = {
    "madeBy": "bench/peers/resnet_fixtures.py",
    "versions": {"torch": torch.__version__.split("+")[0], "torchvision": torchvision.__version__.split("+")[0]},
    "networks": networks,
}
TARGET.write_text(json.dumps(content) + "\n")
