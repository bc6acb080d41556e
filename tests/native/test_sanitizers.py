"""The test driver under the sanitizers of the compiler: no finding at all."""

import pytest
from native.building import HERE, build_driver, drive

ADDRESS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def clean(program, *words):
    lines = drive(program, *words)
    assert len(lines) > 80


def test_addresses_and_undefined_behaviour_in_short(tmp_path):
    clean(build_driver(tmp_path, ADDRESS, sets=HERE), "short", "threads=2")


@pytest.mark.long
@pytest.mark.parametrize("isa", HERE)
def test_addresses_and_undefined_behaviour(tmp_path, isa):
    program = build_driver(tmp_path, ADDRESS, sets=HERE)
    for words in (["threads=1"], ["threads=3", "pieces"]):
        assert drive(program, *words, isa=isa)[0] == f"set {isa}"


@pytest.mark.long
def test_threads(tmp_path):
    program = build_driver(tmp_path, ("-O1", "-g", "-fsanitize=thread"), sets=HERE)
    for count in (2, 3, 8):
        clean(program, f"threads={count}")
