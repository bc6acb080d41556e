"""Small inputs, each with one fault whose message proposes something to set.

A case says how to provoke a message; test_fixes.py runs each proposal and sees that it helps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import openpyxl

from vetro.errors import Setting
from vetro.settings import ColumnIs

NUMBERED = range(40)


@dataclass(frozen=True)
class Case:
    """content: of the file `name`.  command: what reads it.  given: what is set beforehand.

    trained: the table that a model is fitted to first, with `trained_with`.
    claim: of `vetro prove`.
    values: a value for each setting of which the message gives only the name, or an example.
    named: settings that the message names without proposing to set them.  then: for a setting, the
    code of a second fault that the input has.
    """

    code: str
    content: str | bytes | Callable[[Path], object]
    name: str = "data.csv"
    command: str = "inspect"
    given: tuple[Setting, ...] = ()
    trained: str = ""
    trained_with: tuple[Setting, ...] = ()
    claim: str = ""
    values: Mapping[str, str | bool] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    then: Mapping[str, str] = field(default_factory=dict)
    id: str = ""


Y = Setting("targets", "y")


def rows(head: str, *each: str) -> str:
    return "\n".join((head, *each)) + "\n"


def column(name: str, values: list[str], other: str = "y") -> str:
    """Two columns: the values, and numbers that they do not determine."""
    return rows(f"{name},{other}", *(f"{value},{i * 7 % 5}" for i, value in enumerate(values)))


def sheets(*names: str) -> Callable[[Path], object]:
    """A workbook with the same small table in each sheet."""

    def write(path: Path) -> None:
        book = openpyxl.Workbook()
        for number, name in enumerate(names):
            sheet = book.worksheets[0] if number == 0 else book.create_sheet()
            sheet.title = name
            for row in (("x", "y"), (1, 2), (3, 5), (4, 4)):
                sheet.append(row)
        book.save(path)

    return write


def tables(*names: str) -> Callable[[Path], object]:
    """A database with the same small table under each name."""

    def write(path: Path) -> None:
        with duckdb.connect(str(path)) as connection:
            for name in names:
                quoted = name.replace('"', '""')
                connection.execute(
                    f'CREATE TABLE "{quoted}" AS SELECT * FROM (VALUES (1, 2), (3, 5)) t(x, y)'
                )

    return write


def of_type(values: str) -> Callable[[Path], object]:
    """A Parquet file with the columns x and y."""
    return lambda path: duckdb.sql(f"SELECT * FROM (VALUES {values}) t(x, y)").write_parquet(
        str(path)
    )


def drawn(count: int, rule: Callable[[int], str], head: str = "a,b,y") -> str:
    """Rows of two inputs without a pattern, and what the rule makes of the row's number."""
    return rows(head, *(f"{i * 37 % 101},{i * 53 % 89},{rule(i)}" for i in range(count)))


