"""Addresses taken apart, and no secret in anything that is written: a table of hostile forms."""

from __future__ import annotations

import contextlib
import io
import traceback
from pathlib import Path

import pytest

import vetro
from vetro.addresses import has_secrets, is_address, kept, safe, short_name, taken_apart
from vetro.errors import VetroError

S = "Hunter2secret"  # in every form below; wherever it is written, a password leaked

READ = [  # form, what is kept of it, the password that the driver gets
    (f"postgresql://u:{S}@h/d", "postgresql://u@h/d", S),
    (f"postgres://u:{S}@h/d", "postgresql://u@h/d", S),
    (f"POSTGRESQL://u:{S}@h/d", "postgresql://u@h/d", S),
    (f"PostGres://u:{S}@h", "postgresql://u@h", S),
    (f"  postgresql://u:{S}@h/d\n", "postgresql://u@h/d", S),
    (f"postgresql://:{S}@h/d", "postgresql://h/d", S),
    (f"postgresql://u:{S}%40x%2Fy@h/d", "postgresql://u@h/d", f"{S}@x/y"),
    (f"postgresql://u:x%3A%23%3F%25{S}@h/d", "postgresql://u@h/d", f"x:#?%{S}"),
    (f"postgresql://u:a:{S}@h/d", "postgresql://u@h/d", f"a:{S}"),
    (f"postgresql://u:a {S}@h/d", "postgresql://u@h/d", f"a {S}"),
    (f"postgresql://u:{S}@h1:5432,h2:5433/d", "postgresql://u@h1:5432,h2:5433/d", S),
    (f"postgresql://u:{S}@[::1]:5432/d", "postgresql://u@[::1]:5432/d", S),
    (f"postgresql://u:{S}@%2Fvar%2Frun/d", "postgresql://u@%2Fvar%2Frun/d", S),
    (f"postgresql://u:{S}@/d?host=/var/run", "postgresql://u@/d?host=/var/run", S),
    (f"postgresql://h/d?user=u&password={S}", "postgresql://h/d?user=u", ""),
    (f"postgresql://h?password={S}", "postgresql://h", ""),
    (f"postgresql:///d?password={S}&host=h&sslmode=require",
     "postgresql:///d?host=h&sslmode=require", ""),
    (f"postgresql://h/d?p%61ssword={S}", "postgresql://h/d", ""),
    (f"postgresql://h/d?sslkey=/k&sslpassword={S}", "postgresql://h/d?sslkey=/k", ""),
    (f"postgresql://h/d?password={S}@x", "postgresql://h/d", ""),
    (f"postgresql://h/d?password=a/{S}", "postgresql://h/d", ""),
    (f"postgresql://h/d?scram_client_key={S}", "postgresql://h/d", ""),
    (f"postgresql://u%20x:{S}@h/my%20d", "postgresql://u%20x@h/my%20d", S),
    (f"postgresql://ü:{S}@h/città", "postgresql://%C3%BC@h/citt%C3%A0", S),
]  # fmt: skip

