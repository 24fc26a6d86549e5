"""PyTorch's side of bench/training.ts: times training steps on the CPU, one order a line.

Reads orders from standard input and answers each on standard output, both as JSON:

    {"model": "cnn-small", "threads": 1, "channelsLast": true, "compile": false, "batchSize": 128, "steps": 20}
    {"seconds": 1.07, "cpuSeconds": 1.06}

A step is what a training loop in PyTorch does at its leanest: gather a batch from float32 inputs that are
already normalised and in memory, forward, label-smoothed cross-entropy, backward, fused SGD with Nesterov
momentum and weight decay on the kernels.
"""

import functools
import json
import resource
import sys
import time

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

EXAMPLES, CLASSES = 4096, 10
SHAPES = {"mlp": (784,), "cnn-small": (1, 28, 28), "wrn-16-1": (3, 32, 32), "resnet-50": (3, 224, 224)}
# Pictures as large as photographs are fewer.
EXAMPLES_OF = {"resnet-50": 32}


def conv(inputs, filters, size, stride, bias=False):
    return nn.Conv2d(inputs, filters, size, stride=stride, padding=size // 2, bias=bias)


def mlp():
    return nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, CLASSES)
    )


def cnn_small():
    return nn.Sequential(
        conv(1, 32, 3, 1, bias=True),
        nn.ReLU(),
        conv(32, 64, 3, 2, bias=True),
        nn.ReLU(),
        conv(64, 64, 3, 2, bias=True),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


class Block(nn.Module):
    """norm-relu-conv twice; where the shape changes, both branches start from the same norm-relu."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, filters, 3, stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(filters), conv(filters, filters, 3, 1)
        changes = inputs != filters or stride != 1
        self.project = conv(inputs, filters, 1, stride) if changes else None

    def forward(self, x):
        start = F.relu(self.norm1(x))
        body = self.conv2(F.relu(self.norm2(self.conv1(start))))
        return body + (self.project(start) if self.project else x)


def wrn_16_1():
    blocks, inputs = [], 16
    for filters, stride in [(16, 1), (32, 2), (64, 2)]:
        for index in range(2):
            blocks.append(Block(inputs, filters, stride if index == 0 else 1))
            inputs = filters
    return nn.Sequential(
        conv(3, 16, 3, 1),
        *blocks,
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


def resnet_50():
    return torchvision.models.resnet50(num_classes=CLASSES)


BUILDERS = {"mlp": mlp, "cnn-small": cnn_small, "wrn-16-1": wrn_16_1, "resnet-50": resnet_50}


@functools.cache
def trainer(model, channels_last, compiled, batch_size):
    """A function that runs one step."""
    torch.manual_seed(0)
    network = BUILDERS[model]()
    examples = EXAMPLES_OF.get(model, EXAMPLES)
    inputs = torch.randn(examples, *SHAPES[model])
    labels = torch.randint(0, CLASSES, (examples,))
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    kernels = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() == 1]
    optimizer = torch.optim.SGD(
        [{"params": kernels, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0.0}],
        lr=0.01,
        momentum=0.9,
        nesterov=True,
        fused=True,
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    forward = torch.compile(network) if compiled else network

    def step():
        rows = torch.randint(0, examples, (batch_size,))
        batch = inputs.index_select(0, rows)
        if channels_last:
            batch = batch.contiguous(memory_format=torch.channels_last)
        loss = criterion(forward(batch), labels.index_select(0, rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


print(json.dumps({"version": torch.__version__.split("+")[0]}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    torch.set_num_threads(order["threads"])
    step = trainer(order["model"], order["channelsLast"], order["compile"], order["batchSize"])
    for _ in range(2):
        step()
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(order["steps"]):
        step()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "peakBytes": peak_bytes}), flush=True)
