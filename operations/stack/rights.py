"""What the engine itself refuses to everybody: files, addresses, programs, and settings beyond their bounds.

In: the engine's data folder. Out: the address under which chDB opens it, with these rights in force. chDB is
clickhouse-local inside, which gives its only user every right; a configuration of our own gives it two roles, of which
a connection may keep one: `full` lacks the sources (``file()``, ``url()``, ``s3()`` and their kin, known and to come),
`ANALYST_ROLE` reads the analysts' views alone. Settings are bounded. What no right covers is refused before it reaches
the engine, by `operations.stack.statements`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from uuid import uuid4

from civicrec.process.atomic_files import replace_file
from civicrec.warehouse.analysts import DATABASE

#: Setting → least and greatest value anybody may ask for; 0, no limit, is below each. The greatest is the default:
#: one wild query must not take the whole machine.
BOUNDS = {
    "max_memory_usage": (1, 4 << 30),
    "max_result_bytes": (1, 1 << 30),
    "max_query_size": (1, (4 << 20) + 1),
    "max_execution_time": (1, 3_600),
}
#: Settings that name files or addresses, and those under which a statement never ends, whatever its time: 0 between two
#: looks at its progress, and a statement that is run again with changes.
FIXED = (
    "format_schema", "output_format_schema", "format_template_row", "format_template_resultset",
    "format_avro_schema_registry_url", "interactive_delay", "ast_fuzzer_runs",
)  # fmt: skip
#: The engine's role that reads the analysts' views and nothing else; a connection takes it on with SET ROLE.
ANALYST_ROLE = "analyst"
#: The database that clickhouse-local makes over the working folder: its tables are files. Out of the way, and unusable.
_FILES = "_files"

_USERS = f"""<clickhouse>
  <profiles><default>
    {"".join(f"<{name}>{high}</{name}>" for name, (_, high) in BOUNDS.items())}
    <constraints>
      {"".join(f"<{name}><min>{low}</min><max>{high}</max></{name}>" for name, (low, high) in BOUNDS.items())}
      {"".join(f"<{name}><const/></{name}>" for name in FIXED)}
    </constraints>
  </default></profiles>
  <roles>
    <full><grants>
      <query>GRANT ALL ON *.*</query>
      <query>REVOKE SOURCES ON *.*</query>
      <query>REVOKE NAMED COLLECTION ADMIN ON *</query>
    </grants></full>
    <{ANALYST_ROLE}><grants><query>GRANT SELECT ON {DATABASE}.*</query></grants></{ANALYST_ROLE}>
  </roles>
  <users><default>
    <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants><query>GRANT full</query><query>GRANT {ANALYST_ROLE}</query></grants>
  </default></users>
  <quotas><default/></quotas>
</clickhouse>
"""
#: What parts were merged from stays for a minute: what was merged may be damaged (`operations.stack.parts`). It is
#: synced, too. By default chDB removes the one at once and does not do the other.
_CONFIG = f"""<clickhouse>
  <default_database>{_FILES}</default_database>
  <user_directories><users_xml><path>{{users}}</path></users_xml></user_directories>
  <merge_tree>
    <old_parts_lifetime>60</old_parts_lifetime>
    <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
  </merge_tree>
  <storage_configuration><disks><default>
    <keep_free_space_bytes>{{spare}}</keep_free_space_bytes>
  </default></disks></storage_configuration>
</clickhouse>
"""


def engine_address(folder: Path, kept: Mapping[str, str] | None = None, spare_mb: int = 0) -> str:
    """Prepare the data folder and return what chDB opens; with `kept`, a reader's: these settings hold, for good.

    Of the disk, `spare_mb` are left to others: inserts are refused and merges put off before that.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _own_default_database(folder / "metadata")
    place = _plainly_named(folder.parent)
    replace_file(folder.parent / "users.xml", _USERS.encode())
    replace_file(
        folder.parent / "engine.xml", _CONFIG.format(users=f"{place}/users.xml", spare=spare_mb << 20).encode()
    )
    words = {"config-file": f"{place}/engine.xml", **({**kept, "readonly": "1"} if kept else {})}
    return f"{place}/{folder.name}?" + "&".join(f"{name}={value}" for name, value in words.items())


def _own_default_database(metadata: Path) -> None:
    """Make ``default`` an ordinary database, under the same identity, so with the same tables.

    clickhouse-local makes it itself at each start, from the link alone, and over the files of the working folder.
    """
    definition, link = metadata / "default.sql", metadata / "default"
    if not definition.exists():
        metadata.mkdir(exist_ok=True)
        uuid = Path(os.readlink(link)).name if link.is_symlink() else uuid4()
        replace_file(definition, f"ATTACH DATABASE _ UUID '{uuid}'\nENGINE = Atomic\n".encode())
    if link.is_symlink():  # made again by the engine when it attaches the database
        link.unlink()


@cache
def _plainly_named(folder: Path) -> str:
    """Return a path without what means something in an address or in XML, whatever the folder is called."""
    path = str(folder.resolve())
    if re.fullmatch(r"[\w./-]+", path, re.ASCII):
        return path
    # Open as long as the process lives, as the engine's own files are.
    return f"/proc/self/fd/{os.open(folder, os.O_PATH | os.O_DIRECTORY)}"
