"""Running sums, learnt through both doors of Vetro.

    python examples/article.py

A row holds three whole numbers x0, x1, x2 from 0 to 99; the targets are their running
sums y0 = x0, y1 = x0 + x1, y2 = x0 + x1 + x2 (running_sums.csv).  Three linear layers, one
after the other, can express the sums exactly, so you can check what was learnt.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import nn

import vetro

TABLE = Path(__file__).with_name("running_sums.csv")
STEPS = 5000


def pytorch_door(inputs: torch.Tensor, targets: torch.Tensor) -> None:
    """Your own module, loss and optimizer; Vetro runs the loop."""
    torch.set_num_threads(1)  # in such a small network a second thread would only wait
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    history = vetro.train(
        module,
        inputs,
        targets,
        loss=nn.MSELoss(),
        optimizer=torch.optim.SGD(module.parameters(), lr=1e-5),
        steps=STEPS,
    )
    print(f"{STEPS} steps in {history.seconds:.1f} s ({history.engine}: {history.reason})\n")

    print("step   error")
    for step in range(0, STEPS, 500):
        print(f"{step:4}   {history.loss[step]:.4f}")
    with torch.no_grad():
        outputs = module(inputs)
        print(f"{STEPS:4}   {nn.MSELoss()(outputs, targets).item():.4f}\n")

    print("parameters (unit i of a layer reads unit j of the layer before)")
    for number, layer in enumerate(module, 1):
        for i, (weights, bias) in enumerate(zip(layer.weight, layer.bias, strict=True)):
            terms = "".join(f"{w:+9.4f} * from {j}" for j, w in enumerate(weights.tolist()))
            print(f"  layer {number}, unit {i}: {terms}  {bias.item():+9.4f}")

    # without activations the layers are one matrix: it should contain the running sums
    with torch.no_grad():
        bias = module(torch.zeros(1, 3))[0]
        matrix = (module(torch.eye(3)) - bias).T
    print("\nthe three layers multiplied out")
    for i, (weights, constant) in enumerate(zip(matrix.tolist(), bias.tolist(), strict=True)):
        terms = "".join(f"{w:+9.4f} * x{j}" for j, w in enumerate(weights))
        print(f"  y{i} = {terms}  {constant:+9.4f}")

    print("\ninputs          targets         outputs")
    for x, y, output in zip(inputs[:5], targets[:5], outputs[:5], strict=True):
        print(f"{numbers(x, 4, 0)}    {numbers(y, 4, 0)}    {numbers(output, 8, 2)}")


def table_door() -> None:
    """A table and its targets; Vetro chooses the network and measures it on unseen rows."""
    model = vetro.fit(TABLE, target=["y0", "y1", "y2"])
    print(model)
    print("\nmeasured on rows that the predicting network never saw")
    for name, figure in model.evidence.metrics.items():
        print(f"  {name} {figure.value:.5f}, between {figure.low:.5f} and {figure.high:.5f}")

    print("\ninputs          predictions")
    rows = np.array([[1, 2, 3], [50, 0, 25], [99, 99, 99]])
    predictions = model.predict({f"x{j}": column for j, column in enumerate(rows.T)})
    for x, y in zip(rows, np.column_stack(list(predictions.values())), strict=True):
        print(f"{numbers(x, 4, 0)}    {numbers(y, 8, 2)}")


def numbers(values: Iterable[float], width: int, digits: int) -> str:
    """The values side by side, each `width` characters wide."""
    return "".join(f"{float(value):{width}.{digits}f}" for value in values)


def main() -> None:
    table = torch.tensor(np.loadtxt(TABLE, delimiter=",", skiprows=1), dtype=torch.float32)
    print("== The PyTorch door ==\n")
    pytorch_door(table[:, :3], table[:, 3:])
    print("\n== The table door ==\n")
    table_door()


if __name__ == "__main__":
    main()
