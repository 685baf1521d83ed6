"""Write settings.md, commands.md and a table of operations.md from the code; ``make generate`` runs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from civicrec.home import FILES
from civicrec.settings import Settings
from operations.cli import app
from operations.stack.retention import KEPT, told

FOLDER = Path(__file__).parent
NOTE = "<!-- Made by `make generate` from the code; edit the code instead. -->"


def settings_of(model: type[BaseModel], prefix: str = "CIVICREC_") -> Iterator[tuple[str, str, str]]:
    """Yield (variable, default, description) of each setting, groups flattened."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{prefix}{name.upper()}__")
        else:
            default = "required" if field.default is PydanticUndefined else repr(_plain(field.default))
            yield f"{prefix}{name.upper()}", default, field.description or ""


def _plain(value: Any) -> Any:
    return "" if value is None or "Secret" in type(value).__name__ else str(value) if isinstance(value, Path) else value


def settings_page() -> str:
    """Return docs/settings.md."""
    rows = [f"| `{name}` | `{default}` | {text} |" for name, default, text in settings_of(Settings)]
    return "\n".join([
        "# Settings", "", NOTE, "",
        "Environment variables, read once when a process starts; groups are joined with two underscores.",
        "A list is JSON, or words with commas: `https://a.gov.cn,https://b.gov.cn`.",
        "Portals are kept by `civicrec site add`, or in `CIVICREC_SITES`, JSON:",
        '`{"gz": {"key": "…", "api_key": "…", "scopes": ["events", "catalogue"],'
        ' "origins": ["https://www.example.gov.cn"]}}`;',
        "`key` signs subject tokens, `api_key` is for servers; `scopes` say what it may do: `events`, `catalogue`,"
        " `attributes` (`events` when not given);",
        "`shared_devices` true: its pages stand on terminals that many use, and nothing done before signing in counts.",
        "",
        "| variable | default | meaning |", "|---|---|---|", *rows, "",
    ])  # fmt: skip


def commands_of(group: Any, prefix: str = "civicrec") -> Iterator[tuple[str, Any]]:
    """Yield (full name, click command) of each command, depth first."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def commands_page() -> str:
    """Return docs/commands.md."""
    lines = [
        "# Commands", "", NOTE, "",
        "Data goes to stdout, words to stderr. Exit 0 is success, 1 a failure, 2 usage or configuration.", "",
    ]  # fmt: skip
    for name, command in commands_of(typer.main.get_command(app)):
        arguments = " ".join(_argument(p) for p in command.params if p.param_type_name == "argument")
        lines += [f"## `{name}{' ' + arguments if arguments else ''}`", "", (command.help or "").strip(), ""]
        options = [p for p in command.params if p.param_type_name == "option"]
        lines += [f"- `{' / '.join([*p.opts, *p.secondary_opts])}`: {p.help or ''}" for p in options]
        lines += [""] if options else []
    return "\n".join(lines)


def _argument(parameter: Any) -> str:
    word = (parameter.metavar or parameter.name.upper()) + ("…" if parameter.nargs == -1 else "")
    return word if parameter.required else f"[{word}]"


def retention_page() -> str:
    """Return docs/retention.md."""
    settings = Settings.model_construct()
    rows = [
        f"| {one.store} | `{one.name}` | {one.what} | {'yes' * one.personal} | {told(one, settings)} | "
        f"{f'`{one.setting}`' if one.setting else ''} | {one.by or 'nobody'} | {one.least_days or ''} |"
        for one in KEPT
    ]
    return "\n".join([
        "# How long data is kept", "", NOTE, "",
        "Each table, personal file, family of keys, topic and log, with the settings as they are when nothing is set.",
        "*persons*: whether it tells of single visitors, be it under pseudonyms. *least*: days that the law asks for",
        "(算法推荐管理规定 28(2), 网络安全法). `civicrec status` and `civicrec doctor` tell of a setting below it.",
        "",
        "| store | name | what | persons | how long | setting | removed by | least |",
        "|---|---|---|---|---|---|---|---|", *rows, "",
        "`civicrec subject erase` removes a person sooner. Backups have times of their own.", "",
    ])  # fmt: skip


def operations_page() -> str:
    """Return docs/operations.md with the table of the home's files as it is now."""
    rows = [
        f"| `{file.name}` | {file.what} | {file.writer} | {'yes' if file.personal else ''} | {file.lost} |"
        for file in FILES
    ]
    table = "\n".join(["| file | what | written by | persons | lost, it means |", "|---|---|---|---|---|", *rows])
    before, begin, rest = (FOLDER / "operations.md").read_text().partition("<!-- home: made by `make generate` -->\n")
    _, end, after = rest.partition("<!-- /home -->\n")
    return f"{before}{begin}{table}\n{end}{after}"


if __name__ == "__main__":
    (FOLDER / "settings.md").write_text(settings_page())
    (FOLDER / "commands.md").write_text(commands_page())
    (FOLDER / "retention.md").write_text(retention_page())
    (FOLDER / "operations.md").write_text(operations_page())