READING = [
    Case("E102", "1,2\n3,4\n"),
    Case("E103", "x,y\n1,x\n2,Zürich\n".encode("cp1252")),
    Case(
        "E103",
        "x,y\n1,x\n2,é\n",
        given=(Setting("encoding", "ascii"),),
        values={"encoding": "utf-8"},
        id="own",
    ),
    Case("E104", "a,b;c\n1,2;3\n4,5;6\n"),
    Case("E104", "a\tb|c\n1\t2|3\n4\t5|6\n", id="tab"),
    Case("E104", "name      x\naa        1\nbb        2\n", id="blanks"),
    Case("E104", "a^b\n1^2\n3^4\n", id="rare"),
    Case("E110", "0,0\n1,2\n3,4\n"),
    Case("E110", "a,a\n1,2\n3,4\n4,6\n", id="words", then={"header": "E113"}),
    Case(
        "E110",
        "a,a\n1,2\n3,4\n4,6\n",
        id="query",
        given=(Setting("query", "SELECT * FROM data"),),
        then={"header": "E113"},
    ),
    Case("W170", '{"x":{"it\'s":1,"b":2},"y":2}\n{"x":{"it\'s":3},"y":1}\n', name="data.jsonl"),
    Case("W170", '{"x":[1,2],"y":2}\n{"x":[3,4],"y":1}\n', name="data.jsonl", id="list"),
    Case("E106", "x;y\n7.000;1\n8.000;2\n"),
    Case("E106", "x;y\n1,250;1\n3,500;2\n", id="comma"),
    Case("E106", "id,importo\n1,500\n2,7.000\n3,8.500\n", id="in-commas"),
    Case("E106", "x;y;z\n7.000;1,5;1.5\n8.000;2,5;2.5\n", id="both-marks"),
    Case("E108", "a,b\n1,2\n1,2,3\n4,5\n6,7\n"),
    Case("E108", "a,b,c\n1,2,3\n1,2\n4,5,6\n", id="short"),
    Case("E108", "a;b\n1;2\n3;4;\n5;6\n", id="separator"),
    Case("E108", "a,b\n1,2\n3,4\n# by me, today, noon\n5,6\n7,8\n", id="comment"),
    Case("E108", "a,b,c\n1,2,3\n4,5,6\n7,8,9\n10,11,12\nlast,row\n", id="footer"),
    Case(
        "E108",
        "List of all\nx,y\nz,w\n3,4\n",
        given=(Setting("skip_rows", "0"),),
        values={"skip_rows": "1"},
        id="title",
    ),
    Case("E111", "a,b\n1,2\n3,4\n".encode("utf-16-le")),
    Case("E112", "x,y\n1,1\n1e999,2\n2,3\n"),
    Case("E112", "x,y\n1,1\n-Infinity,2\n2,3\n", id="minus"),
    Case(
        "E112", of_type("(1.0, 1), ('inf'::DOUBLE, 2), (3.0, 3)"), name="data.parquet", id="parquet"
    ),
    Case(
        "E112", '{"x":1,"y":2}\n{"x":-1e999,"y":3}\n{"x":3,"y":3}\n', name="data.jsonl", id="json"
    ),
    Case("E113", "x,y\n1,1\n2,2\n3x,3\n4,4\n"),
    Case("E113", "x,y\n1,1\n2,2\n#DIV/0!,3\n4,4\n", id="error-cell"),
    Case("E113", column('"it\'s ""a"", $x! -é"', ["1", "2", "3", "`$HOME`!", "5"]), id="quoting"),
    Case("E113", column("-x", ["1", "2", "3", "--oops", "5"]), id="dashes"),
    Case("E113", column('"a\nb"', ["1", "2", "3", '"two\nlines"', "5"]), id="line-break"),
    Case(
        "E113",
        column("x", ["low", "high", "mid"]),
        given=(Setting("number", "x"),),
        then={"missing": "E113"},
        id="forced",
    ),
    Case(
        "E114",
        "x,price\n1,1\n2,2\n",
        given=(Setting("category", "pric"),),
        values={"category": "price"},
    ),
    Case("E115", "x,y\n1,1\n2,\n3,4\n5,5\n6,3\n", given=(Y,), command="fit"),
    Case("E120", "d,y\n01/02/2024,1\n03/04/2024,2\n"),
    Case("E120", "d,y\n13/02/24,1\n14/04/24,2\n", id="short-year"),
    Case("E120", "d,e,y\n01/02/2024,2024-01-31,1\n03/04/2024,2024-02-28,2\n", id="two-columns"),
    Case("E125", "f,y\nyes,1\nno,2\nperhaps,3\n", given=(Setting("flag", "f"),), id="flag"),
    Case("E125", sheets("first", 'it\'s "$5!"'), name="data.xlsx", id="sheets"),
    Case("E125", sheets("-2024", "b c"), name="data.xlsx", id="sheet-dash"),
    Case(
        "E127",
        tables("t"),
        name="data.duckdb",
        given=(Setting("query", "SELECT z FROM t"),),
        values={"query": "SELECT * FROM t"},
    ),
    Case("E129", "d,y\n2024-02-01,1\n2024-02-30,2\n2024-03-01,3\n"),
    Case("E129", "d,y\nsoon,1\n2024-01-01,2\n", given=(Setting("date", "d"),), id="forced"),
    Case("E143", "x,z,y\n1,5,1\n2,2,2\n5%,9,3\n", given=(Y,)),
    Case("E160", "# name,city\nbob,rome\nann,pisa\neve,bari\n"),
    Case(
        "E160",
        "# of me\n# id;flow;temp\n1;2.5;3\n2;3.5;5\n3;4.5;4\n4;5.5;1\n",
        id="header-in-comment",
    ),
    Case(
        "E161",
        "id;flow;temp\nnumber;mean;mean\n1;2.5;3\n2;3.5;5\n3;4.5;4\n4;5.5;1\n",
        then={"skip_rows": "E110"},
    ),
    Case(
        "E161",
        "Station,Rome\nDate,2020-01-01\nx,y\n1,2\n2,3\n3,4\n",
        id="facts",
        then={"units_row": "E113"},
    ),
    Case("E166", "country;a;b\nItaly;1;2\nSpain;5;6\nFrance;3;4\nTotal;7;8\n\nSource: me\n"),
    Case("E601", "a,b\n1,2\n3,4\n", given=(Setting("sep", "::"),), values={"sep": ","}, id="sep"),
    Case(
        "E601",
        "a,b\n1,2\n3,4\n",
        given=(Setting("encoding", "utf-9"),),
        values={"encoding": "utf-8"},
        id="encoding",
    ),
    Case(
        "E601",
        "a,b\n1,2\n3,4\n",
        given=(Setting("bad_rows", "drop"),),
        values={"bad_rows": "skip"},
        id="bad-rows",
    ),
    Case(
        "E601",
        "a,b\n1,2\n3,4\n",
        given=(Setting("date_format", "%Q"),),
        values={"date_format": "%Y"},
        id="date-format",
    ),
    Case("E604", tables('it\'s "$a"!', "b"), name="data.duckdb", id="tables"),
    Case("W117", rows("id,x,y", *(f"n{i},{i * 31 % 17},{i % 7}" for i in NUMBERED)), given=(Y,)),
    Case(
        "W117",
        rows('"customer, ""id"" ",x,y', *(f"n{i},{i * 31 % 17},{i % 7}" for i in NUMBERED)),
        given=(Y,),
        id="quoting",
    ),
    Case("W118", column("cap", ["00123", "10000", "00456", "10001"])),
    Case("W119", "n,y\n9007199254740993,1\n5,2\n"),
    Case("W121", column("country", ["NA", "IT", "NA", "US"])),
    Case(
        "W123",
        rows("name,x,y", *(f"n{i % 35},{i * 31 % 17},{i % 7}" for i in NUMBERED)),
        given=(Y,),
    ),
    Case("W134", "1,2\n3,4\n5,6\n"),
    Case("I139", column("day", [f"201609{i:02}" for i in range(1, 29)])),
    Case("I176", column("timestamp", [str(1700000000 + 3601 * i) for i in range(9)])),
    Case("I176", column("created_at", [str(1700000000000 + 3601 * i) for i in range(9)]), id="ms"),
    Case("I176", column("date", [str(45000 + i) for i in range(9)]), id="excel"),
    Case("I140", column("t", ["01:30:00", "02:30:00", "10:00:00"])),
    Case("I140", column("t", ["1:30", "2:45", "10:00"]), id="two", then={"number": "E120"}),
    Case(
        "E120", column("t", ["75:30", "2:45", "10:00"]), id="two-numbers", then={"number": "E120"}
    ),
    Case("W142", column("d", ["20.11.2023 9.30", "21.11.2023 10.15"])),
    Case("W142", column("d", ["Fri 01/09/2016", "Sat 02/09/2016"]), id="weekday"),
    Case(
        "E129",
        column("d", ["20231120093000", "20231121103000"]),
        id="digits",
        given=(Setting("date", "d"),),
    ),
    Case("I151", column("d", ["230401", "230402"]), given=(Setting("date_format", "%y%m%d"),)),
    Case("W152", column("d", ["2024-01-31", "9999-12-31", "2024-02-28"])),
    Case("W153", column("d", ["a", "b", "a"]), given=(Setting("date_format", "%y%m%d"),)),
    Case("W154", column("x", [*map(str, range(9)), "-999", "-999", "-999"])),
    Case("I144", column("x", ["5%", "6%", "7%"])),
    Case(
        "I144",
        rows("a,b,c,d,e,f,y", *("5%,6%,7%,8%,9%,1%,2", "6%,7%,8%,9%,1%,5%,3")),
        values={"category": "a"},
        id="many",
    ),
    Case("I145", column("x", ["1A", "2A", "3A", "4A"])),
    Case("I180", column("town", [f"t{n % 10}" for n in range(50)] + [f"v{n}" for n in range(12)])),
    Case("I179", column("size", ["small", "medium", "large"] * 3)),
    Case("W147", column("x", ["1", "trace", "2", "<4", "3"])),
    Case("W148", column("x", ["~1", "~2", "~3", "~4"])),
    Case("W174", "r,v\na,1\nb,2\nSubtotal,3\na,4\nc,6\nSubtotal,10\nb,2\n"),
    Case("I150", column("x", ["1.0D+01", "2.0D+01", "3.0D+01"])),
    Case("I165", "x,y\nmm,kg\n1,2\n3,4\n"),
    Case("I167", "x,y\n1,2\n3,4\n5,6\n7,8\nTotal,20\n", id="words"),
    Case("I167", "x,y\na,2\nb,4\na,6\nb,8\nTotal,20\n"),
    Case("E160", "x,y\nx,y\n1,2\n3,4\n5,6\n", id="repeated"),
    Case("E160", "x,y\na,b\nx,y\nb,c\nc,d\n", id="repeated-texts"),
    Case("W217", "x,y\n1,1\n2,\n3,4\n5,5\n", given=(Y,)),
]

