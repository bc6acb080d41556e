"""The contestants of row 10: each makes a function of a (rows, 64) float32 array.

    python benchmarks/predictors.py KEY THREADS CORE

started by prediction.py.  Each library gets the input that suits it best: torch tensors, ONNX
Runtime and Vetro arrays, the generated C program pointers.  JAX's transfer is part of its call.
"""

from __future__ import annotations

import ctypes
import importlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from process import serve
from workloads import Floats, Workload, arrays

WORK = Workload("10", "prediction", (64, 64, 64, 1), 4096, None, 0, ())
LABELS = {
    "torch": "torch, inference mode",
    "vetro": "Vetro",
    "onnxruntime": "ONNX Runtime",
    "jax": "JAX, jit",
    "c": "C generated for this network, gcc -O3 -march=native",
}
Layers = list[tuple[Floats, Floats]]
Call = Callable[[], Any]
SECONDS, CALLS = 0.3, 20_000  # a round ends after this time or this many calls


def torch_call(layers: Layers, x: Floats, threads: int) -> Call:
    torch = importlib.import_module("torch")
    from peers.torch_eager import sequential

    torch.set_num_threads(threads)
    module, rows = sequential(WORK, layers), torch.from_numpy(x)

    @torch.inference_mode()
    def call() -> Any:
        return module(rows)

    return call


def vetro_call(layers: Layers, x: Floats, threads: int) -> Call:
    from peers.torch_eager import sequential

    import vetro

    predictor = vetro.Predictor(sequential(WORK, layers), threads=threads)
    outputs = np.empty((len(x), 1), np.float32)
    return lambda: predictor(x, out=outputs)


def onnxruntime_call(layers: Layers, x: Floats, threads: int) -> Call:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, values, name = [], [], "x"
    for number, (weight, bias) in enumerate(layers):
        values += [
            numpy_helper.from_array(part, f"{kind}{number}")
            for kind, part in (("w", weight), ("b", bias))
        ]
        inputs = [name, f"w{number}", f"b{number}"]
        name = f"z{number}"
        nodes.append(helper.make_node("Gemm", inputs, [name], transB=1))
        if number < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [name], [f"a{number}"]))
            name = f"a{number}"
    tensors = [
        helper.make_tensor_value_info(text, TensorProto.FLOAT, ["rows", width])
        for text, width in (("x", WORK.sizes[0]), (name, WORK.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", tensors[:1], tensors[1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": x}
    return lambda: session.run(None, feed)[0]


def jax_call(layers: Layers, x: Floats, threads: int) -> Call:
    jax = importlib.import_module("jax")
    given = [(jax.numpy.asarray(weight.T), jax.numpy.asarray(bias)) for weight, bias in layers]

    @jax.jit
    def forward(rows: Any) -> Any:
        for weight, bias in given[:-1]:
            rows = jax.nn.relu(rows @ weight + bias)
        return rows @ given[-1][0] + given[-1][1]

    return lambda: np.asarray(forward(x))


def c_call(layers: Layers, x: Floats, threads: int) -> Call:
    source = ["#include <stddef.h>"]
    body = []
    for number, (weight, bias) in enumerate(layers):
        outputs, inputs = weight.shape
        numbers = [
            ", ".join(f"{value:.9g}f" for value in part.ravel()) for part in (weight.T, bias)
        ]
        last = number == len(layers) - 1
        source.append(f"static const float w{number}[{weight.size}] = {{{numbers[0]}}};")
        source.append(f"static const float b{number}[{outputs}] = {{{numbers[1]}}};")
        before = "row" if number == 0 else f"a{number - 1}"
        body.append(
            f"float a{number}[{outputs}];\n"
            f"for (int o = 0; o < {outputs}; o++) a{number}[o] = b{number}[o];\n"
            f"for (int i = 0; i < {inputs}; i++) for (int o = 0; o < {outputs}; o++)\n"
            f"  a{number}[o] += w{number}[i * {outputs} + o] * {before}[i];\n"
        )
        if not last:
            body.append(
                f"for (int o = 0; o < {outputs}; o++) if (a{number}[o] < 0) a{number}[o] = 0;\n"
            )
    source.append(
        "void predict(const float *x, float *y, size_t rows) {\n"
        f"for (size_t r = 0; r < rows; r++) {{ const float *row = x + r * {WORK.sizes[0]};\n"
        f"{''.join(body)} y[r] = a{len(layers) - 1}[0]; }} }}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        file, library = Path(folder) / "network.c", Path(folder) / "network.so"
        file.write_text("\n".join(source))
        flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, str(file), "-o", str(library)], check=True)
        predict = ctypes.CDLL(str(library)).predict
    predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    outputs = np.empty((len(x), 1), np.float32)
    pointers = x.ctypes.data, outputs.ctypes.data

    def call() -> NDArray:
        predict(*pointers, len(x))
        return outputs

    return call


MAKERS = {
    "torch": torch_call,
    "vetro": vetro_call,
    "onnxruntime": onnxruntime_call,
    "jax": jax_call,
    "c": c_call,
}


def latencies(call: Call) -> dict[str, float]:
    """p50 and p99 of the seconds of single calls."""
    times = []
    end = time.perf_counter() + SECONDS
    while len(times) < CALLS and (time.perf_counter() < end or len(times) < 3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {"p50": float(np.quantile(times, 0.5)), "p99": float(np.quantile(times, 0.99))}


def answering(arguments: list[str], threads: int) -> Callable[[list[Any]], dict[str, Any]]:
    """The function that answers ["outputs", rows] and ["latency", rows]."""
    layers = arrays(WORK).layers[0]
    calls: dict[int, Call] = {}

    def answer(request: list[Any]) -> dict[str, Any]:
        what, rows = request
        if rows not in calls:
            x = np.random.default_rng(rows).normal(size=(rows, WORK.sizes[0])).astype("f4")
            calls[rows] = MAKERS[arguments[0]](layers, x, threads)
        if what == "outputs":
            return {"outputs": np.asarray(calls[rows]()).ravel().tolist()}
        return latencies(calls[rows])

    # A missing library is reported before the first request.
    answer(["outputs", 2])
    return answer


if __name__ == "__main__":
    serve(answering)
