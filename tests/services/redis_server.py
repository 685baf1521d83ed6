"""The real servers an online store may be: Valkey from our wheel, Redis from Debian's package ``redis-server``."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from civicrec.process.ports import Endpoint
from civicrec.process.whose import VALKEY_TITLE
from civicrec.settings import RedisSettings
from operations.stack.probes import Reached, ask_redis
from operations.stack.valkey import valkey_binary, valkey_config
from tests.running import free_ports, wait_for

SERVERS = ("valkey", "redis")


def _program(server: str) -> str | Path:
    """The server's program; skips the test where there is none."""
    if server == "valkey":
        return valkey_binary()
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("Redis is not installed; its tests need Debian's package redis-server")
    return found


@contextmanager
def running_redis(server: str, folder: Path, password: SecretStr = SecretStr("")) -> Iterator[RedisSettings]:
    """Run a server of one's own of this kind for the length of the body: as the stack's own, but of no home."""
    settings = RedisSettings(port=free_ports(1)[0], password=password)
    with (folder / "out.log").open("ab") as out:
        child = subprocess.Popen([_program(server), "-"], stdin=subprocess.PIPE, stdout=out, stderr=out)
    assert child.stdin is not None
    with child.stdin as stdin:
        lines = valkey_config(settings, folder).splitlines(keepends=True)
        stdin.write("".join(line for line in lines if not line.startswith(VALKEY_TITLE)).encode())

    def answers() -> bool:
        assert child.poll() is None, f"{server} ended: {(folder / 'out.log').read_text()[-2000:]}"
        return ask_redis(Endpoint(settings.host, settings.port)) is Reached.READY

    try:
        wait_for(answers, what=f"{server}; its words are in {folder / 'out.log'}")
        yield settings
    finally:
        child.terminate()
        child.wait(timeout=20)