TARGETS = [
    Case("E114", "x,price\n1,1\n2,2\n", given=(Setting("targets", "pric"),)),
    Case("E205", "x,y,z\n1,4,1\n2,4,3\n4,4,2\n", given=(Y,), values={"targets": "z"}),
    Case("E208", column("id", [f"n{i}" for i in NUMBERED]), given=(Y,)),
    Case("E208", column("name", [f"n{i % 35}" for i in NUMBERED]), given=(Y,), id="texts"),
    Case(
        "E209",
        rows("x,z", *(f"{i},{i * 31 % 17}" for i in NUMBERED)),
        given=(Setting("targets", "x"), Setting("category", "x")),
    ),
    Case(
        "E209",
        rows("x,z,c", *(f"{i * 31 % 17},{i * 7 % 13},k{i}" for i in range(60))),
        given=(Setting("targets", "c"),),
        values={"targets": "x"},
        id="texts",
    ),
    Case(
        "E210",
        "x,y,z\n1,4,1\n2,,3\n3,,2\n",
        given=(Y, Setting("drop_missing_target", True)),
        values={"targets": "z"},
    ),
    Case(
        "I211", rows("x,c", *(f"{i},{i % 3}" for i in range(30))), given=(Setting("targets", "c"),)
    ),
]

PLAIN = (
    Setting("numbers", "raw"), Setting("learning_rate", "0.01"), Setting("validation", "0.15"),
    Setting("dropout", "0"), Setting("weight_decay", "0.1"), Setting("patience", "75"),
)  # fmt: skip
FITTING = [
    Case("E112", "x,y\n1,1\n1e999,2\n2,3\n3,4\n", given=(Y,), command="fit", id="fit"),
    Case("E601", drawn(8, str), given=(Y, Setting("folds", "9")), command="fit", id="folds"),
    Case(
        "E601",
        drawn(8, str),
        given=(Y, Setting("folds", "1")),
        values={"folds": "2"},
        command="fit",
        id="one-fold",
    ),
    Case(
        "E601",
        drawn(9, lambda i: f"{i},{'pq'[i % 2]}", "a,b,y,g"),
        given=(Y, Setting("group", "g"), Setting("folds", "3")),
        command="fit",
        id="groups",
    ),
    Case(
        "E601",
        drawn(9, lambda i: f"{i},p", "a,b,y,g"),
        given=(Y, Setting("group", "g"), Setting("folds", "0"), Setting("holdout", "0.2")),
        command="fit",
        named=("holdout",),
        id="one-group",
    ),
    Case(
        "E601",
        drawn(9, str),
        given=(Y, Setting("hidden", "8,0")),
        command="fit",
        values={"hidden": "64,64"},
        id="hidden",
    ),
    Case(
        "E601",
        drawn(9, str),
        given=(Y, Setting("optimizer", "adamm")),
        values={"optimizer": "adam"},
        command="fit",
        id="optimizer",
    ),
    Case(
        "E604",
        drawn(9, str),
        given=(Y, Setting("device", "cuda"), Setting("engine", "torch")),
        command="fit",
        id="cuda",
    ),
    Case(
        "W202",
        rows("a,g,y", *(f"{i % 12},{i % 12},{i % 12 * 5 % 7}" for i in range(48))),
        command="fit",
        given=(Y,),
        values={"group": "g"},
    ),
    Case(
        "W203", drawn(60, lambda i: "rare" if i in (7, 19) else "often"), command="fit", given=(Y,)
    ),
    Case(
        "W206",
        rows(
            ",".join(f"x{j}" for j in range(12)) + ",y",
            *(
                ",".join(f"{(i * 37 + j * 91) % 101}" for j in range(12)) + f",{i}"
                for i in range(8)
            ),
        ),
        command="fit",
        given=(Y,),
        values={"weight_decay": "0.5"},
    ),
    Case(
        "W305",
        drawn(200, lambda i: str(i * 37 % 101 + i * 53 % 89)),
        command="fit",
        given=(Y, Setting("epochs", "25"), Setting("hidden", "16"), *PLAIN),
    ),
    Case(
        "E302",
        drawn(60, str),
        command="fit",
        given=(
            Y,
            Setting("learning_rate", "1e6"),
            Setting("epochs", "30"),
            Setting("optimizer", "sgd"),
            Setting("numbers", "raw"),
            Setting("hidden", "64,64"),
        ),
    ),
]

