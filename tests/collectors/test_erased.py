"""A collector hears of who asked to be erased from the registry, refuses them, and its files of ids lose theirs."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from civicrec.registry.erased import ErasedReader
from civicrec.registry.erasures import finish_erasure, readmit, request_erasure
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import Keys
from collectors.dedup.runs import Runs, open_runs, take_out, write_run
from tests.builders import NOON
from tests.registry.test_erasures import DUE, ME

KEYS = Keys(b"pepper-of-the-tests-0123", {})


def test_the_list_is_heard_of_and_no_registry_is_made_for_it(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/registry.sqlite"
    reader = ErasedReader(address, KEYS.erased_digest)
    nobody = reader.read()
    assert not nobody.have(ME.subject_id, "", NOON)
    assert list(tmp_path.iterdir()) == []
    with registry_at(address) as registry:
        assert reader.read() is nobody
        digests = [KEYS.erased_digest(name) for name in ME.ids]
        request_erasure(registry, ME, "person:1", digests, due=DUE, by="subject", why="", now=NOON)
        names = reader.read()
        assert reader.read() is names
        assert names.have(ME.subject_id, "browser-9", NOON)
        assert names.have("", ME.anonymous_ids[0], NOON)
        assert not names.have("1" * 32, ME.anonymous_ids[0], NOON)
        finish_erasure(registry, 1, "signed", NOON)
        readmit(registry, "person:1", digests[0], by="subject", now=NOON)
        since = reader.read()
    later = NOON + timedelta(seconds=1)
    assert (since.have(ME.subject_id, "", NOON), since.have(ME.subject_id, "", later)) == (True, False)
    assert since.have("", ME.anonymous_ids[0], later)
    reader.close()


def event_id(n: int) -> bytes:
    return hashlib.blake2b(str(n).encode(), digest_size=16).digest()


@given(st.sets(st.integers(0, 2_000), min_size=1, max_size=1_500), st.data())
def test_ids_are_taken_out_of_a_run_in_place_and_every_other_is_found(tmp_path_factory, numbers, data) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("ids")
    ids = [event_id(n) for n in sorted(numbers)]
    gone = data.draw(st.sets(st.sampled_from(ids)))
    owner = write_run(folder, b"".join(ids), 0, 9, 1)
    before = owner.path.stat().st_size
    take_out(owner, np.array(sorted(gone), "S16"))
    packed = owner.path.read_bytes()
    assert len(packed) == before
    held = {packed[n : n + 16] for n in range(0, len(packed), 16)}
    assert held - {bytes(16)} == set(ids) - gone
    for run in (owner, *open_runs(folder)):  # as its owner knows it, and opened anew
        runs = Runs(10**12)
        runs.add([run])
        assert runs.find(ids) == set(ids) - gone
