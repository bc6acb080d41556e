"""Vetro, through the door that its users have: vetro.fit of a frame, model.predict of another."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import vetro
from benchmarks.accuracy.scores import LEVEL, Answers
from benchmarks.accuracy.tables import Split

_fit = vetro.fit  # imported now, so that the import is not part of the time


def fit(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    """settings: of vetro.fit, by name."""
    target = split.table.target
    kinds = {"category": (target,)} if split.table.classes else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vetro.errors.VetroWarning)
        model = _fit(split.train, target, seed=seed, **{**kinds, **settings})
        inputs = split.test.drop(columns=target)
        answers = model.predict(inputs, probabilities=split.table.classes, interval=LEVEL)
    if split.table.classes:
        columns = [answers[f"P({label})"] for label in split.labels]
        inside = [
            [label in labels for label in split.labels] for labels in answers[f"set({target})"]
        ]
        return Answers(np.column_stack(columns).astype(float), sets=np.array(inside))
    values, low, high = (
        np.asarray(answers[name], dtype=float)
        for name in (target, f"low({target})", f"high({target})")
    )
    return Answers(  # a bound that is missing is infinite
        values,
        np.where(np.isnan(low), -np.inf, low),
        np.where(np.isnan(high), np.inf, high),
    )
