"""Checks the ONNX files of a run with other implementations than the one that wrote and runs them.

    python bench/peers/check_onnx.py runs/glyphs/latest [--examples 256]

For every member of every level: the full check of onnx.checker, strict shape inference up to [N, classes]
logits, onnx's reference evaluator on two examples, and ONNX Runtime's Python build on more, against the margins
that the run has written. Ends with exit code 1 if anything is wrong.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import pyarrow.parquet as pq
from onnx.reference import ReferenceEvaluator

# Largest difference of a margin, relative to the largest margin. Quantized models may round a value to the
# neighbouring step where the last bits of a sum differ.
MARGIN_TOLERANCE = 2e-4
# The reference evaluator has DequantizeLinear from opset 19 on.
REFERENCE_OPSET = 19
REFERENCE_TOLERANCE = {4: 1e-4, 8: 0.05, 16: 0.005, 32: 1e-4}


def network_input(examples):
    if examples.dtype == np.uint8:
        return np.ascontiguousarray(examples.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
    return examples.astype(np.float32)


def bits_of(model):
    types = {tensor.data_type for tensor in model.graph.initializer}
    if types & {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}:
        return 8
    if onnx.TensorProto.INT4 in types:
        return 4
    return 16 if onnx.TensorProto.FLOAT16 in types else 32


def check_shapes(model, classes):
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    known = {value.name for value in inferred.graph.value_info}
    unknown = [name for node in model.graph.node for name in node.output if name != "logits" and name not in known]
    assert not unknown, f"no shape inferred for {unknown[:3]}"
    without_shapes = onnx.ModelProto()
    without_shapes.CopyFrom(model)
    del without_shapes.graph.output[0].type.tensor_type.shape.dim[:]
    without_shapes.graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(without_shapes, strict_mode=True, data_prop=True)
    dims = inferred.graph.output[0].type.tensor_type.shape.dim
    assert len(dims) == 2 and dims[1].dim_value == classes, f"logits have the shape {dims}"


def run_session(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # As the run does: otherwise layers with int4 weights quantize their activations.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # One at a time, as the run does for models that quantize with the range of the whole batch.
    return np.concatenate([session.run(["logits"], {"input": inputs[i : i + 1]})[0] for i in range(len(inputs))])


def margins_of(logits, labels):
    rows = np.arange(len(labels))
    given = logits[rows, labels]
    others = logits.copy()
    others[rows, labels] = -np.inf
    return given - others.max(axis=1)


def relative_difference(values, reference):
    return float(np.abs(values - reference).max() / np.abs(reference).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--examples", type=int, default=256)
    arguments = parser.parse_args()
    run = arguments.run
    examples = np.load(run / "inputs.npy", mmap_mode="r")
    chosen = np.linspace(0, len(examples) - 1, min(arguments.examples, len(examples))).astype(int)
    inputs = network_input(examples[chosen])
    labels = pq.read_table(run / "examples.parquet", columns=["label"])["label"].to_numpy()[chosen]
    classes = pq.read_schema(run / "probabilities" / "dense.parquet").field("probabilities").type.list_size

    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}, {len(chosen)} examples")
    print(f"{'member':32} {'bits':>4} {'bytes':>10} {'reference':>10} {'margins':>10}")
    wrong = 0
    for level in sorted(path for path in (run / "members").iterdir() if path.is_dir()):
        predictions = pq.read_table(run / "predictions" / f"{level.name}.parquet", columns=["seed", "margin"])
        seeds = predictions["seed"].to_numpy()
        margins = predictions["margin"].to_numpy()
        for path in sorted(level.glob("*.onnx"), key=lambda path: int(path.stem)):
            name = f"{level.name}/{path.stem}"
            try:
                model = onnx.load(path)
                bits = bits_of(model)
                check_shapes(model, classes)
                logits = run_session(path, inputs)
                if model.opset_import[0].version < REFERENCE_OPSET:
                    model = onnx.version_converter.convert_version(model, REFERENCE_OPSET)
                evaluator = ReferenceEvaluator(model)
                few = [evaluator.run(None, {"input": inputs[i : i + 1]})[0] for i in range(2)]
                reference = relative_difference(logits[:2], np.concatenate(few))
                written = margins[seeds == int(path.stem)][chosen]
                difference = relative_difference(margins_of(logits, labels), written)
                failed = reference > REFERENCE_TOLERANCE[bits] or difference > MARGIN_TOLERANCE
                figures = f"{bits:4} {path.stat().st_size:10} {reference:10.1e} {difference:10.1e}"
                print(f"{name:32} {figures}{'  too far apart' if failed else ''}")
            except Exception as error:  # noqa: BLE001: one bad file must not hide the next
                failed = True
                print(f"{name:32} {type(error).__name__}: {error}")
            wrong += failed
    print("all members pass" if wrong == 0 else f"{wrong} members fail")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
