"""``civicrec attributes import``: all of a file or none, what people declared stays, and who was erased stays away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from typer.testing import CliRunner

from civicrec.erasure import Person
from civicrec.errors import InvalidInput
from civicrec.registry import attributes as kept_attributes
from civicrec.registry.attributes import change, kept_of
from civicrec.registry.audit import audit_rows
from civicrec.registry.erasures import request_erasure
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import ConsentSettings, Settings, Site
from operations.attribute_import import MAX_ROWS, ImportDone, import_attributes
from operations.cli import app
from profiles.rights.attributes import Imported, decision, seal_of, told
from profiles.rights.imports import ImportRow

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
ORIGIN = Imported("惠企政策匹配", "440100-0123", "市市场监督管理局", "2026-1")


def row(user: str, line: int = 1, **values: Any) -> ImportRow:
    return ImportRow(line, user, values, None)


class Office:
    """An installation to import into."""

    def __init__(self, settings: Settings, registry: Engine) -> None:
        self.settings, self.registry, self.keys = settings, registry, load_keys(settings)

    def take(self, *rows: ImportRow, origin: Imported = ORIGIN, site: str = "demo", keep: bool = True) -> ImportDone:
        return import_attributes(
            self.registry, self.settings, self.keys, site, rows, [], origin, by="operator", now=NOW, keep=keep
        )

    def declare(self, user: str, **said: Any) -> None:
        subject = self.keys.subject_id("demo", user)
        change(self.registry, subject, decision(said, subject, seal_of(self.keys), NOW), NOW)

    def held(self, user: str) -> dict[str, tuple[Any, str]]:
        subject = self.keys.subject_id("demo", user)
        rows = told(kept_of(self.registry, subject), subject, seal_of(self.keys), NOW)
        return {one["attribute"]: (one["value"], one["source"]) for one in rows if one["state"] == "in_force"}


@pytest.fixture
def office(settings: Settings) -> Any:
    with registry_at(settings.registry_address) as registry:
        yield Office(settings, registry)


def test_values_are_kept_with_purpose_and_number_and_the_audit_log_tells_of_each_person(office: Office) -> None:
    done = office.take(row("a", scale="小型企业", years=3), row("b", 2, region="440106"))
    assert done == ImportDone([], {"users": 2, "values": 3, "declared_stays": 0, "erased_left_out": 0})
    assert office.held("a") == {"scale": ("小型企业", "imported"), "years": (3, "imported")}
    [_, first] = audit_rows(office.registry)
    person = office.keys.audit_name(office.keys.subject_id("demo", "a"))
    assert (first.action, first.object_id) == ("attributes_imported", person)
    facts = {"purpose": "惠企政策匹配", "catalogue_id": "440100-0123", "source": "市市场监督管理局", "notice": "2026-1"}
    assert first.facts == facts | {"attributes": ["scale", "years"]}
    assert "小型企业" not in str(audit_rows(office.registry))


def test_what_a_person_declared_stays_and_a_contradiction_to_it_stops_the_file(office: Office) -> None:
    office.declare("a", scale="大型企业")
    office.declare("b", audience="自然人")
    done = office.take(row("a", scale="小型企业", years=3))
    assert done.counts == {"users": 1, "values": 1, "declared_stays": 1, "erased_left_out": 0}
    assert office.held("a") == {"scale": ("大型企业", "declared"), "years": (3, "imported")}
    refused = office.take(row("c", 2, scale="小型企业"), row("b", 3, scale="小型企业"))
    [bad] = refused.bad
    assert (bad.line, "自然人" in bad.reason) == (3, True)
    assert office.held("c") == {}


def test_null_takes_an_imported_value_back_and_never_a_declared_one(office: Office) -> None:
    office.declare("b", years=9)
    office.take(row("a", years=3))
    office.take(row("a", years=None), row("b", 2, years=None))
    assert (office.held("a"), office.held("b")) == ({}, {"years": (9, "declared")})


def test_a_fault_of_the_last_row_while_keeping_leaves_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = office.keys.subject_id("demo", "c")
    real = kept_attributes._change

    def fails(connection: Any, whose: str, *given: Any) -> None:
        if whose == subject:
            raise RuntimeError("the power is gone")
        real(connection, whose, *given)

    monkeypatch.setattr(kept_attributes, "_change", fails)
    with pytest.raises(RuntimeError):
        office.take(row("a", years=3), row("b", 2, years=3), row("c", 3, years=3))
    assert [office.held(user) for user in "abc"] == [{}, {}, {}]
    assert list(audit_rows(office.registry)) == []


def test_who_was_erased_is_left_out(office: Office) -> None:
    gone = office.keys.subject_id("demo", "a")
    name, digests = office.keys.audit_name(gone), [office.keys.erased_digest(gone)]
    person = Person("demo", gone, ())
    request_erasure(office.registry, person, name, digests, due=NOW.date(), by="subject", now=NOW)
    done = office.take(row("a", years=3), row("b", 2, years=3))
    assert done.counts == {"users": 1, "values": 1, "declared_stays": 0, "erased_left_out": 1}
    assert (office.held("a"), office.held("b")) == ({}, {"years": (3, "imported")})


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        (replace(ORIGIN, purpose=""), "purpose"), (replace(ORIGIN, catalogue_id=""), "catalogue"),
        (replace(ORIGIN, source=""), "source"), (replace(ORIGIN, notice=""), "notice"),
    ],
)  # fmt: skip
def test_an_import_without_its_ground_is_refused(office: Office, origin: Imported, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"the {named} is blank"):
        office.take(row("a", years=3), origin=origin)
    assert office.held("a") == {}


def test_the_notice_must_be_in_force_and_the_site_one_for_adults(office: Office) -> None:
    office.settings = office.settings.model_copy(update={"consent": ConsentSettings(notice_version="2026-2")})
    with pytest.raises(InvalidInput, match="2026-2"):
        office.take(row("a", years=3))
    sites = {"school": Site(key=SecretStr("s" * 32), minors=True)}
    office.settings = office.settings.model_copy(update={"consent": ConsentSettings(), "sites": sites})
    office.keys = Keys(office.keys.pepper, {"school": "s" * 32})
    with pytest.raises(InvalidInput, match="for minors"):
        office.take(row("a", years=3), site="school")


@pytest.mark.parametrize("n", [0, MAX_ROWS + 1])
def test_a_file_has_some_rows_and_not_too_many(office: Office, n: int) -> None:
    with pytest.raises(InvalidInput, match=f"got {n} rows"):
        office.take(*[row("a", years=3)] * n)


def run(settings: Settings, file: Path, *more: str) -> Any:
    origin = ["--purpose", "惠企政策匹配", "--catalogue", "440100-0123", "--source", "市监局", "--notice", "2026-1"]
    return CliRunner().invoke(
        app, ["attributes", "import", "demo", str(file), *origin, "--home", str(settings.home), *more]
    )


def test_the_command_names_every_bad_row_and_keeps_none(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "firms.csv"
    file.write_text("用户编号,企业规模\na,小型企业\nb,巨型企业\n,小型企业\n", encoding="gb18030")
    failed = run(office.settings, file)
    assert isinstance(failed.exception, InvalidInput)
    assert "2 of 3 rows" in str(failed.exception)
    assert [line.partition(":")[0] for line in failed.stderr.splitlines()] == ["line 3", "line 4"]
    assert office.held("a") == {}
    file.write_text("用户编号,企业规模\na,小型企业\n", encoding="gb18030")
    assert json.loads(run(office.settings, file, "--check").stdout)["kept"] is False
    assert office.held("a") == {}
    assert json.loads(run(office.settings, file).stdout) == {
        "users": 1, "values": 1, "declared_stays": 0, "erased_left_out": 0, "kept": True
    }  # fmt: skip
    assert office.held("a") == {"scale": ("小型企业", "imported")}
