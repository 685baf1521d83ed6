"""Bodies in pieces: whole or not at all, within size, time and memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.events import MAX_BATCH_BYTES
from civicrec.web.asgi import Receive
from civicrec.web.bodies import BodyCutOff, BodyInCrumbs, BodyReader, BodyTooLarge, BodyTooSlow, TooManyBodies


def sender(pieces: Sequence[bytes], *, is_whole: bool = True) -> Receive:
    """What the server hands on: the pieces, then the end or a broken connection."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if is_whole:
        messages[-1]["more_body"] = False
    else:
        messages.append({"type": "http.disconnect"})
    left = iter(messages)

    async def receive() -> Any:
        await asyncio.sleep(0)
        return next(left)

    return receive


def read(pieces: Sequence[bytes], **facts: Any) -> bytes:
    return asyncio.run(BodyReader(5, MAX_BATCH_BYTES).read(sender(pieces, **facts)))


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8))
def test_pieces_become_the_body_and_a_broken_one_is_none(pieces: list[bytes]) -> None:
    assert read(pieces) == b"".join(pieces)
    with pytest.raises(BodyCutOff):
        read(pieces, is_whole=False)


def test_body_at_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    half = b"x" * (MAX_BATCH_BYTES // 2)
    assert len(read([half, half])) == MAX_BATCH_BYTES
    with pytest.raises(BodyTooLarge):
        read([half, half, b"x"])
    with pytest.raises(BodyTooLarge):
        read([half + half + b"x"])
    with pytest.raises(BodyTooLarge):
        read([half] * 1_000)


def test_a_body_in_crumbs_is_refused_long_before_its_end_and_says_what_it_cost() -> None:
    with pytest.raises(BodyInCrumbs, match="send larger") as refused:
        read([b"x"] * 100_000)
    assert 256 * 100 < refused.value.n_bytes < 300 * 200
    assert len(read([b"x"] * 200)) == 200
    assert len(read([b"x" * 150] * 500)) == 75_000


@pytest.mark.parametrize("start", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
def test_body_that_does_not_come_is_too_slow(start: list[Any]) -> None:
    left = iter(start)

    async def receive() -> Any:
        for message in left:
            return message
        return await asyncio.Event().wait()

    with pytest.raises(BodyTooSlow):
        asyncio.run(BodyReader(0.05, MAX_BATCH_BYTES).read(receive))


def test_unfinished_bodies_of_all_senders_together_are_bounded_and_forgotten_at_their_end() -> None:
    async def main() -> list[list[bool]]:
        bodies = BodyReader(5, MAX_BATCH_BYTES, max_held=10_000)
        rounds = []
        for _ in range(3):
            senders = [bodies.read(sender([b"x" * 500] * 10)) for _ in range(4)]
            answers = await asyncio.gather(*senders, return_exceptions=True)
            assert all(isinstance(answer, bytes | TooManyBodies) for answer in answers)
            rounds.append([isinstance(answer, bytes) for answer in answers])
        alone = await bodies.read(sender([b"x" * 900] * 10))
        assert len(alone) == 9_000
        return rounds

    for taken in asyncio.run(main()):
        assert 0 < sum(taken) < 4