SGD = (Setting("optimizer", "sgd"), Setting("schedule", "constant"), Setting("hidden", "8"))
FITTING += [
    Case(
        "W303",
        drawn(60, lambda i: str(i * 29 % 97)),
        command="fit",
        given=(Y, Setting("learning_rate", "3"), Setting("epochs", "20"), Setting("hidden", "8")),
        values={"learning_rate": "0.01"},
    ),
    Case(
        "E301",
        drawn(60, lambda i: str(i * 29 % 97)),
        command="fit",
        given=(Y, *SGD, Setting("learning_rate", "1"), Setting("epochs", "30")),
    ),
]

TRAINED = drawn(60, lambda i: f"{'Rome' if i % 3 else 'Pisa'},{i * 37 % 101}", "a,b,city,y")
CITIES = "a,b,city,y\n1,2,Rome,3\n4,5,{},6\n"
REFUSE = Setting("unknown", "refuse")
PREDICTING = [
    Case(
        "E402",
        CITIES.format("Bari"),
        command="predict",
        given=(REFUSE,),
        trained=TRAINED,
        trained_with=(Y,),
    ),
    Case(
        "E402",
        CITIES.format("Bari"),
        command="evaluate",
        given=(REFUSE,),
        trained=TRAINED,
        trained_with=(Y,),
        id="evaluate",
    ),
    Case(
        "E402",
        CITIES.format("NA"),
        command="predict",
        given=(REFUSE,),
        trained=TRAINED,
        trained_with=(Y,),
        id="missing",
    ),
    Case(
        "W404",
        CITIES.format("unknown"),
        command="predict",
        trained=TRAINED.replace("Pisa", "unknown", 3),
        trained_with=(Y, Setting("missing", "unknown")),
    ),
    Case(
        "E106",
        "a;b;city\n1.500;2;Rome\n2.500;3;Pisa\n",
        command="predict",
        trained=TRAINED,
        trained_with=(Y,),
    ),
    Case(
        "E104",
        "a,b;city\n1,2;Rome\n2,3;Pisa\n",
        command="predict",
        trained=TRAINED,
        trained_with=(Y,),
        then={"sep": "E401"},
    ),
    Case(
        "E112",
        CITIES.format("Rome").replace("4,5", "1e999,5"),
        command="predict",
        trained=TRAINED,
        trained_with=(Y,),
    ),
    Case(
        "E113",
        CITIES.format("Rome").replace("4,5", "four,5"),
        command="predict",
        trained=TRAINED,
        trained_with=(Y,),
        then={"category": "E405"},
    ),
    Case(
        "E405",
        CITIES.format("Rome"),
        command="predict",
        given=(Setting("probabilities", True),),
        trained=TRAINED,
        trained_with=(Y,),
    ),
    Case(
        "E405",
        CITIES.format("Rome"),
        command="predict",
        given=(Setting("category", "a"),),
        trained=TRAINED,
        trained_with=(Y,),
        id="kind",
    ),
    Case(
        "E418",
        CITIES.format("Rome"),
        command="predict",
        given=(Setting("interval", "0.99"),),
        trained=TRAINED,
        trained_with=(Y,),
    ),
    Case(
        "E601",
        CITIES.format("Rome"),
        command="predict",
        given=(Setting("unknown", "accept"),),
        values={"unknown": "ignore"},
        trained=TRAINED,
        trained_with=(Y,),
    ),
    Case(
        "W409",
        "a,b,city,y\n-999,2,Rome,3\n4,5,Rome,6\n",
        command="predict",
        trained=TRAINED.replace("\n0,", "\n-999,", 1),
        trained_with=(Y, Setting("missing", "-999")),
    ),
    Case(
        "E129",
        "d,x\n2024-01-01,1\n2024-02-30,2\n",
        command="predict",
        trained=rows("d,x,y", *(f"2024-01-{i + 1:02},{i * 7 % 5},{i % 9}" for i in range(28))),
        trained_with=(Y,),
        then={"category": "E405"},
    ),
    Case(
        "E120",
        "d,x\n01/02/2024,1\n03/02/2024,2\n",
        command="predict",
        trained=rows("d,x,y", *(f"{i + 1:02}/01/2024,{i * 7 % 5},{i % 9}" for i in range(28))),
        trained_with=(Y,),
    ),
]