REFUSED = [
    # marks that belong into a password as escapes
    f"postgresql://u:{S}/x@h/d",
    f"postgresql://u:x/{S}@h/d",
    f"postgresql://u:{S}#x@h/d",
    f"postgresql://u:x#{S}@h/d",
    f"postgresql://u:x?{S}@h/d",
    f"postgresql://u:{S}?x@h/d",
    f"postgresql://u:x@{S}@h/d",
    f"postgresql://u:{S}@x@h/d",
    f"postgresql://u:[{S}@h/d",
    f"postgresql://u:{S}]@h/d",
    f"postgresql://u:{S}%@h/d",
    f"postgresql://u:{S}%zz@h/d",
    f"postgresql://u:{S}%00@h/d",
    f"postgresql://u:{S}%FF@h/d",
    f"postgresql://u:{S}\n@h/d",
    f"postgresql://u:/{S}",
    f"postgresql://u:{S}",
    f"postgresql://u:{S}/d",
    f"postgresql://u:{S}%40h/d",
    f"postgresql://u%3A{S}@h/d",
    f"postgresql://u%3A{S}%40h/d",
    f"postgresql://u:{S} x@h/d y",
    f"postgresql://[::1/d?password={S}",
    f"postgresql://u:{S}@[::1/d",
    f"postgresql://u:{S}@h:54x/d",
    f"postgresql://h/d password={S}",
    f"postgresql://h/d&password={S}",
    f"postgresql://h/d;password={S}",
    f"postgresql://h/d#password={S}",
    f"postgresql://h/d?password=x#{S}",
    f"postgresql://h/d?access_token={S}",
    f"postgresql://h/d?sig={S}",
    f"postgresql://h/d?{S}",
    f"postgresql://h/d?user=u:{S}@x",
    f"postgresql://h/d?password=a&password={S}",
    f"postgresql://h/d?host=postgresql://u:{S}@h",
    f"postgresql:/u:{S}@h/d",
    f"postgresql:\\\\u:{S}@h/d",
    f"postgresql:u:{S}@h/d",
    f'"postgresql://u:{S}@h/d"',
    f"(postgresql://u:{S}@h/d)",
    f"data.csv postgresql://u:{S}@h/d",
    f"PGPASSWORD={S} postgresql://u@h/d",
    # other schemes
    f"mysql://u:{S}@h/d",
    f"mysql+pymysql://u:{S}@h/d?charset=utf8",
    f"mssql://u:{S}#x@h/d",
    f"jdbc:postgresql://h/d?user=u&password={S}",
    f"jdbc:sqlserver://h;user=u;password={S}",
    f"mongodb+srv://u:{S}@h/d",
    f"redis://:{S}@h:6379/0",
    f"snowflake://u:{S}@account/d",
    f"https://u:{S}@h/data.csv",
    f"https://{S}@h/data.csv",
    f"https://h/data.csv?access_token={S}",
    f"https://h/data.csv?sv=2020&sig={S}%3D",
    f"https://h/data.csv#access_token={S}",
    f"HTTPS://u:x/{S}@h/data.csv",
    f"s3://AKIAX:{S}@bucket/key.parquet",
    f"s3://bucket/key.parquet?s3_secret_access_key={S}",
    f"az://container/x.csv?sig={S}",
    f"sftp://u:{S}@h//data.csv",
    # texts of other forms
    f"host=h user=u password={S} dbname=d",
    f"host=h user=u password='a {S}'",
    f"host=h password = {S}",
    f"dbname=d user=u passfile=x password=a\\ {S}",
    f"user=u;password={S};server=h",
    f"Server=h;Database=d;Uid=u;Pwd={S};",
    f"u:{S}@h/d",
    f"u:{S}@h:5432/d.csv",
    f"//u:{S}@h/d",
    f"postgresql//u:{S}@h/d",
    f"postgresql;//u:a {S}@h/d",
    f"postgresql///u:{S}@h/d",
]  # fmt: skip
FORMS = [form for form, *_ in READ] + REFUSED


@pytest.mark.parametrize(("form", "written", "password"), READ)
def test_what_is_kept_and_what_the_driver_gets(form, written, password):
    assert is_address(form) and has_secrets(form)
    assert kept(form) == written == kept(written)
    address = taken_apart(form.strip())
    assert address.password == password
    assert taken_apart(address.for_driver) == address
    assert S in address.for_driver
    assert all(S not in text for text in (address.shown, address.kept, repr(address)))
    assert taken_apart(address.kept).shown == address.shown == kept(address.shown)


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_refused_is_not_repeated(form):
    assert is_address(form)
    assert S not in kept(form) and S not in short_name(form)
    with pytest.raises(ValueError, match=r".") as caught:
        taken_apart(form)
    assert S not in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_texts_that_hold_an_address(form):
    if is_address(form) and "://" in form:
        for text in (form, f'cannot open "{form}"', f"{form} is not here", f"see ({form})."):
            assert S not in safe(text), text
            assert safe(safe(text)) == safe(text)


@pytest.mark.parametrize(
    "text",
    ["data.csv", "a/b c.parquet", "C:/x/y.csv", "C:\\x\\y.csv", "a=b.csv", "runs/x@2024", "*.csv",
     "month: 5", "bob@example.org", "1/2", "x:y", "https://example.org/a/b.csv", "a@b:c", ""],
)  # fmt: skip
def test_other_texts_stay_as_they_are(text):
    assert safe(text) == text


@pytest.mark.parametrize(
    "text", ["data.csv", "C:/x.csv", "C:\\x@y.csv", "a@b.csv", "d/10:30@x.csv"]
)
def test_paths(text):
    assert not is_address(text)
    assert kept(text) == text


