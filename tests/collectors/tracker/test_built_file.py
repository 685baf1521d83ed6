"""The one file users load: its size, how it is served, that it is what the sources say, and the module beside it."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver

import collectors
from civicrec.events import KINDS
from tests.collectors.conftest import Collector
from tests.collectors.tracker.site import Site

FOLDER = Path(collectors.__file__).parent
SCRIPT = FOLDER / "static" / "c.js"
TRACKER = FOLDER / "tracker"
SOURCES = {path.name: path.read_text() for path in sorted((TRACKER / "src").glob("*.ts"))}
SERVED = FOLDER.parent / "serving" / "static"
PAGE = (FOLDER.parent / "docs" / "tracker.md").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, with their packages, built anew."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm; users need neither, the built file is kept with the sources")
    folder = tmp_path_factory.mktemp("built") / "collectors" / "tracker"
    shutil.copytree(TRACKER, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    for static in ("static", "../serving/static"):
        (folder.parent / static).mkdir(parents=True)
    run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", install=True)
    run(folder, "npm", "run", "build")
    return folder


def run(folder: Path, *command: str, install: bool = False) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if install and done.returncode and re.search(r"ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOTCACHED", done.stderr):
        pytest.skip("the tracker's build tools are not here and no package registry can be reached")
    assert done.returncode == 0, done.stdout + done.stderr


def test_tracker_is_at_most_six_thousand_bytes_packed() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes(), 9, mtime=0)) <= 6_000


def test_widget_is_at_most_four_thousand_bytes_packed() -> None:
    assert len(gzip.compress((SERVED / "w.js").read_bytes(), 9, mtime=0)) <= 4_000


def test_tracker_is_served_as_it_stands(collector: Collector) -> None:
    answer = collector.get("/c.js")
    assert (answer.status_code, answer.content) == (200, SCRIPT.read_bytes())
    assert answer.headers["content-type"].startswith("text/javascript")


def test_sources_make_exactly_the_file_that_is_kept(built: Path) -> None:
    assert (built.parent / "static" / "c.js").read_bytes() == SCRIPT.read_bytes(), "run `make generate`"
    for name in ("w.js", "consent.js"):
        made = (built.parent.parent / "serving" / "static" / name).read_bytes()
        assert made == (SERVED / name).read_bytes(), "run `make generate`"


@pytest.mark.parametrize("script", [SCRIPT, SERVED / "w.js", SERVED / "consent.js"], ids=lambda path: path.name)
def test_a_script_is_written_in_the_language_of_2015(built: Path, script: Path) -> None:
    program = (
        "const { parse } = require(process.argv[1]); const text = require('fs').readFileSync(process.argv[2], 'utf8');"
        "parse(text, { ecmaVersion: 2015 });"
    )
    run(built, "node", "-e", program, str(built / "node_modules" / "acorn"), str(script))


@pytest.mark.stack
@pytest.mark.browser
def test_the_module_tracks_as_the_script_does(built: Path, browser: webdriver.Chrome, site: Site) -> None:
    site.pages["/index.js"] = ((built / "dist" / "index.js").read_text(), {})
    start = f"start({{endpoint: '{site.stack.collector_url}/v1/events', site: '{site.name}', consent: 'measure'}})"
    module = (
        f"import {{ start }} from '/index.js'; window.tracker = {start}; tracker('event', 'share', {{item_id: 'x'}})"
    )
    browser.get(site.add("/a", tag=f'<script type="module">{module}</script>'))
    browser.execute_script("tracker('flush')")
    assert [event.kind for event in site.wait_events(2)] == ["page_view", "share"]
    assert {event.consent for event in site.events()} == {"measure"}
    assert browser.execute_script("return typeof window.civicrec") == "undefined"
    types = json.loads((built / "package.json").read_text())["exports"]["."]["types"]
    assert "start" in (built / types).read_text()


def test_the_package_can_be_installed_and_imported(built: Path, tmp_path: Path) -> None:
    run(built, "npm", "pack", "--ignore-scripts", "--pack-destination", str(tmp_path))
    (package,) = tmp_path.glob("civicrec-tracker-*.tgz")
    (tmp_path / "package.json").write_text('{"private": true}')
    run(tmp_path, "npm", "install", "--offline", "--no-audit", "--no-fund", f"./{package.name}")
    imported = (
        "import { start } from 'civicrec-tracker'; import { define } from 'civicrec-tracker/widget';"
        "if (typeof start !== 'function' || typeof define !== 'function') process.exit(1)"
    )
    run(tmp_path, "node", "--input-type=module", "-e", imported)
    installed = {path.name for path in (tmp_path / "node_modules" / "civicrec-tracker").rglob("*") if path.is_file()}
    assert installed >= {"package.json", "index.js", "index.d.ts"}
    assert not any(name.endswith(".ts") and not name.endswith(".d.ts") for name in installed)


def test_the_lock_names_no_registry() -> None:
    assert "http" not in (TRACKER / "package-lock.json").read_text()


def test_sources_tell_only_kinds_that_exist() -> None:
    text = "\n".join(SOURCES.values())
    told = set(re.findall(r'\bput\("(\w+)"', text))
    assert told >= {"page_view", "impression", "click", "download", "read", "search", "service_start", "service_submit"}
    assert told <= KINDS


def test_every_attribute_and_command_is_documented() -> None:
    text = "\n".join(SOURCES.values())
    of_elements = {kebab(name) for name in re.findall(r"\.civicrec([A-Z]\w*)", text)}
    of_elements |= set(re.findall(r"data-civicrec-([a-z-]*[a-z])", text))
    assert {"item", "page-item", "search", "form", "results"} <= of_elements
    options = re.search(r"interface Options \{(.*?)\n\}", SOURCES["tracker.ts"], re.DOTALL)
    commands = re.search(r"interface Commands \{(.*?)\n\}", SOURCES["tracker.ts"], re.DOTALL)
    assert options
    assert commands
    of_tag = {kebab(name) for name in re.findall(r"^  (\w+)\??:", options[1], re.MULTILINE)}
    assert {"site", "consent", "anonymous-id", "search-param", "endpoint"} <= of_tag
    named = re.findall(r"^  (\w+)\(", commands[1], re.MULTILINE)
    assert set(named) == {"event", "flush", "consent", "token", "id"}
    words = {f"`data-civicrec-{name}`" for name in of_elements} | {f"`data-{name}`" for name in of_tag}
    words |= {f"civicrec('{name}'" for name in named}
    assert sorted(word for word in words if word not in PAGE) == []


def test_the_page_states_the_size_of_the_file() -> None:
    (stated,) = re.findall(r"([\d ]+) bytes packed", PAGE)
    assert int(stated.replace(" ", "")) == len(gzip.compress(SCRIPT.read_bytes(), 9, mtime=0))


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()
