"""The other side of bench/score-matrix.ts: makes a matrix of predictions, or has cleanlab find its label issues.

    python score_matrix.py make|default|batched <folder> <examples> <classes>
    {"seconds": 6.2, "cpuSeconds": 8.0, "peakBytes": 1466000000}

`make` writes p.npy (float32) and y.npy. A tenth of the labels is drawn anew; logits are normal noise, a bonus for the
true class, from none to a large one, and a small one for the given class. Of processes that cleanlab starts, the time
is counted and the memory is not.
"""

import json
import os
import resource
import sys
import time

import numpy as np

CHUNK = 50_000


def make(folder, examples, classes):
    random = np.random.default_rng(0)
    truth = random.integers(0, classes, examples)
    labels = truth.copy()
    drawn = random.random(examples) < 0.1
    labels[drawn] = random.integers(0, classes, drawn.sum())
    matrix = np.lib.format.open_memmap(f"{folder}/p.npy", "w+", np.float32, (examples, classes))
    for begin in range(0, examples, CHUNK):
        end = min(examples, begin + CHUNK)
        rows = np.arange(end - begin)
        logits = 1.5 * random.standard_normal((end - begin, classes), np.float32)
        logits[rows, truth[begin:end]] += random.gamma(4, 2, end - begin)
        logits[rows, labels[begin:end]] += 1
        powers = np.exp(logits - logits.max(1, keepdims=True))
        matrix[begin:end] = powers / powers.sum(1, keepdims=True)
    matrix.flush()
    np.save(f"{folder}/y.npy", labels)


def measure(work):
    start, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return {
        "seconds": time.perf_counter() - start,
        "cpuSeconds": sum(after[:4]) - sum(before[:4]),
        "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def default(folder):
    from cleanlab.filter import find_label_issues

    def work():
        labels, matrix = np.load(f"{folder}/y.npy"), np.load(f"{folder}/p.npy")
        find_label_issues(labels, matrix, return_indices_ranked_by="self_confidence")

    return measure(work)


def batched(folder):
    from cleanlab.experimental.label_issues_batched import find_label_issues_batched

    paths = {"labels_file": f"{folder}/y.npy", "pred_probs_file": f"{folder}/p.npy"}
    # One process: with two it took 48 seconds where one takes 1.2.
    return measure(lambda: find_label_issues_batched(**paths, n_jobs=1, verbose=False))


if __name__ == "__main__":
    what, folder, examples, classes = sys.argv[1:]
    if what == "make":
        make(folder, int(examples), int(classes))
    else:
        print(json.dumps({"default": default, "batched": batched}[what](folder)))