@pytest.mark.parametrize("form", [f"./u:{S}@h/d", f"u/{S}@h/d", f"d/u:{S}/x@h/d.csv"])
def test_a_login_in_a_path_is_not_shown(form, tmp_path, monkeypatch):
    """A file may have such a name, so it is a path; but what is not there is not repeated."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n1,2\n2,3\n")
    assert kept(form) == form
    for output in (
        said("inspect", form),
        said("inspect", "t.csv", "--sheet", form),
        said("inspect", "t.csv", "--sep", form),
        said("inspect", "t.csv", "--number", form),
        said("show", form),
    ):
        assert "E900" not in output and output
        assert S not in output


def test_a_run_is_not_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n1,2\n2,3\n3,5\n4,6\n")
    address = f"postgresql://u:{S}@h/d"
    output = said("fit", "t.csv", "--target", "y", "--run", address)
    assert output.startswith("E508 postgresql://u@h/d: it is an address.")
    assert not list(tmp_path.glob("postgres*"))


def test_a_wrong_address_is_told_how_to_be_written():
    output = said("inspect", f"postgresql://u:{S}@x#y@h/d")
    assert "Use postgresql://user@host/database. " in output
    assert "/ @ # ? : % are written as %2F %40 %23 %3F %3A %25." in output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("foo=1", 'the option "foo" after ? is not known'),
        ("sslmode=a&sslmode=b", 'the option "sslmode" occurs twice after ?'),
        ("password=a&b=c", "an option after ? is not known"),  # the password may be a&b=c
    ],
)
def test_a_wrong_option_is_named(options, named):
    with pytest.raises(ValueError, match="option") as caught:
        taken_apart(f"postgresql://h/d?{options}")
    assert str(caught.value) == named


def said(*arguments: str) -> str:
    """All that the command line writes on its two streams."""
    from vetro.apps.command_line import main

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        contextlib.suppress(SystemExit),
    ):
        main(list(arguments))
    out.flush()
    return out.buffer.getvalue().decode()


def written(folder: Path) -> str:
    return "".join(
        str(path) + path.read_text(errors="replace") if path.is_file() else str(path)
        for path in folder.rglob("*")
    )


def text_of(failure: BaseException) -> str:
    """All that a failure holds: as a traceback, its values, and those before it."""
    texts = []
    while failure is not None:
        texts += [*traceback.format_exception_only(failure), repr(failure)]
        texts.append(repr(getattr(failure, "values", "")) + repr(getattr(failure, "words", "")))
        failure = failure.__cause__ or failure.__context__
    return "".join(texts)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    rows = {"a": list(range(40)), "y": [2.0 * row + row % 3 for row in range(40)]}
    path = folder / "m.safetensors"
    vetro.fit(rows, target="y", epochs=1, folds=2, hidden=(2,)).save(path)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_nothing_that_is_written_holds_the_password(form, tmp_path, monkeypatch, model):
    """Each command and function is given the form where it expects a source, or a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    # No look-up of names here: what the driver would be given is what its failure repeats.
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")

    def unreachable(text):
        raise failed(dbapi, text)

    monkeypatch.setattr(dbapi, "connect", unreachable)
    query = ("--query", "SELECT 1")
    outputs = [
        said("fit", form, "--target", "y", *query),
        said("fit", form, "--target", "y"),
        said("fit", form),
        said("fit", form, "--target", "y", "--debug", "--run", "named", *query),
        said("fit", form, "--resume"),
        said("inspect", form, *query),
        said("inspect", form, "--json", "--debug"),
        said("predict", str(model), form, *query),
        said("predict", form, "x.csv"),
        said("show", form, "--debug"),
        said("evaluate", str(model), form, "--json", *query),
        said("trace", str(model), "--row", "1", "--source", form),
        said("verify", str(model), form),
        said("diagnose", str(model), form),
        said("predict", str(model), form, form),
        said(form),
    ]
    (tmp_path / "bad.toml").write_text(f"[table]\nsource = {form!r}\ntargets = ['y']\n")
    outputs.append(said("fit", "--recipe", "bad.toml"))
    (tmp_path / "bad.toml").unlink()
    for output in outputs:
        assert S not in output, output
        assert "E900" not in output, output
    for call in (
        lambda: vetro.inspect(form),
        lambda: vetro.inspect(Path(form)),
        lambda: vetro.fit(form, target="y", query="SELECT 1"),
        lambda: vetro.load(form),
        lambda: vetro.load(model).predict(form),
    ):
        with pytest.raises(VetroError) as caught:
            call()
        assert S not in text_of(caught.value)
    assert S not in written(tmp_path)


def failed(dbapi, text: str) -> Exception:
    """The driver's failure, which repeats all that it was given, as it stands and decoded."""
    from adbc_driver_manager import AdbcStatusCode

    repeated = ", ".join(taken_apart(text).secrets)
    return dbapi.OperationalError(
        f'[libpq] Failed to connect: connection to "{text}" failed: {repeated} is wrong',
        status_code=AdbcStatusCode.IO,
    )
