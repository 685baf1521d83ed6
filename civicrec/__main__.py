"""``python -m civicrec`` is the ``civicrec`` command."""

from __future__ import annotations

from civicrec.cli import main

if __name__ == "__main__":
    main()
