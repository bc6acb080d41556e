"""Ordered inputs: found, asked for and refused, in the words that users read."""

from __future__ import annotations

import pandas as pd
import pytest
from told import told

import vetro
from vetro.errors import TableError, UsageError

ROWS = 36


def table(**columns: list) -> dict[str, list]:
    base = {
        "size": ["small", "large", "medium"] * 12,
        "colour": ["red", "green", "blue", "white"] * 9,
        "school": ["< HS", "HS", "< BA"] * 12,
        "y": [n * 7 % 11 + n / 10 for n in range(ROWS)],
        "x": [n * 5 % 13 + n / 7 for n in range(ROWS)],
    }
    return base | columns


def orders(**settings: object) -> dict[str, tuple[str, ...]]:
    found = vetro.inspect(table(), target="y", **settings)
    return {column.name: column.order for column in found.schema if column.order}


def said(found: vetro.Table, code: str) -> list[str]:
    return [told(item) for item in found.notices if item.code == code]


def refusal(**settings: object) -> str:
    with pytest.raises((TableError, UsageError)) as caught:
        vetro.inspect(table(), target="y", **settings)
    return told(caught.value)


def test_words_with_an_order_are_found_and_said() -> None:
    found = vetro.inspect(table(), target="y")
    assert orders() == {"size": ("small", "medium", "large")}
    assert found.schema["size"].levels == ("large", "medium", "small")
    assert said(found, "I179") == [
        'I179 column "size": its texts are read as an order, "small" < "medium" < "large" (by '
        "their words). Use --unordered size if they have none."
    ]


def test_no_order_where_the_user_says_so() -> None:
    assert orders(unordered="size") == {}
    found = vetro.inspect(table(), target="y", unordered="size")
    assert said(found, "I179") == []


def test_an_order_of_the_users() -> None:
    found = vetro.inspect(table(), target="y", ordered=["size=large<small<medium"])
    assert found.schema["size"].order == ("large", "small", "medium")
    assert said(found, "I179") == []
    rising = ("blue", "red", "white", "green")
    assert orders(ordered={"colour": rising})["colour"] == rising
    assert orders(ordered="colour= blue < red < white < green ")["colour"] == rising


def test_texts_that_hold_the_mark_themselves() -> None:
    rising = ("< HS", "HS", "< BA")
    assert orders(ordered={"school": rising})["school"] == rising
    assert orders(ordered="school=< HS<HS<< BA")["school"] == rising


def test_an_ordered_category_of_pandas_keeps_its_order() -> None:
    rising = ["green", "white", "blue", "red"]
    frame = pd.DataFrame(table())
    frame["colour"] = pd.Categorical(frame["colour"], [*rising, "black"], ordered=True)
    frame["size"] = pd.Categorical(frame["size"], ["small", "large", "medium"], ordered=True)
    frame["cut"] = pd.cut(frame["x"], 4)
    found = vetro.inspect(frame, target="y")
    assert found.schema["colour"].order == tuple(rising)
    assert found.schema["size"].order == ("small", "large", "medium")
    cut = found.schema["cut"]
    assert cut.order == cut.levels and len(cut.order) == 4
    assert all("the source orders them" in text for text in said(found, "I179"))
    plain = frame.assign(colour=pd.Categorical(table()["colour"], rising))
    assert vetro.inspect(plain, target="y").schema["colour"].order == ()


def test_only_inputs_have_an_order() -> None:
    found = vetro.inspect(table(), target="size")
    assert found.schema["size"].order == () and said(found, "I179") == []
    found = vetro.inspect(table(), target="y", drop="size")
    assert found.schema["size"].order == () and said(found, "I179") == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"ordered": "size=small<large"},
            'E219 the order of column "size" is not valid: the order lacks medium. Name every text '
            "of the column, the lowest first.",
        ),
        (
            {"ordered": "size=small<medum<large"},
            'E219 the order of column "size" is not valid: "medum" is not one of its texts. Did '
            'you mean "medium"? Levels: large, medium, small.',
        ),
        (
            {"ordered": "size=small<medium<large<small"},
            'E219 the order of column "size" is not valid: "small" stands twice in the order. '
            "Name it once.",
        ),
        (
            {"ordered": "x=1<2"},
            'E219 the order of column "x" is not valid: it is a number. Only inputs that are '
            "categories have an order.",
        ),
        (
            {"ordered": "size=small<medium<large", "unordered": "size"},
            'E219 the order of column "size" is not valid: it is named in --ordered and '
            "in --unordered. Name it once.",
        ),
        ({"ordered": "siz=a<b"}, 'E114 --ordered "siz" not found. Did you mean "size"?'),
        ({"unordered": "siz"}, 'E114 --unordered "siz" not found. Did you mean "size"?'),
        ({"ordered": "size"}, 'E601 --ordered "size" is not valid: it has no "="'),
    ],
)
def test_refusals(settings: dict[str, str], message: str) -> None:
    assert refusal(**settings).startswith(message)
