"""Errors and warnings as objects: they can go to another process and come back."""

from __future__ import annotations

import pickle

from vetro.errors import Setting, TrainingError, VetroWarning, error, notice, words


def test_an_error_survives_another_process() -> None:
    refusal = error(
        "E601", argument=Setting("epochs"), value="3", reason="x", fix=words("Use {=folds n}.", n=3)
    )
    again = pickle.loads(pickle.dumps(refusal))
    assert type(again) is type(refusal) and again.code == "E601"
    assert str(again) == str(refusal) and again.words == refusal.words


def test_what_was_added_to_an_error_goes_along() -> None:
    refusal = error("E317", step=3, loss="nan", tensor="w", kept="", lr=0.1)
    assert isinstance(refusal, TrainingError)
    refusal.model = ["a model"]
    assert pickle.loads(pickle.dumps(refusal)).model == ["a model"]


def test_a_warning_survives_another_process() -> None:
    warning = VetroWarning(notice("W122", column="x"))
    again = pickle.loads(pickle.dumps(warning))
    assert (again.code, str(again)) == ("W122", str(warning))
    assert str(again) == 'W122 column "x" is empty; ignored.'
