"""Ten steps of quantization-aware training with PyTorch's own fake quantization: what the engines are held against.

    bench/peers/venv/bin/python bench/peers/make_quantization_fixture.py \
        | npx biome format --stdin-file-path=quantization.json > test/engine/fixtures/quantization.json

Activations: affine, 0 … 255, moving averages of minimum and maximum. Kernels: symmetric, -127 … 127, a scale for
each output channel. The layout of arrays is that of make_training_fixture.py.
"""

import json
import sys

import torch
from make_training_fixture import BATCH, CHANNELS, CLASSES, DEVIATION, EXAMPLES, MEAN, SIDE, BatchNorm, layout
from torch import nn
from torch.ao.quantization import FakeQuantize, MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
from torch.nn import functional as F

STEPS, RATE, AVERAGING = 10, 0.05, 0.1


def activation():
    return FakeQuantize(
        observer=MovingAverageMinMaxObserver,
        quant_min=0,
        quant_max=255,
        dtype=torch.quint8,
        qscheme=torch.per_tensor_affine,
        averaging_constant=AVERAGING,
    )


def kernel():
    # The whole of the average is the latest kernel.
    return FakeQuantize(
        observer=MovingAveragePerChannelMinMaxObserver,
        quant_min=-127,
        quant_max=127,
        dtype=torch.qint8,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        averaging_constant=1.0,
    )


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, 4, 3, padding=1, bias=False)
        self.norm1 = BatchNorm(4, scale=True)
        self.conv2 = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.dense = nn.Linear(5 * 2 * 2, CLASSES)
        self.ranges = nn.ModuleList([activation() for _ in range(4)])
        self.kernels = nn.ModuleList([kernel() for _ in range(3)])

    def forward(self, x):
        x = self.ranges[0](x)
        x = F.conv2d(x, self.kernels[0](self.conv1.weight), padding=1)
        x = self.ranges[1](F.relu(self.norm1(x)))
        x = F.max_pool2d(x, 2, stride=2)
        x = F.conv2d(x, self.kernels[1](self.conv2.weight), self.conv2.bias, stride=2, padding=1)
        x = self.ranges[3](F.gelu(self.ranges[2](x)))
        return F.linear(x.permute(0, 2, 3, 1).flatten(1), self.kernels[2](self.dense.weight), self.dense.bias)


def arrays(network):
    found = {}

    def add(name, tensor):
        laid = layout(name, tensor.detach())
        found[name] = {"shape": list(laid.shape), "data": [float(f"{v:.9g}") for v in laid.reshape(-1).tolist()]}

    for layer in ("conv1", "conv2", "dense"):
        module = getattr(network, layer)
        add(f"{layer}/kernel", module.weight)
        if module.bias is not None:
            add(f"{layer}/bias", module.bias)
    for role in ("scale", "shift", "mean", "variance"):
        add(f"norm1/{role}", getattr(network.norm1, role))
    for index, fake in enumerate(network.ranges, start=1):
        observer = fake.activation_post_process
        seen = observer.min_val.isfinite().item()
        # A range that has seen nothing has no width, and every range holds 0.
        add(f"range{index}/minimum", observer.min_val.clamp(max=0).reshape(1) if seen else torch.zeros(1))
        add(f"range{index}/maximum", observer.max_val.clamp(min=0).reshape(1) if seen else torch.zeros(1))
    return found


def main():
    torch.manual_seed(11)
    network = Network()
    initial = arrays(network)
    inputs = torch.randint(0, 256, (EXAMPLES, SIDE, SIDE, CHANNELS), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (EXAMPLES,))
    batches = torch.stack([torch.randperm(EXAMPLES)[:BATCH] for _ in range(STEPS)])
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
    mean, deviation = (torch.tensor(v, dtype=torch.float32) for v in (MEAN, DEVIATION))
    losses = []
    for rows in batches:
        x = ((inputs[rows].to(torch.float32) / 255 - mean) / deviation).permute(0, 3, 1, 2)
        loss = F.cross_entropy(network(x), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    fixture = {
        "steps": STEPS,
        "batchSize": BATCH,
        "examples": EXAMPLES,
        "rate": RATE,
        "normalization": {"mean": MEAN, "deviation": DEVIATION},
        "inputs": inputs.reshape(-1).tolist(),
        "labels": labels.tolist(),
        "batches": batches.reshape(-1).tolist(),
        "initial": initial,
        "losses": losses,
        "final": arrays(network),
    }
    json.dump(fixture, sys.stdout)


main()
