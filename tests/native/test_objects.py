"""What the compiled objects promise: one exported symbol each, and no memory asked for in steps."""

import shutil
import sys

import pytest
from native.building import HERE, NATIVE, drive, run


@pytest.mark.parametrize("isa", HERE)
def test_a_kernel_exports_one_symbol_and_needs_none_of_the_standard_library(driver, isa):
    """A weak symbol compiled for a newer processor could be linked into code for an older."""
    if not shutil.which("nm"):
        pytest.skip("NOT TESTED: there is no nm")
    lines = run(["nm", driver.parent / f"kernel_{isa}.o"]).splitlines()
    symbols = [line.split() for line in lines]
    exported = [words[-1] for words in symbols if words[-2].isupper() and words[-2] != "U"]
    local = [kind for kind in (words[-2] for words in symbols) if kind in "wWvVu"]
    wanted = [words[-1] for words in symbols if words[-2] == "U"]
    assert exported == [f"vetro_kernels_{isa}"]
    assert not local
    harmless = {"memset", "memcpy", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    assert not set(wanted) - harmless


def test_kernels_include_nothing_but_intrinsics():
    of_kernels = ("kernel.cpp", "lanes.h", "registers.h", "elementary.h", "activations.h")
    for name in (*of_kernels, "losses.h", "matrix.h", "norm.h", "optimizers.h", "step.h"):
        for line in (NATIVE / name).read_text().splitlines():
            if line.startswith("#include <"):
                assert line in ("#include <arm_neon.h>", "#include <immintrin.h>"), name


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: counting needs glibc")
def test_steps_and_predictions_ask_for_no_memory(driver):
    for threads in (1, 3):
        lines = drive(driver, "allocations", f"threads={threads}")[1:]
        assert len(lines) > 80
        assert [line for line in lines if not line.endswith(": 0 allocations")] == []
