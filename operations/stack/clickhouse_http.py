"""ClickHouse's HTTP interface as pure functions: a request becomes a `Statement`, an error becomes a status.

In: query string, headers, body. Out: what the engine runs. Nothing here does IO.
https://clickhouse.com/docs/en/interfaces/http
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

from operations.stack.engine import EngineError, Statement

#: Words of the HTTP interface itself, which the engine does not know as settings.
_NOT_SETTINGS = frozenset(
    {
        "query", "database", "default_format", "user", "password", "quota_key", "query_id", "session_id",
        "session_timeout", "session_check", "compress", "decompress", "wait_end_of_query", "buffer_size", "role",
        "client_protocol_version", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
        "enable_http_compression", "readonly", "cancel_http_readonly_queries_on_client_close", "stacktrace",
    }
)  # fmt: skip
#: An INSERT whose rows follow the statement; only its head is looked at, rows may be gigabytes.
_INSERT = re.compile(rb"\s*(INSERT\s+INTO\s.+?)\sFORMAT\s+(\w+)[ \t]*(?:\r?\n|;|$)", re.IGNORECASE | re.DOTALL)
_INSERT_HEAD = 64 * 1024
#: Longest body of one request, as it comes and unpacked.
MAX_BODY_BYTES = 256 << 20
#: Longest words about one field of a form; they are taken apart in quadratic time.
_FIELD_HEAD = 1_000
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)

#: HTTP status by ClickHouse code, as ClickHouse's own server answers; 500 for the rest.
_STATUS = {
    **dict.fromkeys((6, 26, 27, 33, 36, 38, 41, 43, 46, 47, 50, 53, 62, 69, 70, 72, 115, 117, 131, 386, 456, 457), 400),
    **dict.fromkeys((16, 60, 81), 404),
    159: 408,
    **dict.fromkeys((164, 497), 403),
    **dict.fromkeys((202, 210), 503),
    **dict.fromkeys((158, 307, 396), 413),
}


class BadRequest(Exception):
    """The request is not one this interface understands; `status` is the HTTP answer, `code` ClickHouse's number."""

    def __init__(self, status: int, message: str, code: int = 0) -> None:
        super().__init__(status, message, code)
        self.status = status
        self.message = message
        self.code = code


def status_of(error: EngineError) -> int:
    """Return the HTTP status that goes with an engine error."""
    return _STATUS.get(error.code, 500)


def answer_format(statement: Statement) -> str:
    """Return the name of the format the answer is in."""
    match = _FORMAT.search(statement.sql[-200:])
    return match.group(1) if match else statement.format


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """Undo ``Content-Encoding``, up to a length.

    Raises
    ------
    BadRequest
        If the encoding is unknown, or the bytes are not one whole piece of it, or too many.
    """
    unpacker: Any
    match encoding.lower():
        case "" | "identity":
            return body
        case "gzip" | "deflate":
            unpacker = zlib.decompressobj(wbits=47)  # 32 + 15: take a gzip or a zlib header, whichever is there
        case "lz4":
            import lz4.frame

            unpacker = lz4.frame.LZ4FrameDecompressor()
        case "zstd":
            from backports import zstd

            unpacker = zstd.ZstdDecompressor()
        case _:
            raise BadRequest(415, f"got Content-Encoding {encoding!r}; expected lz4, zstd, gzip, deflate or none")
    try:
        plain: bytes = unpacker.decompress(body, most + 1)
    except Exception as error:  # each library has an error type of its own
        raise BadRequest(400, f"the body is not {encoding}: {error}") from error
    if len(plain) > most:
        raise BadRequest(413, f"the body unpacks to more than {most} bytes; send it in several inserts")
    if not unpacker.eof or unpacker.unused_data:
        raise BadRequest(400, f"the body is not one whole piece of {encoding}; it was cut off, or several follow")
    return plain


def parse(query_string: str, headers: Mapping[str, str], body: bytes, most: int = MAX_BODY_BYTES) -> Statement:
    """Turn one request into a statement; `most` bounds the body as it is unpacked.

    The SQL is the ``query`` word of the address, then the body; an INSERT with a FORMAT takes what follows as rows.

    Raises
    ------
    BadRequest
        If there is no SQL, or a part of the interface is asked for that the gateway does not have.
    """
    headers = {name.title(): value for name, value in headers.items()}
    words = dict(parse_qsl(query_string, keep_blank_values=True))
    body = decoded(body, headers.get("Content-Encoding", ""), most)
    kind = headers.get("Content-Type", "")
    if kind.startswith("multipart/form-data"):
        words.update(_form(kind, body))
        body = b""
    parameters = {name[6:]: value for name, value in words.items() if name.startswith("param_")}
    settings = {
        name: value for name, value in words.items() if name not in _NOT_SETTINGS and not name.startswith("param_")
    }
    database = words.get("database") or headers.get("X-Clickhouse-Database") or "default"
    # A promise of the caller's, kept here: as a setting it could not be taken back from the engine's connection.
    readonly = words.get("readonly", "0") not in ("", "0")
    sql = words.get("query", "")
    head = f"{sql}\n".encode() if sql else b""
    insert = _INSERT.match(head + body[:_INSERT_HEAD])
    if insert is not None and insert.group(2).upper() != b"VALUES":
        rows = body[max(0, insert.end() - len(head)) :]
        return Statement(
            insert.group(1).decode(), insert.group(2).decode(), rows, parameters, settings, database, readonly
        )
    text = (head + body).decode() if body else sql
    if not text.strip():
        raise BadRequest(400, "got no SQL; expected it in the body or in ?query=")
    output = words.get("default_format", "TabSeparated")
    return Statement(text, output, None, parameters, settings, database, readonly, _plain_id(words.get("query_id", "")))


def _plain_id(query_id: str) -> str:
    return query_id if re.fullmatch(r"[\w-]{1,64}", query_id, re.ASCII) else ""


def _form(kind: str, body: bytes) -> dict[str, str]:
    try:
        form = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    except RecursionError:
        raise BadRequest(400, "the form holds forms in forms; expected fields of text") from None
    if not form.is_multipart():
        raise BadRequest(400, "the form cannot be taken apart: its boundary is not named, or does not come")
    words: dict[str, str] = {}
    for part in form.get_payload():
        if len(part.get("content-disposition", "")) > _FIELD_HEAD:  # type: ignore[union-attr]
            raise BadRequest(400, f"a field of the form has a head of more than {_FIELD_HEAD} characters")
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        if part.get_filename() is not None:  # type: ignore[union-attr]
            raise BadRequest(400, f"external data ({name}) is not supported by the embedded warehouse; use a join")
        content = part.get_payload(decode=True)  # type: ignore[union-attr]
        if not isinstance(content, bytes):
            raise BadRequest(400, f"field {name} of the form is a form itself; expected text")
        words[str(name)] = content.decode()
    return words
