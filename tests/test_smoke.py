"""In ten seconds: what a user meets first works, and is quick to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import vetro

HEAVY = (
    "torch", "duckdb", "matplotlib", "pandas", "polars", "sklearn", "scipy", "pyarrow", "numpy",
    "rich", "safetensors",
)  # fmt: skip
PUBLIC = [
    "Backprop",
    "Bounds",
    "Diagnosis",
    "Formula",
    "History",
    "Model",
    "Predictor",
    "ProgressBar",
    "Proof",
    "Recipe",
    "Trace",
    "Training",
    "Verification",
    "__version__",
    "backprop",
    "bounds",
    "diagnose",
    "errors",
    "explain_engine",
    "find_learning_rate",
    "fit",
    "formula",
    "inspect",
    "load",
    "monotonicity",
    "optim",
    "parameters",
    "prove",
    "trace",
    "train",
    "train_many",
    "verify",
]


def python(code: str, *arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=True, cwd=cwd,
    ).stdout  # fmt: skip


def test_public_names() -> None:
    assert sorted(vetro.__all__) == PUBLIC
    assert all(getattr(vetro, name) is not None for name in PUBLIC)
    assert dir(vetro) == PUBLIC


def test_import_is_light() -> None:
    code = "import sys, vetro; print(*sys.modules)"
    assert not set(python(code).split()) & set(HEAVY)


def test_help_is_light() -> None:
    code = """
import contextlib, io, sys
from vetro.apps.command_line import main
text = io.StringIO()
with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
    main(["--help"])
assert "Usage: vetro" in text.getvalue()
print(*sys.modules)
"""
    assert not set(python(code).split()) & set(HEAVY)


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).with_name("vetro")
    text = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    assert text == f"vetro {vetro.__version__}\n"


def test_a_table_becomes_a_model(tmp_path: Path) -> None:
    rows = [f"{x / 10},{x % 7},{2 * x / 10 + x % 7}" for x in range(60)]
    (tmp_path / "sums.csv").write_text("\n".join(["a,b,y", *rows]))
    command = [sys.executable, "-m", "vetro"]
    fit = [*command, "fit", "sums.csv", "--target", "y", "--epochs", "2", "--folds", "2", "--quiet"]
    ended = subprocess.run(fit, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr
    model = vetro.load(tmp_path / "runs" / "sums-1" / "model.safetensors")
    assert model.predict(tmp_path / "sums.csv").num_rows == 60


def test_a_fit_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "sums.csv").write_text("a,b,y\n" + "".join(f"{x},{x % 7},{x}\n" for x in range(60)))
    code = """
import contextlib, sys
from vetro.apps.command_line import main
with contextlib.suppress(SystemExit):
    main(["fit", "sums.csv", "--target", "y", "--epochs", "2", "--folds", "2", "--quiet"])
print(*sys.modules)
"""
    loaded = set(python(code, cwd=tmp_path).split())
    assert (tmp_path / "runs" / "sums-1" / "report.html").is_file()
    assert not loaded & {"torch", "sklearn", "pandas", "scipy"}
