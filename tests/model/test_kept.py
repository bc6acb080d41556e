"""A model file and a report hold no value of a column that the network does not use."""

from __future__ import annotations

import json
import random
import warnings

import pytest

import vetro
from vetro.apps.command_line import main

ROWS = 60
SECRET = "qzx"  # in every value of a column that is not used, and in no other place


def table(folder):
    draw = random.Random(3)
    lines = [
        "id;person;code;born;left out;constant;words;paid;on;of group;weight;city;x;y",
    ]
    for row in range(ROWS):
        city = draw.choice(("Roma", "Bari"))
        x = draw.uniform(0, 9)
        lines.append(
            ";".join(
                (
                    f"{SECRET}-{row}",
                    f"{SECRET} Rossi {row}",
                    f"00{7717000 + row}",
                    f"19{10 + row}-03-17",
                    f"{SECRET} {row % 3}",
                    f"{SECRET} constant",
                    draw.choice(("NA", f"{SECRET} b")),
                    f"{771700 + row},25",
                    draw.choice((f"{SECRET} yes", f"{SECRET} no")),
                    f"{SECRET} family {row // 3}",
                    str(771799 - row),
                    city,
                    f"{x:.3f}".replace(".", ","),
                    f"{2 * x + (city == 'Roma'):.3f}".replace(".", ","),
                )
            )
        )
    path = folder / "people.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


ROLES = (
    *("--target", "y", "--group", "of group", "--weight", "weight"),
    *("--drop", "left out,words,paid,born,on,code"),
)
SECRETS = (SECRET, "7717", "1910-03", "1969-03", "771799", "NA")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    small = ("--epochs", "2", "--folds", "2", "--hidden", "4", "--quiet")
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(table(folder)), "--run", str(folder / "run"), *ROLES, *small])
    assert not ended.value.code
    return folder / "run"


@pytest.mark.parametrize("name", ["model.safetensors", "report.html", "history.csv", "recipe.toml"])
def test_no_secret_is_in_the_file(run, name):
    content = (run / name).read_bytes()
    found = [secret for secret in SECRETS if secret.encode() in content]
    assert found == ([] if name != "report.html" else [s for s in found if s == "NA"])


def test_the_log_holds_all_that_was_said(run):
    log = (run / "log.txt").read_text()
    assert 'W121 column "words": "NA" in' in log
    assert 'column "code"' not in log  # a column that is dropped is not doubted
    assert f'W116 column "constant" always equals "{SECRET} constant"' in log


def test_what_the_model_says_of_these_columns(run):
    model = vetro.load(run / "model.safetensors")
    column = {column.name: column for column in model.schema}
    assert column["constant"].reason == "always the same value"
    assert column["of group"].role == "group" and column["of group"].levels == ()
    assert column["id"].distinct == ROWS and column["id"].example == ""
    assert column["weight"].maximum is None and column["born"].minimum is None
    assert column["city"].levels == ("Bari", "Roma") and column["x"].example
    codes = {item.code for item in model.evidence.notices}
    assert "W117" in codes and not {"W116", "W118", "W121"} & codes


def test_the_model_works_as_before(run, capsysbinary):
    """Saving twice changes nothing; verify finds the model's own table again."""
    model = vetro.load(run / "model.safetensors")
    again = run / "again.safetensors"
    model.save(again)
    assert again.read_bytes() == (run / "model.safetensors").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = run.parent / "people.csv"
        before = vetro.fit(
            source, target="y", group="of group", weight="weight", epochs=2, folds=2, hidden=(4,),
            drop=("left out", "words", "paid", "born", "on", "code"),
        )  # fmt: skip
        assert before.predict(source).equals(model.predict(source))
        assert model.evaluate(source).keys()
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(run)])
    out = capsysbinary.readouterr().out.decode()
    assert not ended.value.code, out
    assert "held-out" in out


def test_the_keys_of_nested_values_are_not_kept(tmp_path):
    """The message about them proposes a query that names the keys."""
    path = tmp_path / "a.jsonl"
    rows = ({"x": row, "y": row % 5, "of": {f"{SECRET} Rossi": row}} for row in range(ROWS))
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert any(SECRET in str(item) for item in vetro.inspect(path).notices)
    with warnings.catch_warnings(action="ignore"):
        model = vetro.fit(path, target="y", epochs=2, folds=2, hidden=2)
    model.save(tmp_path / "a.safetensors")
    assert SECRET.encode() not in (tmp_path / "a.safetensors").read_bytes()
