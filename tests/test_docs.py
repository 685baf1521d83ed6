"""Documents are held to the code: every command, setting, event kind, drop reason and metric is in them."""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from civicrec import reports
from civicrec.events import ALLOWED_PROPS, DROP_REASONS, KINDS
from civicrec.home import FILES
from civicrec.metrics import MetricName
from civicrec.registry.tables import metadata
from civicrec.settings import Settings
from collectors.robots.behaviour import Suspicion
from operations.cli import app
from operations.stack.retention import KEPT
from profiles.online.redis_keys import CLEARED
from recommender.generators import REASON_CODES
from recommender.scenes.files import shipped_scenes
from recommender.scenes.validation import FIELDS

SCENES = shipped_scenes()

ROOT = Path(__file__).parent.parent
DOCS = "\n".join(path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")))


sys.path.insert(0, str(ROOT / "docs"))
generate = import_module("generate")
COMMANDS = list(generate.commands_of(typer.main.get_command(app)))


@pytest.mark.parametrize(("command", "made_of"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_has_help(command: str, made_of: Any) -> None:
    assert made_of.help
    assert [option.name for option in made_of.params if option.param_type_name == "option" and not option.help] == []


def test_every_setting_is_described() -> None:
    assert [name for name, _, text in generate.settings_of(Settings) if not text] == []


@pytest.mark.parametrize("page", ["settings", "commands", "operations", "retention"])
def test_generated_page_is_up_to_date(page: str) -> None:
    assert (ROOT / f"docs/{page}.md").read_text() == getattr(generate, f"{page}_page")(), "run `make generate`"


def test_how_long_is_said_of_every_table_personal_file_and_family_of_keys() -> None:
    said = {(one.store, one.name) for one in KEPT}
    assert len(said) == len(KEPT)
    registry = {("registry", name) for name in metadata.tables}
    files = {("home", file.name) for file in FILES if file.personal}
    keys = {("online store", name) for name in set(CLEARED) - {"whole", "fence"}}  # these are of before
    assert (registry | files | keys) - said == set(), "say in operations/stack/retention.py how long it is kept"


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {name for name, _, _ in generate.settings_of(Settings)}
    text = DOCS + (ROOT / "README.md").read_text() + (ROOT / "README.zh-CN.md").read_text()
    named = set(re.findall(r"CIVICREC_[A-Z][A-Z_]*[A-Z]", text))
    assert {name for name in named - known if not name.startswith("CIVICREC_TEST_")} == set()


@pytest.mark.parametrize(
    "words",
    [KINDS, DROP_REASONS, get_args(Suspicion)[1:], ALLOWED_PROPS, SCENES, FIELDS, get_args(MetricName), REASON_CODES],
    ids=[
        "kinds",
        "drop reasons",
        "bot reasons",
        "properties",
        "scenes",
        "scene fields",
        "metrics",
        "reason codes",
    ],
)
def test_every_word_of_a_closed_list_is_documented(words: frozenset[str]) -> None:
    page = (ROOT / "docs/contracts.md").read_text()
    assert sorted(word for word in words if f"`{word}`" not in page) == []


def test_readmes_show_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text()
        assert "make demo" in text
        assert "make test" in text


def test_links_between_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_decision_stands_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [page for page in pages if f"]({page})" not in index] == [], "add a line to docs/decisions/README.md"


def test_every_page_stands_in_the_index_of_documents() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md")
    assert [page for page in pages if f"]({page})" not in index] == [], "add a line to docs/README.md"


def test_glossary_names_only_files_that_exist() -> None:
    page = (ROOT / "docs/glossary.md").read_text()
    named = re.findall(r"`((?:civicrec|collectors|streaming|profiles|recommender|serving|operations)/[\w./]*)`", page)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(reports.__path__[0]).glob("[a-z]*.py")))
def test_every_column_of_a_report_is_explained(name: str) -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    schema = getattr(import_module(f"civicrec.reports.{name}"), "_SCHEMA", None)
    assert [column for column in (schema.names if schema else ()) if f"`{column}`" not in page] == []


def test_every_metric_has_a_line_among_the_figures() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert [name for name in get_args(MetricName) if f"`{name}`" not in page] == []


def test_every_duty_has_a_row_and_names_only_tests_and_files_that_exist() -> None:
    page = (ROOT / "docs/compliance.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| R")]
    assert [row.split(" ")[1] for row in rows] == [f"R{n}" for n in range(1, 36)]
    assert [row for row in rows if len(row.split(" | ")) != 5] == []
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"\btest_\w+\.py", page)) - there == set()
    files = re.findall(r"`((?:civicrec|collectors|streaming|profiles|recommender|serving|operations)/[\w./]*)`", page)
    assert [name for name in files if not (ROOT / name).exists()] == []
    routes = " ".join(path.read_text() for path in (ROOT / "serving/api").glob("*.py"))
    asked = {name.split("{")[0] for name in re.findall(r"/v1/[\w/.{]+", page)}
    assert [name for name in sorted(asked) if name not in routes] == [], "no such route"


def test_recipes_of_contributing_name_only_files_that_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:civicrec|collectors|recommender|serving|operations|tests|docs|notebooks)/[\w./]*)`", page)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
