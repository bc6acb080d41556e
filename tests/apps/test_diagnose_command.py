"""`vetro diagnose`: with a table, without, as JSON, and what is wrong with it."""

from __future__ import annotations


def test_with_a_table(vetro, fitted, pumps):
    ended = vetro("diagnose", fitted, pumps)
    assert ended.status == 0, ended.err
    for part in ("Based on 80 rows, 2 members", "Findings", "layer1, relu", "Inputs (",
                 "most apart at", "Rows with the largest pull", "fold 2, member 1"):  # fmt: skip
        assert part in ended.out


def test_without_a_table_it_says_what_it_looked_at(vetro, fitted):
    ended = vetro("diagnose", fitted)
    assert ended.status == 0 and "Based on 2000 drawn rows" in ended.out
    assert "each column evenly from its range" in ended.out and "largest pull" not in ended.out


def test_json(vetro, fitted, pumps):
    data = vetro("diagnose", fitted, pumps, "--json").json
    assert data["rows"] == 80 and data["drawn"] is False
    assert {item["name"] for item in data["inputs"]} == {"head", "speed", "città"}
    assert len(data["pulls"]) == 80 and data["pulls"][0]["row"] == "row 1"
    assert vetro("diagnose", fitted, "--json").json["pulls"] is None


def test_wrong_tables(vetro, fitted, pumps, tmp_path):
    assert vetro("diagnose", fitted, "missing.csv").status == 2
    other = tmp_path / "other.csv"
    other.write_text("head,speed\n1,2\n3,4\n")
    ended = vetro("diagnose", fitted, other)
    assert ended.status == 2 and ended.err.startswith("E401")
    other.write_text("head,speed,città\n1,2,Napoli\n3,4,Roma\n")
    assert vetro("diagnose", fitted, other).err.startswith("W404")
