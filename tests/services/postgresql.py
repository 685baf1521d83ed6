"""A real PostgreSQL server on loopback, from Debian's package ``postgresql``: a cluster of its own, with a password."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import pytest

from tests.certificates import Certificates
from tests.running import free_ports, wait_for

_START_S = 60.0
USER, PASSWORD = "keeper", "open sesame"


def _programs() -> Path:
    """The folder of the newest server's programs; skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        pytest.skip("PostgreSQL is not installed; its tests need Debian's package postgresql")
    return found[-1].parent


def _account() -> str | None:
    """Whose processes the server's are; it refuses to be root's."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PostgreSQL:
    """One server with a folder and a port that it keeps over restarts; `database` makes an empty database each time."""

    def __init__(self, certificates: Certificates | None = None) -> None:
        self._bin = _programs()
        self._account = _account()
        # Not pytest's folder: that one is closed to the server's account.
        self._folder = Path(tempfile.mkdtemp(prefix="civicrec-pg-"))
        if self._account:
            shutil.chown(self._folder, self._account)
        self.port = free_ports(1)[0]
        secret = self._folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", self._data, "-U", USER, "-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "-E", "UTF8"
        )
        self._names = (f"d{n}" for n in count())
        self._options: list[str] = []
        if certificates is not None:  # then with TLS and no other way
            for source, name in ((certificates.server, "server.crt"), (certificates.server_key, "server.key")):
                shutil.copy(source, self._data / name)
                (self._data / name).chmod(0o600)
                if self._account:
                    shutil.chown(self._data / name, self._account)
            (self._data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
            self._options = ["-c", "ssl=on"]
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def address(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = ("-p", str(self.port), "-h", "127.0.0.1", "-k", self._folder, "-c", "fsync=off", *self._options)
        with (self._folder / "out.log").open("ab") as out:
            self._child = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *options],
                user=self._account,
                cwd="/",
                stdout=out,
                stderr=out,
            )
        wait_for(self._answers, _START_S, f"PostgreSQL; its words are in {self._folder / 'out.log'}")

    def stop(self) -> None:
        """Stop it as an operator in a hurry would: clients are cut off."""
        if self._child is not None:
            self._child.send_signal(signal.SIGINT)
            self._child.wait(timeout=_START_S)
            self._child = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def database(self) -> str:
        """Make an empty database and return its address."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def execute(self, sql: str, address: str = "") -> None:
        import psycopg  # this file is imported by every test run, the client by few

        with psycopg.connect(address or self.address(), autocommit=True) as connection:
            connection.execute(sql)

    def _answers(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, f"PostgreSQL ended: {(self._folder / 'out.log').read_text()[-2000:]}"
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def _run(self, program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [self._bin / program, *words], user=self._account, cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
