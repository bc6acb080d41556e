"""Checkpoints: whole, exact, and intact after a failed or killed write."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vetro.engines.engine import Outcome, TrainingState
from vetro.errors import ModelFileError
from vetro.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from vetro.training.history import EpochRecord


def checkpoint(size=10, seed=0):
    generator = np.random.default_rng(seed)
    vector = generator.normal(size=size).astype(np.float32)
    return Checkpoint(
        table="ab12",
        request='{"targets": ["y"]}',
        engine="torch 2.13.0",
        done={4: Outcome(vector, 3, 0.1 + 0.2, 7, "patience")},
        current={
            number: TrainingState(
                {"parameters": vector * number, "optimizer.0.step": np.array(4.0, np.float32)},
                {"epoch": number, "best_validation": 1 / 3},
            )
            for number in (1, 11)
        },
        history=[EpochRecord.of([1, 1, 1, 0.5, 1 / 3, 0.01, True, 0.25, (0.5, 0.1), (0.2, 1 / 3)])],
        seconds=1.5,
    )


def test_round_trip_is_exact(tmp_path):
    path, kept = tmp_path / "c.safetensors", checkpoint()
    save_checkpoint(kept, path)
    loaded = load_checkpoint(path)
    assert loaded.done[4].parameters.tobytes() == kept.done[4].parameters.tobytes()
    assert loaded.done[4].best_validation == kept.done[4].best_validation
    assert set(loaded.current) == {1, 11}
    for number, state in kept.current.items():
        found = loaded.current[number]
        assert found.numbers == state.numbers
        assert set(found.arrays) == set(state.arrays)
        for name, array in state.arrays.items():
            assert found.arrays[name].tobytes() == array.tobytes()
            assert found.arrays[name].shape == np.shape(array)
    assert loaded.history == kept.history
    assert (loaded.table, loaded.request, loaded.engine) == (kept.table, kept.request, kept.engine)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 100, -1])
def test_truncated_files_are_refused(tmp_path, cut):
    path = tmp_path / "c.safetensors"
    save_checkpoint(checkpoint(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelFileError) as caught:
        load_checkpoint(path)
    assert caught.value.code == "E501"


def test_the_disk_s_refusal_leaves_the_previous_one_intact(tmp_path):
    """A file size limit of the process stands for the full disk."""
    path = tmp_path / "c.safetensors"
    save_checkpoint(checkpoint(), path)
    program = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_checkpoint import checkpoint
from pathlib import Path
from vetro.errors import ModelFileError
from vetro.training.checkpoint import save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_checkpoint(checkpoint(size=1_000_000), Path({str(path)!r}))
except ModelFileError as error:
    print(error.code)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "E503"
    assert load_checkpoint(path).done[4].best_epoch == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_while_saving_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "c.safetensors"
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_checkpoint import checkpoint
from pathlib import Path
from vetro.training.checkpoint import save_checkpoint
kept = [checkpoint(300_000, seed) for seed in range(3)]
while True:
    for one in kept:
        save_checkpoint(one, Path({str(path)!r}))
        print(flush=True)
"""
    for saved in (1, 2, 3, 5):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(saved):  # the next one is being written while this one is read
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert len(load_checkpoint(path).current[1].arrays["parameters"]) == 300_000
