"""What messages propose to set: each door's words can be pasted, and name what exists."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

import vetro
from vetro.apps.command_line import COMMANDS, app_for
from vetro.apps.options import names
from vetro.catalogue import CATALOGUE
from vetro.errors import Setting, error, words
from vetro.settings import COLUMNS, ColumnIs
from vetro.tables.options import ReadOptions
from vetro.training.recipe import Recipe

# What only a command has: runs that can be resumed, the tour, and how a row is named.
ONLY_COMMANDS = {"resume", "lang", "step", "spreadsheet_safe", "set", "row", "source"}
# What only a function has.
ONLY_FUNCTIONS = {"on_progress", "options", "sample_weight"}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def shell_words(line: str) -> list[str]:
    """A line as a shell takes it apart; what cannot be printed needs bash's own quotes."""
    if "$'" not in line:
        return shlex.split(line)
    script = f"printf '%s\\0' {line}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@given(TEXTS, st.sampled_from(["missing", "date_format", "sep", "sheet", "query", "engine"]))
def test_a_shell_gives_the_option_its_text_back(text: str, name: str) -> None:
    option, value = shell_words(Setting(name, text).worded("command line"))
    assert option == "--" + name.replace("_", "-") and value == text


@given(TEXTS, st.sampled_from(sorted(COLUMNS)))
def test_a_shell_and_a_comma_list_give_the_column_back(text: str, name: str) -> None:
    _, value = shell_words(Setting(name, text).worded("command line"))
    assert names(name, [value]) == (text,)


@given(TEXTS, st.sampled_from(["missing", "category", "date_format", "sep", "inputs"]))
def test_python_gives_the_keyword_its_text_back(text: str, name: str) -> None:
    given = eval(f"dict({Setting(name, text).worded('python')})")
    assert given in ({name: text}, {name: (text,)})


@given(TEXTS, TEXTS)
def test_a_column_and_its_value_come_back(column: str, value: str) -> None:
    setting = Setting("over", ColumnIs(column, value))
    assert shell_words(setting.worded("command line")) == ["--over", f"{column}={value}"]
    ((name, found),) = eval(f"dict({setting.worded('python')})")["over"].items()
    assert name == column and (found == value or float(found) == float(value))


@pytest.mark.parametrize(
    ("setting", "option", "keyword"),
    [
        (Setting("missing", "?"), '--missing "?"', 'missing=("?",)'),
        (Setting("learning_rate", "0.01"), "--learning-rate 0.01", "learning_rate=0.01"),
        (Setting("hidden", "64,64"), '--hidden "64,64"', "hidden=(64,64)"),
        (Setting("hidden", "8"), "--hidden 8", "hidden=(8,)"),
        (Setting("header", False), "--no-header", "header=False"),
        (Setting("targets"), "--target", "target"),
        (Setting("category", "a b"), '--category "a b"', 'category=("a b",)'),
        (Setting("category", "a,b"), "--category '\"a,b\"'", 'category=("a,b",)'),
        (Setting("every", True), "--all", "every=True"),
        (Setting("category", ("a", "b,c")), "--category 'a,\"b,c\"'", 'category=("a", "b,c")'),
        (Setting("missing", ("?", "-")), '--missing "?" --missing "-"', 'missing=("?", "-")'),
        (Setting("hidden", ""), "--hidden none", "hidden=()"),
        (Setting("over", ColumnIs("x", "0", "1")), '--over "x=0..1"', 'over={"x": (0, 1)}'),
        (Setting("over", ColumnIs("a b", "it's")), '--over "a b=it\'s"', 'over={"a b": "it\'s"}'),
        (Setting("over", ColumnIs("x", "007")), '--over "x=007"', 'over={"x": "007"}'),
        (Setting("sheet", "two\nlines"), "--sheet $'two\\012lines'", "sheet='two\\nlines'"),
    ],
)
def test_words_of_each_door(setting: Setting, option: str, keyword: str) -> None:
    assert (setting.worded("command line"), setting.worded("python")) == (option, keyword)


def test_a_huge_figure_has_no_hundred_digits() -> None:
    assert str(words("R2 {score:.2f}", score=-1.5e200)) == "R2 -1.5e+200"
    assert str(words("R2 {score:.2f}", score=0.125)) == "R2 0.12"


def test_a_message_keeps_its_settings_as_data() -> None:
    refusal = error(
        "E112", column="x", place="line 3", value="1e999",
    )  # fmt: skip
    assert refusal.words.settings == (Setting("missing", "1e999"),)
    assert str(refusal).endswith('or use missing=("1e999",).')
    inner = words("Use {=folds count}.", count=3)
    outer = error("E604", what="x", fix=inner)
    assert outer.words.settings == (Setting("folds", "3"),)


def _named() -> set[str]:
    """Every setting that some text of the program names."""
    source = Path(vetro.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in source.rglob("*.py")]
    found = {
        name
        for text in texts
        for name in re.findall(r"\{[=-](\w+)|Setting\(\"(\w+)\"", text)
        for name in name
        if name
    }
    return found - {"setting"}  # of the docstrings that explain the form


def test_every_setting_is_an_option_of_some_command() -> None:
    apps = {name: typer.main.get_command(app_for([name])) for name in COMMANDS}
    options = {
        option
        for name, app in apps.items()
        for parameter in app.commands[name].params  # type: ignore[attr-defined]
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for name in _named() - ONLY_FUNCTIONS:
        value = False if name == "header" else None
        assert Setting(name, value).worded("command line") in options, name


def test_every_setting_is_a_keyword_in_python() -> None:
    keywords = {entry.name for record in (Recipe, ReadOptions) for entry in fields(record)}
    for name in vetro.__all__:
        public = getattr(vetro, name)
        methods = [item for _, item in inspect.getmembers(public, inspect.isfunction)]
        for function in [*([public] if callable(public) else []), *methods]:
            keywords |= set(inspect.signature(function).parameters)
    for name in _named() - ONLY_COMMANDS:
        assert Setting(name).worded("python") in keywords, name


def test_no_text_names_an_option_itself() -> None:
    for code, text in CATALOGUE.items():
        assert not re.search(r"(?<![\w-])--[a-z]", text) or code == "E900", code
