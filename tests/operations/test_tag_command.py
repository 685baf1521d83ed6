"""``civicrec tag`` as an editor meets it: suggested, listed, decided."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from civicrec.errors import InvalidInput, NotFound
from operations.cli import app
from tests.recommender.training.test_item_tags import WORDS


def tag(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["tag", *words, "--home", str(home)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    rows = [
        {
            "item_id": f"{theme}-{k}",
            "item_type": "service",
            "title": f"{words[k % 5 : k % 5 + 4]}办理{k}",
            "theme": [theme],
        }
        for theme, words in WORDS.items()
        for k in range(25)
    ]
    rows += [
        {"item_id": "new", "item_type": "service", "title": "失业登记办理"},
        {"item_id": "odd", "item_type": "news", "title": "Ω"},
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    done = CliRunner().invoke(app, ["catalog", "import", "-", "--home", str(tmp_path)], input=lines)
    assert done.exit_code == 0, done.output
    return tmp_path


def test_a_suggestion_is_made_accepted_and_stands_in_the_catalogue(home: Path) -> None:
    facts = json.loads(tag(home, "suggest", "--json").stdout)
    assert (facts["learned_from"], facts["themes"], facts["without_theme"]) == (75, 3, 2)
    open_ones = [json.loads(line) for line in tag(home, "list", "--json").stdout.splitlines()]
    assert ("new", "theme:就业创业") in [(one["item_id"], one["tag"]) for one in open_ones]
    assert (
        tag(home, "accept", "new", "--tag", "theme:就业创业", "--who", "li").stdout == "new\ttheme:就业创业\taccepted\n"
    )
    listed = CliRunner().invoke(app, ["catalog", "list", "--json", "--home", str(home)]).stdout
    assert [json.loads(line)["theme"] for line in listed.splitlines() if '"new"' in line] == [["就业创业"]]
    assert json.loads(tag(home, "suggest", "--json").stdout)["without_theme"] == 1


def test_a_refused_suggestion_is_not_open_again(home: Path) -> None:
    tag(home, "suggest")
    assert "refused" in tag(home, "refuse", "new").stdout
    tag(home, "suggest")
    assert "new" not in tag(home, "list").stdout
    assert tag(home, "list", "--state", "refused").stdout.startswith("new\t")


def test_what_cannot_be_done_is_said(home: Path) -> None:
    tag(home, "suggest")
    refused = tag(home, "accept", "nobody").exception
    assert isinstance(refused, NotFound)
    assert "no open suggestion for 'nobody'" in str(refused)
    assert isinstance(tag(home, "list", "--state", "waiting").exception, InvalidInput)


def test_a_catalogue_without_any_theme_cannot_teach(tmp_path: Path) -> None:
    refused = tag(tmp_path, "suggest").exception
    assert isinstance(refused, InvalidInput)
    assert "expected a catalogue whose items partly bring `theme`" in str(refused)
