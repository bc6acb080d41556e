"""Models built for tests: real tables and encoders, parameters drawn instead of trained."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from recipes import PLAIN
from scipy import special

from vetro.errors import notice
from vetro.model.evidence import Evidence, Interval
from vetro.model.model import Model
from vetro.model.parts import Member
from vetro.model.request import FitRequest
from vetro.networks.initial import initial_parameters
from vetro.networks.network import Network
from vetro.tables.encoder import Encoder
from vetro.tables.options import ReadOptions
from vetro.tables.read import read_table
from vetro.tables.roles import assign_roles
from vetro.training.history import EpochRecord
from vetro.training.plan import output_count, resolve_loss

CITIES = ("Milano", "Rome", "Turin, north", 'the "old" town')
GRADES = ("good", "middling", "poor")


def rows_of(count: int = 120, seed: int = 0, gaps: bool = True) -> dict[str, list[Any]]:
    """Mixed columns by name: numbers, a date, a flag, a category with gaps, and targets."""
    generator = np.random.default_rng(seed)
    flow = generator.normal(50, 12, count).round(3)
    age = generator.integers(1, 300, count)
    start = datetime.date(2021, 1, 1)
    day = [start + datetime.timedelta(days=int(d)) for d in generator.integers(0, 900, count)]
    city = [CITIES[i] for i in generator.integers(0, len(CITIES), count)]
    wet = generator.random(count) < 0.4
    pressure = 3 * flow + np.sqrt(age) + 10 * wet + generator.normal(0, 1, count)
    noise = (0.1 * flow + generator.normal(0, 1, count)).round(2)
    cuts = np.quantile(pressure, [0.4, 0.8])
    columns = {
        "flow": flow.tolist(),
        "age": [
            None if gaps and missing else int(value)
            for value, missing in zip(age, generator.random(count) < 0.1, strict=True)
        ],
        "day": [item.isoformat() for item in day],
        "city": [
            None if gaps and missing else item
            for item, missing in zip(city, generator.random(count) < 0.1, strict=True)
        ],
        "wet": ["yes" if item else "no" for item in wet],
        "pressure": pressure.round(2).tolist(),
        "noise": noise.tolist(),
        "grade": [GRADES[i] for i in np.digitize(pressure, cuts)],
        "sold": ["yes" if item else "no" for item in pressure > cuts[0]],
    }
    # Every level is present, whatever was drawn.
    columns["city"][: len(CITIES)] = CITIES
    return columns


TARGETS = ("pressure", "noise", "grade", "sold")


def csv_text(columns: dict[str, list[Any]]) -> str:
    def field(item: Any) -> str:
        text = "" if item is None else str(item)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text

    lines = [",".join(field(name) for name in columns)]
    lines += [",".join(map(field, row)) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def write_csv(path: Path, columns: dict[str, list[Any]]) -> Path:
    path.write_text(csv_text(columns), encoding="utf-8")
    return path


def model_of(
    source: Any,
    *targets: str,
    members: int = 2,
    hidden: tuple[int, ...] = (7, 5),
    activation: str = "tanh",
    loss: str = "auto",
    weight: str = "",
    options: ReadOptions | None = None,
    seed: int = 0,
    bins: int = 0,
) -> Model:
    """A model of the table's other columns, each member's targets scaled by other rows."""
    options = options or ReadOptions()
    recipe = replace(PLAIN, hidden=hidden, activation=activation, loss=loss, seed=seed)
    request = FitRequest(targets=targets, weight=weight, options=options, recipe=recipe)
    drop = tuple(name for name in TARGETS if name not in targets)
    table = read_table(source, options)
    drop = tuple(name for name in drop if name in table.schema)
    table = assign_roles(table, targets=targets, drop=drop, weight=weight)
    generator = np.random.default_rng(seed)
    built = []
    whole = Encoder.fit(table, bins=bins)
    for fold in range(members):
        encoder = whole.with_targets_of(table, np.arange(table.rows) % (members + 1) != fold)
        task = encoder.task
        name = resolve_loss(recipe, task, len(encoder.classes))
        outputs = output_count(name, task, len(encoder.classes), len(encoder.targets))
        network = Network(
            sizes=(encoder.width, *hidden, outputs),
            activation=recipe.activation,
            input_names=encoder.input_names,
            output_names=(
                encoder.output_names
                if outputs == len(encoder.output_names)
                else encoder.classes[1:]
            ),
        )
        parameters = initial_parameters(network, seed + fold)
        parameters += generator.normal(0, 0.3, parameters.shape).astype(np.float32)
        built.append(Member(encoder.targets, parameters, fold + 1))
    return Model(
        schema=table.schema,
        task=whole.task,
        network=network,
        blocks=whole.inputs,
        members=tuple(built),
        recipe=recipe,
        request=request,
        evidence=evidence_of(whole, generator, len(network.weight_slots)),
    )


def evidence_of(encoder: Encoder, generator: np.random.Generator, layers: int) -> Evidence:
    """Made-up evidence with everything in it, figures that are not finite included."""
    rows, outputs = 11, len(encoder.output_names)
    classes = bool(encoder.classes)
    actual = (
        generator.integers(0, outputs, rows) if classes else generator.normal(size=(rows, outputs))
    )
    metric = "accuracy" if classes else "r2"
    names = ("accuracy", "auc") if classes else ("rmse", "mae", "r2")
    unknown = Interval(float("nan"), float("nan"), float("nan"))
    figures = {**dict.fromkeys(names, unknown), metric: Interval(0.9, 0.85, 0.95)}
    several = len(encoder.targets) > 1
    sizes = tuple(0.5 * number for number in range(1, layers + 1))
    none = (0.0,) * layers
    record = EpochRecord.of([1, 1, 1, 0.5, 0.625, 1e-3, True, 0.125, sizes, none])
    last = EpochRecord.of([2, 1, 2, float("inf"), float("nan"), 5e-4, False, 0.25, none, sizes])
    return Evidence(
        task=encoder.task,
        data={"name": "tàble.csv", "sha256": "ab" * 32, "rows": 120, "columns": 9},
        split={
            "kind": "folds",
            "folds": 2,
            "holdout": 0.0,
            "held_out_rows": 120,
            "training_rows": 120,
            "grouped_by": "",
        },
        metrics={metric: figures[metric]} if several else figures,
        per_target={target.name: figures for target in encoder.targets} if several else {},
        baselines={"mean": {metric: -0.01}},
        training_metrics={metric: np.float64(0.99)},
        importance={encoder.columns[0]: 1.5},
        notices=(notice("W116", column="k", value=3),),
        engine="torch",
        versions={"vetro": "0.1.0"},
        seconds={"training": 1.25},
        created="2026-01-01T00:00:00+00:00",
        stopped={"patience": 2},
        median_row=tuple(1.0 if number else float("nan") for number in range(len(encoder.columns))),
        actual=actual,
        predicted=generator.normal(size=(rows, outputs)),
        fold=generator.integers(1, 3, rows).astype(np.int32),
        history=(record, last),
    )


ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "sigmoid": special.expit,
    "identity": lambda z: z,
}


def reference(model: Model, raw: np.ndarray) -> np.ndarray:
    """The model's outputs in float64 throughout, written out plainly."""
    answers = []
    for member in model.members:
        h = model.encoder.encode_raw(raw, np.float64)
        views = model.network.views(member.parameters.astype(np.float64))
        layers = len(model.network.sizes) - 1
        for number in range(1, layers + 1):
            h = h @ views[f"layer{number}.weight"].T + views[f"layer{number}.bias"]
            if number < layers:
                h = ACTIVATIONS[model.network.activation](h)
        if model.classes:
            h = special.softmax(h, axis=1) if h.shape[1] > 1 else special.expit(np.hstack([-h, h]))
        else:
            h = np.stack([t.mean + t.deviation * h[:, i] for i, t in enumerate(member.targets)], 1)
        answers.append(h)
    return np.mean(answers, axis=0)
