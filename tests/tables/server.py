"""A real PostgreSQL server for the tests, with an own data folder; its only user is a superuser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

USER, PASSWORD = "vetro_test", "ge:h@im pass"
IN_ADDRESS = "ge%3Ah%40im%20pass"


def programs() -> Path | None:
    """The folder of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def installed() -> Path:
    """The server's programs, installed if they are missing; a skip says what stood against it."""
    folder = programs()
    if folder is not None:
        return folder
    done = None
    if shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-yq", "--no-install-recommends", "postgresql"],
        ):
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, check=False
            )
        folder = programs()
        if folder is not None:
            # Debian starts a server of its own, which these tests do not use.
            version = folder.parent.name
            subprocess.run(
                ["pg_ctlcluster", version, "main", "stop"], capture_output=True, check=False
            )
            return folder
    why = done.stderr[-300:] if done is not None else "apt-get or the rights to use it are missing"
    pytest.skip(f"POSTGRESQL IS NOT TESTED: it is not installed and cannot be: {why}")


@pytest.fixture(scope="session")
def server():
    """The address of a server with an own data folder, without user and database."""
    folder = installed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="vetro-postgres-"))
    (home / "password").write_text(PASSWORD + "\n")
    user = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"]
        for item in (home, home / "password"):
            shutil.chown(item, "postgres")

    def run(*command):
        done = subprocess.run(
            [*user, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=(home / "out").open("w"),
            stderr=subprocess.STDOUT,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, (home / "out").read_text()

    data = home / "data"
    run(
        *(folder / "initdb", "-D", data, "-U", USER, "--pwfile", home / "password"),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
    )
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off"
    run(folder / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start")
    try:
        yield f"127.0.0.1:{port}"
    finally:
        run(folder / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def address(server):
    from adbc_driver_postgresql import dbapi

    address = f"postgresql://{USER}:{IN_ADDRESS}@{server}/postgres"
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        for statement in (
            "DROP TABLE IF EXISTS pumps",
            "CREATE TABLE pumps AS SELECT g AS id, g * 1.5::float8 AS flow, "
            "'type ' || g % 3 AS kind, date '2024-01-01' + g AS day, g % 2 = 0 AS ok "
            "FROM generate_series(1, 5000) g",
            "CREATE TYPE mood AS ENUM ('sad', 'well')",
        ):
            cursor.execute(statement)
        connection.commit()
    return address
