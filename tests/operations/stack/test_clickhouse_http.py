import gzip
import zlib
from time import process_time

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from operations.stack.clickhouse_http import BadRequest, answer_format, decoded, parse, status_of
from operations.stack.engine import EngineError, engine_error, quoted


def test_sql_comes_from_the_body() -> None:
    statement = parse("database=civicrec", {}, b"SELECT 1 FORMAT Native")
    assert (statement.sql, statement.database, statement.body) == ("SELECT 1 FORMAT Native", "civicrec", None)


def test_sql_of_the_address_comes_before_the_body() -> None:
    assert parse("query=SELECT+1", {}, b"+ 1").sql == "SELECT 1\n+ 1"


@given(rows=st.binary(max_size=400))
def test_rows_of_an_insert_are_taken_byte_for_byte(rows: bytes) -> None:
    in_body = parse("", {}, b"INSERT INTO t (`a`) FORMAT Native\n" + rows)
    in_address = parse("query=INSERT+INTO+t+(%60a%60)+FORMAT+Native", {}, rows)
    for statement in (in_body, in_address):
        assert (statement.sql, statement.format, statement.body) == ("INSERT INTO t (`a`)", "Native", rows)


@pytest.mark.parametrize(
    "sql", ["INSERT INTO t VALUES (1)", "INSERT INTO t SELECT 1", "insert into t format values (1)"]
)
def test_an_insert_without_rows_after_it_is_an_ordinary_statement(sql: str) -> None:
    statement = parse("", {}, sql.encode())
    assert (statement.sql, statement.body) == (sql, None)


def test_words_of_the_interface_are_not_settings() -> None:
    words = (
        "database=d&query_id=1&wait_end_of_query=1&session_id=s&max_threads=1&param_a=x&insert_deduplication_token=t"
    )
    statement = parse(words, {}, b"SELECT {a:String}")
    assert statement.settings == {"max_threads": "1", "insert_deduplication_token": "t"}
    assert statement.parameters == {"a": "x"}


def test_a_form_carries_sql_and_parameters() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xe4\xb8\xad\r\n--b--\r\n'
    )
    statement = parse("", {"content-type": "multipart/form-data; boundary=b"}, body)
    assert (statement.sql, statement.parameters) == ("SELECT {a:String}", {"a": "中"})


def test_external_data_is_refused_by_name() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="ext"; filename="f"\r\n\r\n1\r\n--b--\r\n'
    with pytest.raises(BadRequest, match="external data"):
        parse("query=SELECT+1", {"Content-Type": "multipart/form-data; boundary=b"}, body)


FORM = "multipart/form-data; boundary=b"
FIELD = b"--b\r\nContent-Disposition: form-data; name=query"
BROKEN_FORMS = {
    "no boundary": ("multipart/form-data", b"abc"),
    "a boundary that does not come": (FORM, b"abc"),
    "an empty boundary": ('multipart/form-data; boundary="', b"--"),
    "a form in a form": (FORM, b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b--"),
    "forms in forms without end": (
        "multipart/form-data; boundary=b0",
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(3_000)),
    ),
    "mails in mails": (FORM, b"--b\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 3_000),
    "words without end": (FORM, FIELD + b"; a=b" * 200_000 + b"\r\n\r\n1\r\n--b--"),
    "no SQL": (FORM, b"--b\r\n\r\n\r\n--b--"),
}


@pytest.mark.parametrize("name", BROKEN_FORMS)
def test_a_form_that_is_none_is_a_bad_request_at_once(name: str) -> None:
    kind, body = BROKEN_FORMS[name]
    began = process_time()
    with pytest.raises(BadRequest) as refused:
        parse("", {"Content-Type": kind}, body)
    assert refused.value.status == 400
    assert process_time() - began < 2  # a tenth of a second; the words without end took five


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("lz4", lz4.frame.compress),
        ("zstd", zstd.compress),
        ("", bytes),
    ],
)
def test_every_encoding_of_the_client_is_undone(encoding: str, encode) -> None:
    assert decoded(encode("你好".encode() * 99), encoding, 1_000) == "你好".encode() * 99


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 400), ("lz4", 400), ("zstd", 400), ("br", 415)])
def test_broken_or_unknown_encoding_is_answered(encoding: str, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        decoded(b"not packed", encoding, 1_000)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("lz4", lz4.frame.compress), ("zstd", zstd.compress)],
)
def test_a_body_is_unpacked_whole_and_within_bounds_or_not_at_all(encoding: str, encode) -> None:
    assert len(decoded(encode(bytes(1_000)), encoding, 1_000)) == 1_000
    packed = encode(bytes(300))
    for body, status in ((encode(bytes(1_001)), 413), (encode(bytes(50_000_000)), 413), (packed[:-3], 400),
                         (packed + packed, 400), (packed + b"x", 400)):  # fmt: skip
        with pytest.raises(BadRequest) as caught:
            decoded(body, encoding, 1_000)
        assert caught.value.status == status


def test_readonly_is_a_promise_and_no_setting() -> None:
    for word, promised in (("1", True), ("2", True), ("0", False), ("", False)):
        statement = parse(f"readonly={word}&max_threads=1", {}, b"SELECT 1")
        assert (statement.readonly, statement.settings) == (promised, {"max_threads": "1"})


def test_nothing_to_run_is_answered() -> None:
    with pytest.raises(BadRequest, match="no SQL"):
        parse("database=civicrec", {}, b" \n")


def test_format_named_in_the_sql_wins() -> None:
    assert answer_format(parse("default_format=CSV", {}, b"SELECT 1\n FORMAT Native")) == "Native"
    assert answer_format(parse("default_format=CSV", {}, b"SELECT 1")) == "CSV"


def test_code_and_status_are_read_from_the_engines_words() -> None:
    error = engine_error(RuntimeError("Streaming insert failed: Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)"))
    assert (error.code, status_of(error)) == (60, 404)
    assert error.message.startswith("Code: 60.")
    assert status_of(EngineError(999_999, "")) == 500
    assert engine_error(RuntimeError("odd")).code == 1002


def test_a_string_literal_cannot_be_left() -> None:
    assert quoted("a'b\\") == "'a\\'b\\\\'"
