"""Twenty training steps of a small network in PyTorch, in float64: what the engines are held against.

    bench/peers/venv/bin/python bench/peers/make_training_fixture.py \
        | npx biome format --stdin-file-path=training.json > test/engine/fixtures/training.json

The network has every layer whose meaning PyTorch fixes: convolutions (stride 1 and 2, with and without bias),
batch normalisation with and without scale, ReLU, exact GELU, padded max pooling, a residual block with a
projection, and a dense layer. Arrays are written in pieline's layout: kernels [height, width, in, out],
dense kernels [in, out], pictures [height, width, channels].
"""

import json
import sys

import torch
from torch import nn
from torch.nn import functional as F

STEPS, BATCH, EXAMPLES, SIDE, CHANNELS, CLASSES = 20, 6, 16, 6, 2, 3
MOMENTUM, WEIGHT_DECAY, SMOOTHING = 0.9, 0.01, 0.1
KEEP, EPSILON = 0.8, 1e-3
MEAN, DEVIATION = [0.45, 0.55], [0.25, 0.3]


class BatchNorm(nn.Module):
    """Batch normalisation whose running variance averages the population variance, as ONNX defines it."""

    def __init__(self, channels, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(channels) + 0.5) if scale else None
        self.shift = nn.Parameter(torch.randn(channels) * 0.1)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x):
        with torch.no_grad():
            variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
            self.mean.mul_(KEEP).add_(mean * (1 - KEEP))
            self.variance.mul_(KEEP).add_(variance * (1 - KEEP))
        return F.batch_norm(x, None, None, self.scale, self.shift, training=True, eps=EPSILON)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, 4, 3, padding=1, bias=False)
        self.norm1 = BatchNorm(4, scale=True)
        self.conv2 = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.norm2 = BatchNorm(5, scale=False)
        self.project = nn.Conv2d(4, 5, 1, stride=2, bias=False)
        self.dense = nn.Linear(5 * 2 * 2, CLASSES)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.gelu(self.norm2(self.conv2(x))) + self.project(x)
        x = F.max_pool2d(x, 2, stride=2, padding=1)
        return self.dense(x.permute(0, 2, 3, 1).flatten(1))


def layout(name, tensor):
    if name.endswith("/kernel"):
        return tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor.t()
    return tensor


def arrays(network):
    suffix = {"weight": "kernel"}
    found = {}
    for key, tensor in network.state_dict().items():
        layer, role = key.split(".")
        name = f"{layer}/{suffix.get(role, role)}"
        laid = layout(name, tensor)
        found[name] = {"shape": list(laid.shape), "data": [float(f"{v:.9g}") for v in laid.reshape(-1).tolist()]}
    return found


def train(nesterov):
    torch.manual_seed(7)
    # Rounded to float32, so that every engine starts from the very same numbers.
    network = Network().to(torch.float32).to(torch.float64)
    initial = arrays(network)
    inputs = torch.randint(0, 256, (EXAMPLES, SIDE, SIDE, CHANNELS), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (EXAMPLES,))
    weights = torch.randint(0, 5, (EXAMPLES,)).to(torch.float64) / 2
    batches = torch.stack([torch.randperm(EXAMPLES)[:BATCH] for _ in range(STEPS)])
    rates = torch.linspace(0.1, 0.02, STEPS, dtype=torch.float32).to(torch.float64)

    kernels = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() == 1]
    optimizer = torch.optim.SGD(
        [{"params": kernels, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=0.1,
        momentum=MOMENTUM,
        nesterov=nesterov,
    )
    # The statistics too are float32 numbers, as an architecture holds them.
    mean, deviation = (torch.tensor(v, dtype=torch.float32).to(torch.float64) for v in (MEAN, DEVIATION))
    losses = []
    for step in range(STEPS):
        rows = batches[step]
        x = ((inputs[rows].to(torch.float64) / 255 - mean) / deviation).permute(0, 3, 1, 2)
        each = F.cross_entropy(network(x), labels[rows], label_smoothing=SMOOTHING, reduction="none")
        loss = (each * weights[rows]).sum() / BATCH
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = float(rates[step])
        optimizer.step()
        losses.append(loss.item())
    return {
        "nesterov": nesterov,
        "inputs": inputs.reshape(-1).tolist(),
        "labels": labels.tolist(),
        "exampleWeights": weights.tolist(),
        "batches": batches.reshape(-1).tolist(),
        "learningRates": rates.tolist(),
        "initial": initial,
        "losses": losses,
        "final": arrays(network),
    }


if __name__ == "__main__":
    json.dump(
        {
            "source": "bench/peers/make_training_fixture.py",
            "torch": torch.__version__.split("+")[0],
            "steps": STEPS,
            "batchSize": BATCH,
            "examples": EXAMPLES,
            "momentum": MOMENTUM,
            "weightDecay": WEIGHT_DECAY,
            "labelSmoothing": SMOOTHING,
            "normalization": {"mean": MEAN, "deviation": DEVIATION},
            "runs": [train(nesterov=True), train(nesterov=False)],
        },
        sys.stdout,
    )
