"""`civicrec doctor --security` on the embedded stack as it runs: nothing is open, and what would be is seen."""

import json

import pytest

from civicrec.home import READER_KEY
from civicrec.security.passwords import READER
from civicrec.security.secrets import read_secret
from operations.stack.security import reader
from tests.running import RunningStack

pytestmark = pytest.mark.stack


def test_nothing_of_the_embedded_stack_is_open(stack: RunningStack) -> None:
    done = stack.civicrec("doctor", "--security", "--json")
    report = json.loads(done.stdout)
    assert (report["ok"], report["open"]) == (True, [])
    assert {"reach", "console", "online store", "rights in the warehouse", "command lines"} <= set(report["closed"])


def test_the_reader_may_read_and_the_full_user_besides_write(stack: RunningStack) -> None:
    where = stack.settings.warehouse
    secret = read_secret(READER_KEY.of(stack.settings.home))
    assert reader.asker(where, READER, secret)("SELECT count() FROM events") == 0
    assert reader.deeds_allowed(reader.asker(where, READER, secret)) == frozenset()
    full = reader.deeds_allowed(reader.asker(where, "default", where.password.get_secret_value()))
    assert full is not None
    assert "write" in full
    assert not full & set(reader.REACHING)
    assert reader.deeds_allowed(reader.asker(where, READER, "wrong")) is None
    (found,) = reader.rights_of_reader(full, "default")
    assert (found.grade, "write" in found.found) == ("hole", True)
