"""Recipe files: what is written reads back equal; what is wrong is named."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetro.apps.recipe_file import merged, read_recipe, write_recipe
from vetro.errors import ModelFileError, UsageError, VetroError
from vetro.model.request import FitRequest
from vetro.tables.options import ReadOptions
from vetro.training.recipe import Recipe

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
columns = st.lists(texts.filter(bool), max_size=12).map(tuple)
requests = st.builds(
    FitRequest,
    targets=columns,
    inputs=columns,
    drop=columns,
    weight=texts,
    group=texts,
    drop_missing_target=st.booleans(),
    options=st.builds(
        ReadOptions,
        sep=texts,
        decimal=st.sampled_from(["", ".", ","]),
        encoding=texts,
        date_format=texts,
        header=st.booleans(),
        missing=columns,
        bad_rows=st.sampled_from(["refuse", "skip"]),
        skip_rows=st.none() | st.integers(0, 99),
        comment=texts,
        units_row=st.sampled_from([None, True, False]),
        skip_footer=st.none() | st.integers(0, 99),
        number=columns.map(lambda names: tuple(f"n{name}" for name in names)),
        category=columns.map(lambda names: tuple(f"c{name}" for name in names)),
        query=texts,
        sheet=texts,
    ),
    recipe=st.builds(
        Recipe,
        hidden=st.lists(st.integers(1, 99), max_size=9).map(tuple),
        learning_rate=st.floats(1e-9, 1.0),
        epochs=st.integers(1, 10**6),
        optimizer=st.sampled_from(["sgd", "adam"]),
        seed=st.integers(0, 2**62),
        time=st.floats(0, 1e6),
    ),
)


@settings(max_examples=150, deadline=None)
@given(source=texts.filter(lambda text: "://" not in text), request=requests)
def test_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, source, request) -> None:
    path = tmp_path_factory.getbasetemp() / "recipe.toml"
    write_recipe(path, source, request)
    found = read_recipe(path)
    assert (found.source, found.request) == (source, request)


def test_every_entry_is_plain_toml(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    request = FitRequest(targets=("y",), drop=("a", "b"), options=ReadOptions(missing=("?",)))
    write_recipe(path, "data/pumps.csv", request)
    text = path.read_text()
    assert text.startswith(
        '[table]\nsource = "data/pumps.csv"\ntargets = ["y"]\ndrop = ["a", "b"]\nmissing = ["?"]\n'
    )
    assert tomllib.loads(text)["recipe"] == Recipe().to_json()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("[table]\ntargets = \n", "E603", "recipe.toml:2: not valid TOML: invalid value."),
        ("a = 1\nb = 'x", "E603", "recipe.toml:2: not valid TOML"),
        ("[tabel]\n", "E602", 'recipe.toml: unknown entry "tabel". Did you mean "table"?'),
        (
            "[table]\ntarget = 'y'\n",
            "E602",
            'unknown entry "target". Write it as targets in [table].',
        ),
        ("target = 'y'\n", "E602", 'unknown entry "target". Write it as targets in [table].'),
        (
            "[table]\nepochs = 9\n",
            "E602",
            'unknown entry "epochs". Write it as epochs in [recipe].',
        ),
        ("[recipe]\nlr = 1\n", "E602", 'unknown entry "lr"'),
        ("[recipe]\nhiden = [1]\n", "E602", 'Did you mean "hidden"?'),
        ("[recipe]\nepochs = 'many'\n", "E601", 'epochs "many" is not valid: a whole number'),
        ("[recipe]\nepochs = -1\n", "E601", "it must be at least 1"),
        ("[recipe]\nhidden = [4, 0]\n", "E601", "whole numbers from 1"),
        ("[recipe]\noptimizer = 'adan'\n", "E601", "Use one of: auto, sgd, adam"),
        ("[recipe]\nlearning_rate = nan\n", "E601", "learning_rate"),
        ("recipe = 3\n", "E601", "a section is needed, as [recipe]"),
        ("[table]\ntargets = 3\n", "E601", "a text or several are needed"),
        ("[table]\ndrop = ['a', 1]\n", "E601", "a text or several are needed"),
        ("[table]\nheader = 'no'\n", "E601", "true or false is needed"),
        ("[table]\nweight = ['w']\n", "E601", "a text is needed"),
        ("[table]\nbad_rows = 'keep'\n", "E601", "Use one of: refuse, skip."),
        (
            "\n[recipe]\n\nepochs = " + "7" * 5000 + "\n",
            "E603",
            "toml:4: not valid TOML: a number has",
        ),
        (
            "[recipe]\ntime = " + "7" * 5000 + ".5\n\n",
            "E603",
            "toml:2: not valid TOML: a number is too",
        ),
        (
            "[recipe]\nlearning_rate = 1e999",
            "E603",
            "toml:2: not valid TOML: a number is too large",
        ),
        ("[recipe]\nepochs = 0x" + "7" * 5000, "E601", "a number of more than 4,300 digits"),
        ("[recipe]\nlearning_rate = inf", "E601", 'learning_rate "inf" is not valid: it must be'),
        (b"\xff\xfe\x00", "E508", "it is not UTF-8 text"),
    ],
)
def test_refuses(tmp_path: Path, content: str | bytes, code: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(VetroError) as refused:
        read_recipe(path)
    assert refused.value.code == code
    assert message in str(refused.value)
    assert "recipe.toml" in str(refused.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nope\.toml not found"):
        read_recipe(tmp_path / "nope.toml")
    with pytest.raises(ModelFileError, match="Is a directory"):
        read_recipe(tmp_path)


def test_the_command_line_wins() -> None:
    base = FitRequest(
        targets=("y",),
        drop=("a",),
        options=ReadOptions(sep=";", decimal=","),
        recipe=Recipe(epochs=7, folds=3, holdout=0.0),
    )
    found = merged(base, {"drop": ("b",), "sep": "|", "epochs": 9, "holdout": 0.2})
    assert found == replace(
        base,
        drop=("b",),
        options=ReadOptions(sep="|", decimal=","),
        recipe=replace(base.recipe, epochs=9, folds=0, holdout=0.2),
    )
    assert merged(found, {"folds": 4}).recipe.holdout == 0
    with pytest.raises(UsageError, match="folds are given as well"):
        merged(base, {"folds": 4, "holdout": 0.2})


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("data.csv", "data.csv"),
        ("postgresql://u:secret@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgresql://h/d?password=secret&sslmode=require", "postgresql://h/d?sslmode=require"),
        ("postgresql://h/d", "postgresql://h/d"),
    ],
)
def test_passwords_are_not_written(source: str, written: str, tmp_path: Path) -> None:
    write_recipe(tmp_path / "r.toml", source, FitRequest(targets=("y",)))
    assert read_recipe(tmp_path / "r.toml").source == written


def test_how_held_out_rows_are_written(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    write_recipe(path, "a.csv", FitRequest(targets=("y",)), spreadsheet_safe=True)
    assert read_recipe(path).spreadsheet_safe
    assert "[output]\nspreadsheet_safe = true" in path.read_text()
    write_recipe(path, "a.csv", FitRequest(targets=("y",)))
    assert not read_recipe(path).spreadsheet_safe
    assert "[output]" not in path.read_text()
    path.write_text('[output]\nspreadsheet_safe = "yes"')
    with pytest.raises(UsageError, match="true or false is needed"):
        read_recipe(path)
    path.write_text("[output]\nspreadsheetsafe = true")
    with pytest.raises(UsageError, match="spreadsheet_safe"):
        read_recipe(path)
