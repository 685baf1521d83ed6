"""``civicrec catalog`` as an operator meets it: what it prints, where, and how it exits."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from civicrec.catalogue.importers import read_rows
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from civicrec.text import unprintable
from operations.cli import app
from tests.item_builders import an_item

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


def test_a_condition_with_an_unknown_attribute_is_named_with_its_item_and_clause(tmp_path: Path) -> None:
    row = {"item_id": "a", "item_type": "policy", "title": "甲"}
    good = {"rule": {"attribute": "years", "at_most": 5}, "quote": "成立不满五年"}
    wrong = {"rule": {"not": {"attribute": "turnover", "at_least": 1}}, "quote": "营业收入一元以上的除外"}
    rows = [row | {"conditions": [good]}, row | {"item_id": "b", "conditions": [wrong]}]
    done = catalog(tmp_path, "import", "-", "--json", stdin="\n".join(json.dumps(one) for one in rows))
    assert (done.exit_code, json.loads(done.stdout)["added"]) == (1, 1)
    assert (
        "line 2: item b: conditions[0]（营业收入一元以上的除外）: rule.not[0]: got attribute 'turnover'" in done.stderr
    )


def test_what_knows_no_rules_lets_no_condition_in() -> None:
    row = {"item_id": "a", "item_type": "policy", "title": "甲", "conditions": [{"rule": {"x": 1}, "quote": "y"}]}
    read = read_rows([json.dumps(row).encode()], "civicrec")
    assert read.items == []
    assert "conditions are not taken on this way" in read.bad[0].reason


@pytest.mark.parametrize("content", ["", "\n \n", "[]", '{"data": []}', '{"code": 200, "data": {"list": []}}',
                                     "item_id,item_type,title\n", "callback([]);"])  # fmt: skip
def test_a_file_without_rows_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    done = catalog(tmp_path, "import", "-", stdin=content)
    assert done.exit_code == 0
    assert done.stderr == "- holds no rows, so nothing was imported: is the export empty or cut off?\n"
    assert done.stdout.startswith("0 rows")


@pytest.mark.parametrize("word", ["NaN", "-Infinity", "undefined"])
def test_a_number_that_is_none_is_told_by_name(tmp_path: Path, word: str) -> None:
    row = f'{{"item_id": "c", "item_type": "news", "title": "丙", "summary": {word}}}'
    done = catalog(tmp_path, "import", "-", stdin=GOOD + row)
    assert done.exit_code == 1
    assert done.stderr == (
        f"line 3: expected one JSON object: holds {word}, which is no JSON: write null in its place\n"
    )
    assert word in str(catalog(tmp_path, "import", "-", stdin=f"[{row}]").exception)


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


TITLES = ["甲\U0001f600乙", "𠮷野家", "ü ö", "甲"]


@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_a_terminal_that_lacks_a_character_changes_no_exit_code(tmp_path: Path, encoding: str) -> None:
    rows = [{"item_id": f"i{n}", "item_type": "news", "title": title} for n, title in enumerate(TITLES)]

    def civicrec(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "civicrec", "catalog", *words, "--home", str(tmp_path)],
            env={"PYTHONIOENCODING": encoding}, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.decode(encoding)

    catalog(tmp_path, "import", "-", stdin="\n".join(json.dumps(row) for row in rows))
    assert civicrec("withdraw", *(row["item_id"] for row in rows), "--why", "wrong")[0] == 0
    assert civicrec("list")[0] == civicrec("check")[0] == 0
    code, listed = civicrec("list", "--json")
    assert (code, [json.loads(line)["title"] for line in listed.splitlines()]) == (0, TITLES)


def test_what_steers_a_terminal_is_not_printed(tmp_path: Path) -> None:
    with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as registry:
        upsert_items(registry, [msgspec.structs.replace(an_item("a"), title="甲\x1b]0;x\x07\x9b31m\r\n乙\t丙")])
    assert catalog(tmp_path, "list").stdout == "a\tpolicy\tonline\t甲]0;x31m 乙 丙\n"
    listed = catalog(tmp_path, "list", "--json").stdout
    assert unprintable(listed) is None
    assert json.loads(listed)["title"] == "甲\x1b]0;x\x07\x9b31m\r\n乙\t丙"


def test_a_file_that_is_no_json_is_refused_once_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    refused = catalog(tmp_path, "import", str(tmp_path / "book.xlsx")).exception
    assert isinstance(refused, InvalidInput)
    assert "office workbook" in str(refused)


def test_what_could_not_be_kept_of_a_good_row_is_told(tmp_path: Path) -> None:
    row = json.dumps({"标题": "办法", "访问地址": "javascript:void(0)"}, ensure_ascii=False)
    done = catalog(tmp_path, "import", "-", "--format", "gov-policies", stdin=row)
    assert done.exit_code == 0
    assert done.stderr.startswith("line 1: note: 访问地址: ")
