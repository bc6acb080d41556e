"""docs/command-line.md names every option and every entry of the JSON outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vetro.apps.options import READING, RECIPE, ROLES
from vetro.apps.recipe_file import SECTIONS, read_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_option() -> None:
    for choice in (*ROLES, *RECIPE, *READING):
        assert re.search(rf"`{choice.option}[` ]", PAGE), choice.option
    for choice in RECIPE:
        assert f"| `{choice.field}` |" in PAGE
    for entry in SECTIONS["table"]:
        assert f"`{entry}`" in section("vetro fit")


@pytest.mark.parametrize(
    "command", ["inspect", "fit", "predict", "evaluate", "show", "runs", "tour"]
)
def test_every_option_of_a_command(vetro, command: str) -> None:
    options = set(re.findall(r"--[a-z][a-z-]+", vetro(command, "--help").out)) - {"--help"}
    for option in options:
        assert re.search(rf"`[^`]*{option}[` ]", PAGE), option


def test_every_json_entry(vetro, fitted: Path, pumps: Path) -> None:
    found = {
        "inspect": vetro("inspect", pumps, "--json").json,
        "evaluate": vetro("evaluate", fitted, pumps, "--json").json,
        "show": vetro("show", fitted, "--json").json,
        "runs": vetro("runs", fitted, "--json").json,
    }
    for command, data in found.items():
        for entry in data:
            assert f"`{entry}`" in section(f"vetro {command}"), (command, entry)
    for entry in found["runs"]["runs"][0]:
        assert f"`{entry}`" in section("vetro runs")
    for entry in found["inspect"]["columns"][0]:
        assert f"`{entry}`" in section("vetro inspect")
    for owner in ("network", "data"):
        for entry in found["show"][owner]:
            assert f"`{entry}`" in section("vetro show")


def test_the_recipe_shown_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "recipe.toml"
    path.write_text(example)
    found = read_recipe(path)
    assert (found.source, found.request.targets) == ("pumps.csv", ("flow",))
    assert found.request.recipe.hidden == (32, 32)
