"""How the parts of the online store in Redis or Valkey ask it: within its memory, and with one fault for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from profiles.online.bounds import Bounds
from profiles.online.ports import OnlineFault
from profiles.online.redis_queries import Command

DAY_S = 86_400


def script(*names: str) -> str:
    """Return the text of a script for the server, made of files of this folder."""
    return "".join((Path(__file__).parent / f"{name}.lua").read_text() for name in names)


class RedisCalls:
    """A part of the store on a Redis client (bytes in, bytes out), as `civicrec.clients.redis_client` makes it: RESP3.

    Parameters
    ----------
    bounds
        How much it may hold; who writes gives those of the settings.
    """

    def __init__(self, client: Redis, bounds: Bounds = Bounds()) -> None:  # noqa: B008  # it is frozen
        self._client = client
        self._bounds = bounds
        self._shed = client.register_script(script("shed"))

    def _shedding(self, write: Callable[[], Any]) -> Any:
        """Write; into a full store after the least active of what it holds was shed."""
        while True:
            try:
                return write()
            except OutOfMemoryError:
                if not int(self._shed()):
                    raise

    def _answers(self, commands: Sequence[Command]) -> list[Any]:
        """Ask everything in one round trip; pairs come with numbers, as RESP3 has them.

        The client's own pipeline does the same at twice the cost or more.
        """
        if not commands:
            return []
        pool = self._client.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [connection.read_response() for _ in commands]
        except BaseException:
            connection.disconnect()  # what was not read would be taken for the answers to the next question
            raise
        finally:
            pool.release(connection)


@contextmanager
def reachable(what: str) -> Iterator[None]:
    """Turn what a server answers into an `OnlineFault` that says what could not be done."""
    try:
        yield
    except OutOfMemoryError as error:
        raise OnlineFault(
            f"the online store is full and cannot {what}: {str(error).split(' script:')[0]} Nothing is left to shed: "
            "raise CIVICREC_REDIS__MAX_MEMORY_MB, or the maxmemory of your own server"
        ) from error
    except RedisError as error:
        raise OnlineFault(f"the online store cannot {what}: {error}; is Redis or Valkey up?") from error
