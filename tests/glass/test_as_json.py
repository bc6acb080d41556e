"""Records as plain data: names, order, nesting, and strict JSON."""

import json
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vetro.glass.as_json import as_json, plain


@dataclass(frozen=True)
class Inner:
    name: str
    size: float


@dataclass(frozen=True)
class Outer:
    part: Inner
    values: np.ndarray
    pairs: tuple[tuple[str, float], ...]
    share: Fraction

    @property
    def double(self) -> float:
        return 2 * self.part.size


OUTER = Outer(
    Inner("a", 1.5), np.array([[1.0, np.nan], [np.inf, 4.0]]), (("b", 2.0),), Fraction(1, 3)
)


def test_all_fields_in_order():
    found = as_json(OUTER)
    assert list(found) == ["part", "values", "pairs", "share"]
    assert found == {
        "part": {"name": "a", "size": 1.5},
        "values": [[1.0, None], [None, 4.0]],
        "pairs": [["b", 2.0]],
        "share": "1/3",
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_named_attributes_under_other_names():
    found = as_json(OUTER, "double first=part member=part.name")
    assert list(found.items()) == [
        ("double", 3.0),
        ("first", {"name": "a", "size": 1.5}),
        ("member", "a"),
    ]


def test_a_record_that_has_its_own_form_keeps_it():
    class Own(dict):
        def to_json(self):
            return {"own": True}

    assert plain({"x": Own(y=1), "none": None, "flag": np.bool_(True), "whole": np.int64(3)}) == {
        "x": {"own": True},
        "none": None,
        "flag": True,
        "whole": 3,
    }


def test_numbers_are_pythons_own():
    assert [type(item) for item in plain((np.float32(0.5), np.int64(1), 2.0, True))] == [
        float,
        int,
        float,
        bool,
    ]
    assert plain(-np.inf) is None and plain(float("nan")) is None