def looked(command: str, code: str, content: str = "", **more: Any) -> Case:
    """What looks at a model of the inputs a, b, city and the target y."""
    return Case(code, content, command=command, trained=TRAINED, trained_with=(Y,), **more)


def over(column: str, value: str, to: str | None = None) -> tuple[Setting, ...]:
    return (Setting("over", ColumnIs(column, value, to)),)


NO_TARGET = "a,b,city\n1,2,Rome\n"
COMMAS = "a;b;city;y\n1,250;2;Rome;3\n"
LOOKING = [
    looked("backprop", "E710", NO_TARGET, values={"target_value": "5"}),
    looked("bounds", "E731", given=over("a", "50", "20"), id="empty"),
    looked("bounds", "E731", given=over("a", "tall"), id="text"),
    looked("bounds", "E731", given=over("a", "5 kg"), id="unit"),
    looked("prove", "E731", claim="y rises with a", given=over("a", "5"), id="single"),
    *(looked(command, "E106", COMMAS, id=command) for command in ("trace", "formula", "backprop")),
    *(
        looked(command, "E402", "a,b,city,y\n4,5,Bari,6\n", id=command)
        for command in ("trace", "formula", "backprop")
    ),
    *(
        looked(command, "E106", COMMAS + "3,500;3;Pisa;1\n", id=command)
        for command in ("verify", "diagnose", "evaluate")
    ),
    *(
        looked(command, "E402", CITIES.format("Bari"), given=(REFUSE,), id=command)
        for command in ("verify", "diagnose")
    ),
]
