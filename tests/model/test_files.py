"""Model files: round trips, the safetensors library as oracle, and malformed files."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.build import model_of, rows_of, write_csv
from model.malformed import MALFORMED, closed, opened
from safetensors import safe_open
from told import told

from vetro.errors import ModelFileError
from vetro.model.evidence import Evidence
from vetro.model.files import load_model, save_model
from vetro.model.kept import kept_model
from vetro.model.parts import Member

TASKS = {
    "one target": (("pressure",), {}),
    "two targets": (("pressure", "noise"), {"activation": "gelu", "hidden": (3,)}),
    "classes": (("grade",), {"members": 3}),
    "bce": (("sold",), {"loss": "bce", "hidden": ()}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def source(folder):
    return write_csv(folder / "rows.csv", rows_of())


@pytest.fixture(scope="module")
def valid(folder, source):
    """The bytes of a valid file, of a model with two classes-and-dates-and-all members."""
    path = folder / "valid.safetensors"
    model_of(source, "grade").save(path)
    return path.read_bytes()


def same(left, right) -> None:
    """Two models are equal in every part that is kept."""
    left, right = kept_model(left), kept_model(right)
    for name in ("schema", "task", "network", "blocks", "recipe", "request"):
        assert getattr(left, name) == getattr(right, name), name
    assert len(left.members) == len(right.members)
    for a, b in zip(left.members, right.members, strict=True):
        assert (a.targets, a.fold) == (b.targets, b.fold)
        assert a.parameters.dtype == b.parameters.dtype == np.float32
        np.testing.assert_array_equal(a.parameters, b.parameters)
    for entry in fields(Evidence):
        a, b = getattr(left.evidence, entry.name), getattr(right.evidence, entry.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            # NaN is not equal to itself, its repr is.
            assert repr(a).replace("np.float64(0.99)", "0.99") == repr(b), entry.name


@pytest.mark.parametrize("task", TASKS)
def test_round_trip_is_bit_equal(task, folder, source):
    targets, options = TASKS[task]
    model = model_of(source, *targets, **options)
    path = folder / f"{task}.safetensors"
    model.save(path)
    loaded = load_model(path)
    same(model, loaded)
    before = model.predict(source, probabilities=bool(model.classes))
    after = loaded.predict(source, probabilities=bool(model.classes))
    assert before.equals(after)
    again = folder / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert repr(loaded) == repr(model)
    loaded.members[0].parameters[0] += 1  # writable, and its own copy


def test_the_safetensors_library_reads_it(valid, folder):
    model = load_model(folder / "valid.safetensors")
    with safe_open(folder / "valid.safetensors", "numpy") as file:
        for number, member in enumerate(model.members, start=1):
            for name, view in model.network.views(member.parameters).items():
                np.testing.assert_array_equal(file.get_tensor(f"member{number}.{name}"), view)
        np.testing.assert_array_equal(file.get_tensor("evidence.fold"), model.evidence.fold)
        np.testing.assert_array_equal(file.get_tensor("history.epoch"), [1, 2])
        assert json.loads(file.metadata()["model"])["task"] == "classification"
        names = set(file.keys())
    header, data = opened(valid)
    assert names == set(header) - {"__metadata__"}
    for name, entry in header.items():
        if name != "__metadata__":
            size = int(entry["dtype"][1:]) // 8
            assert entry["data_offsets"][0] % size == 0, "aligned"
    assert len(valid) % 8 == len(data) % 8


def test_the_seal_is_as_specified(valid):
    header, _ = opened(valid)
    seal = header["__metadata__"]["sha256"]
    unsealed = valid.replace(seal.encode(), b"0" * 64, 1)
    assert hashlib.sha256(unsealed).hexdigest() == seal
    assert closed(*opened(valid)) != valid  # other spaces, another seal, the same model


def test_there_are_enough_malformed_files():
    assert len(MALFORMED) >= 60


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_file_is_refused_by_name(name, valid, tmp_path):
    code, words, change = MALFORMED[name]
    content = change(valid)
    assert content != valid
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert words in message
    assert str(path) in message
    assert len(message) < 400 + len(str(path))
    assert "\n" not in message


def test_a_sealed_file_without_changes_loads(valid, tmp_path):
    """The helpers above refuse nothing by themselves."""
    path = tmp_path / "again.safetensors"
    path.write_bytes(closed(*opened(valid)))
    load_model(path)


def test_real_torch_files_are_pickles(tmp_path):
    for name, old in (("model.pt", False), ("old.safetensors", True), ("x.safetensors", False)):
        path = tmp_path / name
        torch.save({"w": torch.zeros(3)}, path, _use_new_zipfile_serialization=not old)
        with pytest.raises(ModelFileError) as caught:
            load_model(path)
        assert caught.value.code == "E502"
        assert str(caught.value) == (
            f"{path} is a pickle and could run code; Vetro does not open it. "
            "Use a .safetensors model."
        )


def test_a_pickle_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "run"),)

    for protocol in range(6):
        path = tmp_path / "bomb.safetensors"
        path.write_bytes(pickle.dumps(Bomb(), protocol))
        with pytest.raises(ModelFileError, match="could run code"):
            load_model(path)
    assert not (tmp_path / "run").exists()


def refusal(path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    return told(caught.value)


def test_what_is_no_file(valid, tmp_path):
    path = tmp_path / "pumps.safetensors"
    path.write_bytes(valid)
    wrong = tmp_path / "pump.safetensors"
    assert refusal(wrong) == f'E507 {wrong} not found. Did you mean "pumps.safetensors"?'
    nowhere = tmp_path / "x" / "y.safetensors"
    assert (
        refusal(nowhere) == f"E507 {nowhere} not found. The folder {nowhere.parent} does not exist."
    )
    assert refusal(tmp_path).startswith(f"E508 {tmp_path}: it is a folder. Name a file in it")
    assert refusal("a\0b").startswith("E508")
    assert refusal("x" * 5000).startswith("E508")
    assert refusal(path / "y").startswith("E50")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refusal(pipe).startswith(f"E508 {pipe}: it is not a file.")


def test_saving_refuses_another_ending_and_keeps_what_is_there(source, tmp_path, monkeypatch):
    model = model_of(source, "pressure")
    with pytest.raises(ModelFileError) as caught:
        model.save(tmp_path / "model.pt")
    assert caught.value.code == "E508"
    assert str(caught.value).endswith(f"Use {tmp_path / 'model.safetensors'}.")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelFileError) as caught:
        model.save(tmp_path / "nowhere" / "model.safetensors")
    assert caught.value.code == "E503"
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ModelFileError, match="disk full"):
        model_of(source, "noise").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_every_script_survive(tmp_path):
    columns = rows_of(40)
    renamed = {
        'flow "l/s", café 流量 \U0001f6b0': columns["flow"],
        "città\tvecchia": columns["city"],
        "../druck": columns["pressure"],
    }
    model = model_of(renamed, "../druck")
    path = tmp_path / "mòdel 模型.safetensors"
    save_model(model, path)
    same(model, load_model(path))


def test_wide_models_round_trip(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(30, 400))
    model = model_of(matrix, "c400", hidden=(200,))
    path = tmp_path / "wide.safetensors"
    model.save(path)
    same(model, load_model(path))


def test_not_finite_parameters_are_not_loaded_even_if_saved(source, tmp_path):
    model = model_of(source, "pressure", members=1)
    member = model.members[0]
    parameters = member.parameters.copy()
    parameters[-1] = np.nan
    broken = replace(model, members=(Member(member.targets, parameters, 1),))
    broken.save(tmp_path / "nan.safetensors")
    assert "not finite" in refusal(tmp_path / "nan.safetensors")


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_random_damage_is_always_found(data, valid, folder):
    """Flips, cuts, insertions: a named error, never another exception, never another model."""
    content = bytearray(valid)
    place = st.integers(0, 600) | st.integers(0, len(content) - 1)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(place)
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "remove", "zero"]))
        if change == "flip" and at < len(content):
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif change == "cut":
            del content[at:]
        elif change == "insert":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        elif change == "remove":
            del content[at : at + data.draw(st.integers(1, 9))]
        else:
            content[at : at + 8] = b"\0" * len(content[at : at + 8])
    path = folder / "damaged.safetensors"
    path.write_bytes(content)
    if bytes(content) == valid:
        load_model(path)
        return
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    assert caught.value.code in ("E501", "E502", "E505", "E506")


@settings(max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=60),
    begin=st.sampled_from([b"", b"c", b"(d", b"PK\x03\x04", b"\x80\x04"]),
)
def test_any_bytes_are_refused(content, begin, folder):
    path = folder / "bytes.safetensors"
    path.write_bytes(begin + content)
    with pytest.raises(ModelFileError):
        load_model(path)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_edited_entry_is_refused_or_makes_a_model(data, valid, folder):
    """Somebody edits one entry of the description and recomputes the SHA-256."""
    header, tensors = opened(valid)
    document = json.loads(header["__metadata__"]["model"])
    node, key = {"model": document}, "model"
    while True:
        child = node[key]
        stop = not isinstance(child, (dict, list)) or not child
        if stop or (node[key] is not document and data.draw(st.integers(0, 4)) == 0):
            break
        node = child
        key = data.draw(
            st.sampled_from(sorted(child) if isinstance(child, dict) else range(len(child)))
        )
    if data.draw(st.booleans()):
        node[key] = data.draw(json_values)
    elif isinstance(node, dict) and data.draw(st.booleans()):
        node[data.draw(st.text(max_size=5))] = data.draw(json_values)
    else:
        del node[key]
    header["__metadata__"]["model"] = json.dumps(document)
    path = folder / "edited.safetensors"
    path.write_bytes(closed(header, tensors))
    try:
        model = load_model(path)
    except ModelFileError as failure:
        assert failure.code == "E501"
        return
    repr(model)
    model.save(folder / "resaved.safetensors")
    same(load_model(folder / "resaved.safetensors"), model)


def as_version_1(content: bytes, change=None) -> bytes:
    """The file as format 1 had it: an encoder in each member, numbers without borders."""
    header, data = opened(content)
    header["__metadata__"]["version"] = "1"
    document = json.loads(header["__metadata__"]["model"])
    inputs = document.pop("encoder")["inputs"]
    for block in inputs:
        block.pop("borders", None)
    document["members"] = [
        {"fold": one["fold"], "encoder": {"inputs": inputs, "targets": one["targets"]}}
        for one in json.loads(json.dumps(document["members"]))
    ]
    document = json.loads(json.dumps(document))  # each member has its own copy
    if change is not None:
        change(document["members"])
    header["__metadata__"]["model"] = json.dumps(document)
    return closed(header, data)


def test_a_file_of_version_1_loads_where_its_members_share_their_inputs(valid, folder):
    path = folder / "first.safetensors"
    path.write_bytes(as_version_1(valid))
    same(load_model(path), load_model(folder / "valid.safetensors"))


def test_a_file_of_version_1_with_several_encoders_is_refused(valid, folder):
    path = folder / "several.safetensors"
    path.write_bytes(
        as_version_1(valid, lambda members: members[1]["encoder"]["inputs"][0].update(mean=3.0))
    )
    assert refusal(path) == (
        f"E509 {path} was written by an older Vetro (format 1), whose members each read the inputs "
        "with means, medians and levels of their own; now all share them. Fit the table again."
    )


@pytest.mark.parametrize("entry", ["fold", "encoder", "inputs", "targets"])
def test_a_damaged_file_of_version_1_is_refused(entry, valid, folder):
    def damage(members):
        (members[0] if entry in members[0] else members[0]["encoder"]).pop(entry)

    path = folder / "damaged first.safetensors"
    path.write_bytes(as_version_1(valid, damage))
    assert refusal(path).startswith(f"E501 {path}: damaged or edited")
