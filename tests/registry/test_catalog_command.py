"""``civicrec catalog`` as an operator meets it: what it prints, where, and how it exits."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from civicrec.cli import app
from civicrec.errors import InvalidInput, NotFound

GOOD = '{"item_id": "a", "item_type": "news", "title": "甲"}\n{"item_id": "b", "item_type": "faq", "title": "乙"}\n'


def catalog(home: Path, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["catalog", *words, "--home", str(home)], input=stdin)


def test_good_rows_land_bad_ones_are_named_and_again_changes_nothing(tmp_path: Path) -> None:
    first = catalog(tmp_path, "import", "-", "--json", stdin=GOOD + '{"item_id": "c"}\n')
    assert first.exit_code == 1
    assert json.loads(first.stdout) == {"rows": 3, "added": 2, "changed": 0, "unchanged": 0, "bad": 1}
    assert first.stderr.startswith("line 3: ")
    assert "item_type" in first.stderr
    again = catalog(tmp_path, "import", "-", "--json", stdin=GOOD)
    assert again.exit_code == 0
    assert json.loads(again.stdout) == {"rows": 2, "added": 0, "changed": 0, "unchanged": 2, "bad": 0}


def test_the_commands_work_on_both_databases(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVICREC_REGISTRY_URL", address)
    assert catalog(tmp_path, "import", "-", stdin=GOOD).exit_code == 0
    assert catalog(tmp_path, "withdraw", "a", "--why", "figure wrong").stdout == "a\twithdrawn\t甲\n"
    assert catalog(tmp_path, "import", "-", stdin=GOOD).exit_code == 0
    assert catalog(tmp_path, "list").stdout == "a\tnews\twithdrawn\t甲\nb\tfaq\tonline\t乙\n"
    assert catalog(tmp_path, "restore", "a").stdout == "a\tonline\t甲\n"
    assert not (tmp_path / "registry.sqlite").exists()


def test_the_list_as_json_can_be_imported_elsewhere(tmp_path: Path) -> None:
    catalog(tmp_path / "one", "import", "-", stdin=GOOD)
    listed = catalog(tmp_path / "one", "list", "--json").stdout
    catalog(tmp_path / "two", "import", "-", stdin=listed)
    assert catalog(tmp_path / "two", "list", "--json").stdout == listed != ""


def test_the_list_can_be_narrowed_by_type_and_status(tmp_path: Path) -> None:
    catalog(tmp_path, "import", "-", stdin=GOOD)
    assert catalog(tmp_path, "withdraw", "a", "--why", "figure wrong").exit_code == 0
    assert catalog(tmp_path, "list", "--type", "news").stdout == "a\tnews\twithdrawn\t甲\n"
    assert catalog(tmp_path, "list", "--status", "online").stdout == "b\tfaq\tonline\t乙\n"
    catalog(tmp_path, "restore", "a")
    assert catalog(tmp_path, "list", "--status", "withdrawn").stdout == ""


def test_the_check_counts_and_names(tmp_path: Path) -> None:
    catalog(tmp_path, "import", "-", stdin=GOOD)
    report = json.loads(catalog(tmp_path, "check", "--json").stdout)
    assert report["by_type"] == {"news": 1, "faq": 1}
    assert ["b", "faq.links"] in report["findings"]["missing_field"]
    assert "2 items: 1 news, 1 faq" in catalog(tmp_path, "check").stdout


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("import", "absent.jsonl"), InvalidInput),
        (("import", "-", "--format", "excel"), InvalidInput),
        (("list", "--type", "advert"), InvalidInput),
        (("list", "--status", "lost"), InvalidInput),
        (("withdraw", "absent", "--why", "x"), NotFound),
        (("withdraw", "a", "--why", ""), InvalidInput),
        (("withdraw", "a", "--why", " \u3000\u200b"), InvalidInput),
    ],
)
def test_what_cannot_be_done_is_a_fault_the_root_command_prints(
    tmp_path: Path, words: tuple[str, ...], fault: type[Exception]
) -> None:
    assert isinstance(catalog(tmp_path, *words).exception, fault)


def test_withdrawing_needs_a_reason(tmp_path: Path) -> None:
    assert catalog(tmp_path, "withdraw", "a").exit_code == 2


def test_a_change_of_type_is_named_by_its_line_and_the_other_rows_land(tmp_path: Path) -> None:
    catalog(tmp_path, "import", "-", stdin=GOOD)
    again = catalog(tmp_path, "import", "-", "--json", stdin=GOOD.replace("news", "policy").replace("乙", "丙"))
    assert again.exit_code == 1
    assert json.loads(again.stdout) == {"rows": 2, "added": 0, "changed": 1, "unchanged": 0, "bad": 1}
    assert again.stderr.startswith("line 1: item_id 'a' is of type news in the catalogue and of type policy here")
    assert catalog(tmp_path, "list").stdout == "a\tnews\tonline\t甲\nb\tfaq\tonline\t丙\n"


def test_restoring_gives_a_draft_back_as_a_draft(tmp_path: Path) -> None:
    catalog(
        tmp_path, "import", "-", stdin='{"item_id": "d", "item_type": "policy", "title": "草稿", "status": "draft"}'
    )
    assert isinstance(catalog(tmp_path, "restore", "d").exception, InvalidInput)
    catalog(tmp_path, "withdraw", "d", "--why", "wrong")
    assert catalog(tmp_path, "restore", "d").stdout == "d\tdraft\t草稿\n"
