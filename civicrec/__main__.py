"""``python -m civicrec`` is the ``civicrec`` command, which is installed with the package and stands above it."""

from __future__ import annotations

from importlib.metadata import entry_points

if __name__ == "__main__":
    next(iter(entry_points(group="console_scripts", name="civicrec"))).load()()
