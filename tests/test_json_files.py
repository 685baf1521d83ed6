"""Files of objects as systems export them: each object comes out with its line, or the file is refused once."""

import gzip
import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from civicrec.json_files import objects_in

ROWS = [{"标题": f"第{n}号公告", "内容": "正文" * n} for n in range(1, 4)]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)


def read(content: bytes) -> list[tuple[int, Any]]:
    return [(line, json.loads(text)) for line, text in objects_in(BytesIO(content)) if text.strip()]


def values(content: bytes) -> list[Any]:
    return [value for _, value in read(content)]


ARRAYS = {
    "one line": json.dumps(ROWS, ensure_ascii=False),
    "pretty": json.dumps(ROWS, ensure_ascii=False, indent=2),
    "an object a line": "[\n" + LINES.replace("\n", ",\n") + "\n]\n",
    "lines": LINES,
    "lines of Windows": LINES.replace("\n", "\r\n"),
    "lines set in": LINES.replace("{", "   {"),
    "objects spread over lines": "\n".join(json.dumps(row, ensure_ascii=False, indent=1) for row in ROWS),
}


@pytest.mark.parametrize("shape", ARRAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_shape_in_every_encoding_gives_the_same_rows(shape: str, encoding: str, pack: Any) -> None:
    assert values(pack(ARRAYS[shape].encode(encoding))) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("callback(", ");\n"),
        ("/**/ typeof jQuery11_2 === 'function' && jQuery11_2(\n", "\n)"),
        ("var data = ", ";"),
        ("window.__DATA__ = ", " ;\r\n"),
        ('app.show({"code": 0, "data": ', "})"),
        (")]}',\n", ""),
    ],
)
def test_what_a_script_puts_around_its_data_is_left_out(before: str, behind: str, encoding: str) -> None:
    assert values(f"{before}{ARRAYS['one line']}{behind}".encode(encoding)) == ROWS


def test_each_object_comes_with_the_line_on_which_it_begins() -> None:
    assert [line for line, _ in read(ARRAYS["pretty"].encode())] == [2, 6, 10]
    assert [line for line, _ in read(ARRAYS["an object a line"].encode())] == [2, 3, 4]
    assert [line for line, _ in read(ARRAYS["objects spread over lines"].encode())] == [1, 5, 9]
    assert [line for line, _ in read(b"\n\n" + LINES.encode())] == [3, 4, 5]


def test_a_mark_of_byte_order_in_the_middle_of_two_files_put_together_is_passed_over() -> None:
    assert values(2 * ("\ufeff" + LINES + "\n").encode()) == ROWS * 2


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_first_line_longer_than_what_is_looked_at_is_read_in_its_encoding(encoding: str) -> None:
    rows = [{"内容": "a" * n + "政务公开" * 30_000} for n in range(4)]
    for row in rows:
        assert values(json.dumps(row, ensure_ascii=False).encode(encoding)) == [row]


def test_a_damaged_line_is_no_other_encoding() -> None:
    content = LINES.encode().replace("第2号".encode(), b"\xff\xfe")
    assert [text for _, text in objects_in(BytesIO(content))][0].decode().strip() == LINES.split("\n")[0]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"PK\x03\x04....", "office workbook"),
        (b"\xd0\xcf\x11\xe0....", "old office workbook"),
        (gzip.compress(LINES.encode(), mtime=0)[:-9], "gzip and damaged"),
        (LINES.encode("utf-32"), "UTF-32"),
        (ARRAYS["pretty"].encode()[:-5], "JSON array"),
        (ARRAYS["objects spread over lines"].encode()[:-5], "spread over lines"),
        ((LINES.encode("utf-16")[:-1]), "UTF-16"),
        (b"a\0b\nc\0d\n", "NUL"),
    ],
)
def test_what_is_no_such_file_is_refused_once_by_name(content: bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        list(objects_in(BytesIO(content)))


@given(st.binary(max_size=200))
def test_no_content_however_broken_raises_anything_else(content: bytes) -> None:
    try:
        lines = [line for line, _ in objects_in(BytesIO(content))]
    except InvalidInput:
        return
    assert lines == sorted(lines)
