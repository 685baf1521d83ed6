"""Pages and feeds as text, in whatever encoding they came: UTF-8, or what Chinese servers have sent since before it.

In: bytes, and what the head of the answer says. Out: text.
"""

from __future__ import annotations

import codecs
import re

#: In the first line of XML, and in the head of a page.
_DECLARED = re.compile(rb"(?:encoding|charset)\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_HEAD = 4_096
#: Of each its superset, which is what servers that name it send.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "big5": "big5hkscs", "ascii": "utf-8"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def text_of(body: bytes, charset: str = "") -> str:
    """Return the text of a body; characters that no encoding it may be in can read become U+FFFD.

    What is declared in the body comes before what the head of the answer says, which is a server's habit; and either
    holds only if the whole body can be read by it.

    Examples
    --------
    >>> text_of('<?xml version="1.0" encoding="gb2312"?><a>公积金</a>'.encode("gbk"))[-10:]
    '<a>公积金</a>'
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace").removeprefix("\ufeff")
    declared = _DECLARED.search(body[:_HEAD])
    named = [_known(declared[1].decode("ascii", "replace")) if declared else "", _known(charset)]
    names = list(dict.fromkeys(name for name in (*named, "utf-8", "gb18030") if name))
    for name in names:
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    return body.decode(names[0], "replace")


def _known(name: str) -> str:
    """Return the encoding of a name, empty if there is none that reads text."""
    try:
        found = codecs.lookup(name.strip()).name if name.strip() else ""
        b"".decode(found or "utf-8")
    except (LookupError, UnicodeError, ValueError):
        return ""
    # One that takes any byte would hide that it is wrong.
    return "" if found in ("iso8859-1", "cp1252") else _SUPERSETS.get(found, found)
