"""Columns from Arrow's buffers, against pyarrow's own conversion."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from vetro.tables.cells import buffered


def test_buffered_is_to_numpy() -> None:
    draw = random.Random(0)
    for _ in range(200):
        count = draw.randrange(40)
        start = draw.randrange(count + 1)
        numbers = [None if draw.random() < 0.3 else draw.random() for _ in range(count)]
        doubles = pa.array(numbers, pa.float64())[start : start + draw.randrange(count + 1)]
        expected = doubles.to_numpy(zero_copy_only=False)
        np.testing.assert_array_equal(buffered(doubles, np.float64, np.nan), expected)
        codes = pa.array([None if x is None else int(9 * x) for x in numbers], pa.int32())[start:]
        np.testing.assert_array_equal(buffered(codes, np.int32, -1), codes.fill_null(-1).to_numpy())


def test_another_type_is_converted() -> None:
    whole = pa.array([1, 2, 3], pa.int64())
    np.testing.assert_array_equal(buffered(whole, np.float64, np.nan), [1.0, 2.0, 3.0])
