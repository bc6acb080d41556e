"""The test driver under the sanitizers of the compiler: no finding at all."""

import pytest
from native.building import HERE, RUN_HERE, build_driver, drive, runs_here

ADDRESS = ("-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LAST = HERE[-1]


def test_addresses_and_undefined_behaviour_in_short(tmp_path):
    """One instruction set, without optimising: half a minute to compile, not two."""
    program = build_driver(tmp_path, ("-O0", *ADDRESS), quickly=HERE[:-1])
    lines = drive(program, "short", "threads=2", isa=LAST)
    assert lines[0] == f"set {LAST}"
    assert len(lines) > 80


@pytest.mark.long
@pytest.mark.parametrize("isa", RUN_HERE)
def test_addresses_and_undefined_behaviour(tmp_path, isa):
    runs_here(isa)
    sets = HERE if isa in HERE else ("avx512", isa)  # the emulated set takes the place of avx2
    others = [name for name in sets if name != isa]
    program = build_driver(tmp_path, ("-O1", *ADDRESS), sets=sets, quickly=others)
    for words in (["threads=1"], ["threads=3", "pieces"]):
        assert drive(program, *words, isa=isa)[0] == f"set {isa}"


@pytest.mark.long
def test_threads(tmp_path):
    program = build_driver(tmp_path, ("-O1", "-g1", "-fsanitize=thread"), quickly=HERE[:-1])
    for count in (2, 3, 8):
        assert drive(program, f"threads={count}", isa=LAST)[0] == f"set {LAST}"
