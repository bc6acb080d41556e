"""The names of the engines.  Light: the command line lists them."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["auto", "native", "torch"]
