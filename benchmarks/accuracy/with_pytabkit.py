"""The networks of pytabkit: RealMLP-TD (Holzmueller et al. 2024), TabM-D (Gorishniy et al. 2025).

Both keep a fifth of the rows to choose their epoch.  For classes they choose it by the log-loss,
which is measured here, and RealMLP does not smooth the labels, as its authors advise for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytabkit import (
    RealMLP_TD_Classifier,
    RealMLP_TD_Regressor,
    TabM_D_Classifier,
    TabM_D_Regressor,
)

from benchmarks.accuracy.frames import answers_of, with_texts
from benchmarks.accuracy.scores import Answers
from benchmarks.accuracy.tables import Split


def realmlp(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    if split.table.classes:
        given = {"val_metric_name": "cross_entropy", "use_ls": False, **settings}
        return _answers(RealMLP_TD_Classifier, split, given, seed)
    return _answers(RealMLP_TD_Regressor, split, settings, seed)


def tabm(split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    if split.table.classes:
        given = {"val_metric_name": "cross_entropy", **settings}
        return _answers(TabM_D_Classifier, split, given, seed)
    return _answers(TabM_D_Regressor, split, settings, seed)


def _answers(kind: Any, split: Split, settings: Mapping[str, Any], seed: int) -> Answers:
    train, test = with_texts(split, fill_numbers=True)
    texts = [name for name in train.columns if train[name].dtype == object]
    estimator = kind(device="cpu", random_state=seed, n_threads=1, **settings)
    estimator.fit(train, split.answers, cat_col_names=texts)
    return answers_of(estimator, test, split)
