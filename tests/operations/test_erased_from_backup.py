"""A home is restored from a copy of before an erasure: at the next start the person goes again, from every file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from civicrec.clock import utc_now
from civicrec.registry.choices import switch
from civicrec.registry.erased_list import read_list
from civicrec.registry.erasures import list_erasures
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from tests.operations.test_erased_from_home import EVENTS_EACH, SITE, browser_of, files_with, forms_of, send
from tests.running import RunningStack, running_stack, wait_for

pytestmark = pytest.mark.stack
ONLY = ("valkey", "warehouse", "collect", "stream")
ME, OTHER, DECIDED = 1, 2, 3


def n_stored(stack: RunningStack) -> int:
    told: dict[str, int] = json.loads(stack.civicrec("status", "--json", check=False).stdout)
    return told["stored"]


def n_done(stack: RunningStack) -> int:
    with registry_at(stack.settings.registry_address) as registry:
        return sum(bool(one.receipt) for one in list_erasures(registry))


@pytest.mark.timeout(900)
def test_a_backup_of_before_brings_nobody_back(tmp_path: Path) -> None:
    home, backup, kept = tmp_path / "home", tmp_path / "backup", tmp_path / "elsewhere" / "erased.jsonl"
    kept.parent.mkdir()
    env = {"CIVICREC_STREAM__ERASED_LIST": str(kept)}
    with running_stack(home, only=ONLY, env=env) as stack:
        keys = load_keys(stack.settings)
        subjects = {one: keys.subject_id(SITE, f"user-{one}") for one in (ME, OTHER, DECIDED)}
        forms = {
            one: list(forms_of(send(stack, keys, one, 0), [subjects[one], browser_of(one)])) for one in (ME, OTHER)
        }
        with registry_at(stack.settings.registry_address) as registry:
            switch(registry, subjects[DECIDED], on=False, now=utc_now())  # and no event
        wait_for(lambda: n_stored(stack) == 2 * EVENTS_EACH, 90, "all events stored")
        settings = stack.settings
    shutil.copytree(home, backup, symlinks=True)
    with running_stack(home, only=ONLY, env=env, settings=settings) as stack:
        for one in (ME, DECIDED):
            stack.civicrec("subject", "erase", SITE, f"user-{one}")
        wait_for(lambda: n_done(stack) == 2, 200, "the receipts")
        wait_for(lambda: len(list(read_list(kept))) == 3, 30, "the list elsewhere")
        with registry_at(stack.settings.registry_address) as registry:  # a decision of after the erasure
            switch(registry, subjects[DECIDED], on=False, now=utc_now())
    with running_stack(home, only=ONLY, env=env, settings=settings) as stack:
        wait_for(lambda: "stream_started" in stack.log, 60, "a start")
        wait_for(lambda: n_stored(stack) == 2 * EVENTS_EACH, 60, "the books")
        assert "erased_people" not in stack.log  # nobody is held who should not be
    shutil.rmtree(home)
    shutil.copytree(backup, home, symlinks=True)
    assert files_with(home, forms[ME])
    with running_stack(home, only=ONLY, env=env, settings=settings) as stack:
        wait_for(lambda: n_done(stack) == 2, 200, "the receipts again")
        assert send(stack, keys, ME, 900)
        assert [one["reason"] for one in stack.last_answer["rejected"]] == ["erased"] * EVENTS_EACH  # type: ignore[attr-defined]
        wait_for(lambda: not files_with(home, forms[ME]), 60, "no file with an id")
        assert files_with(home, forms[OTHER])
        with registry_at(stack.settings.registry_address) as registry:
            assert {one.requested_by for one in list_erasures(registry)} == {"civicrec"}
        assert n_stored(stack) == 2 * EVENTS_EACH
        told = stack.civicrec("subject", "reapply-erasures", str(kept)).stdout
        assert told == "0 names are refused again; 0 people are held and are erased again\n"
