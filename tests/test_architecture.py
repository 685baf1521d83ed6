"""The shape of the house: who imports whom, how heavy a process is, how long a file may be."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("civicrec", "collectors", "streaming", "profiles", "recommender", "serving", "operations")
HEAVY = ("apache_beam", "sklearn", "implicit")


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module", ["serving.app", "serving.server", "collectors.app", "operations.cli", "operations.stack.supervisor"]
)
def test_a_light_process_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    files = [path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    assert [str(path) for path in files if len(path.read_text().splitlines()) > 500] == []


def test_no_two_test_files_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) > 100
    assert sorted({name for name in names if names.count(name) > 1}) == []  # pytest collects none of two


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "base", "manager", "common", "misc"}
    names = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py") if path.stem in empty_words]
    assert names == []


#: Every statement on the audit log stands here, or is a migration's.
KEEPERS_OF_THE_AUDIT = {
    "civicrec/registry/audit.py",
    "civicrec/registry/tables.py",
    "civicrec/registry/chain_old_rows.py",
}
_AUDIT_SQL = re.compile(r"(?i)(?:insert\s+into|update|delete\s+from|truncate|alter\s+table)\s+\"?audit(?:_head)?\b")


def reaches_the_audit(code: str) -> bool:
    """Say whether a module can get hold of the audit tables by another way than `civicrec.registry.audit`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module == "civicrec.registry.tables":
            if {name.name for name in node.names} & {"audit", "audit_head", "metadata"}:
                return True
        elif isinstance(node, ast.ImportFrom) and node.module == "civicrec.registry":
            if "tables" in {name.name for name in node.names}:
                return True
        elif isinstance(node, ast.Import):
            if "civicrec.registry.tables" in {name.name for name in node.names}:
                return True
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _AUDIT_SQL.search(node.value):
            return True
    return False


def test_nobody_writes_to_the_audit_log_but_its_one_function() -> None:
    files = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if reaches_the_audit(path.read_text())}
    assert found - KEEPERS_OF_THE_AUDIT == set()
    keeper = ast.parse((ROOT / "civicrec/registry/audit.py").read_text())
    writers = {
        function.name
        for function in ast.walk(keeper)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("insert", "update", "delete")
    }
    assert writers == {"record"}


@pytest.mark.parametrize(
    "code",
    [
        "from civicrec.registry.tables import audit",
        "from civicrec.registry.tables import items, audit_head as head",
        "from civicrec.registry.tables import metadata",
        "import civicrec.registry.tables",
        "from civicrec.registry import tables",
        "connection.execute(text('INSERT INTO audit (who) VALUES (1)'))",
        "connection.execute(text(f'update audit SET who = {who}'))",
    ],
)
def test_a_way_around_the_audit_log_is_seen(code: str) -> None:
    assert reaches_the_audit(code)
