import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.summary import QuerySummary
from hypothesis import given, settings
from hypothesis import strategies as st

import civicrec
from civicrec.clock import to_ms
from civicrec.errors import InvalidInput, Unavailable
from civicrec.settings import WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import free_ports

pytestmark = pytest.mark.stack

AT = datetime(2026, 1, 31, 8, 0, 0, 123_000, UTC)
VALUES = {
    "an_uuid": [str(uuid.UUID(int=1)), str(uuid.UUID(int=2**128 - 1))],
    "a_word": ["click", ""],
    "a_text": ["高校毕业生 🎓 'quoted' \\ \t\n", "\x00"],
    "a_time": [AT, AT + timedelta(milliseconds=1)],
    "a_day": [date(2026, 1, 31), date(1970, 1, 1)],
    "a_flag": [0, 255],
    "a_small": [None, 65_535],
    "a_count": [0, 2**64 - 1],
    "a_ratio": [None, -1e6],
    "a_list": [["a", "b"], []],
}


@pytest.fixture
def table(warehouse: ClickHouseWarehouse) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex}"
    warehouse.command(
        f"CREATE TABLE {name} (an_uuid UUID, a_word LowCardinality(String), a_text String, a_time DateTime64(3, 'UTC'),"
        " a_day Date, a_flag UInt8, a_small Nullable(UInt16), a_count UInt64, a_ratio Nullable(Float64),"
        " a_list Array(String)) ENGINE = MergeTree ORDER BY an_uuid"
        " SETTINGS non_replicated_deduplication_window = 100"
    )
    yield name
    warehouse.command(f"DROP TABLE {name}")


def test_every_column_type_comes_back_as_it_went_in(warehouse: ClickHouseWarehouse, table: str) -> None:
    assert warehouse.insert(table, VALUES) == 2
    rows = warehouse.rows(f"SELECT * FROM {table} ORDER BY a_count")
    assert [str(row.pop("an_uuid")) for row in rows] == VALUES["an_uuid"]
    rest = {name: values for name, values in VALUES.items() if name != "an_uuid"}
    assert rows == [{name: values[i] for name, values in rest.items()} for i in range(2)]


def test_epoch_milliseconds_and_datetimes_are_the_same_time(warehouse: ClickHouseWarehouse, table: str) -> None:
    for given_as in ([AT], [to_ms(AT)], np.array([to_ms(AT)]), np.array([to_ms(AT)], dtype="datetime64[ms]")):
        warehouse.insert(table, {"a_time": given_as})
    rows = warehouse.rows(f"SELECT a_time FROM {table}")
    assert rows == [{"a_time": AT}] * 4
    assert rows[0]["a_time"].tzinfo is not None


def test_numpy_arrays_of_any_width_are_taken(warehouse: ClickHouseWarehouse, table: str) -> None:
    columns = {"a_count": np.arange(3), "a_ratio": np.ones(3, np.float32), "a_word": np.array(["x", "中", ""])}
    warehouse.insert(table, {**columns, "a_flag": np.arange(3, dtype=np.uint8)})
    answer = warehouse.query(f"SELECT a_count, a_ratio, a_word, a_flag FROM {table} ORDER BY a_count")
    assert answer.to_pydict() == {
        "a_count": [0, 1, 2],
        "a_ratio": [1.0] * 3,
        "a_word": ["x", "中", ""],
        "a_flag": [0, 1, 2],
    }


def test_a_token_inserts_once(warehouse: ClickHouseWarehouse, table: str) -> None:
    for token in ("log:1-2:t", "log:1-2:t", "log:3-4:t"):
        warehouse.insert(table, VALUES, token=token)
    assert warehouse.rows(f"SELECT count() AS n FROM {table}") == [{"n": 4}]


def test_an_empty_batch_is_nothing(warehouse: ClickHouseWarehouse, table: str) -> None:
    assert warehouse.insert(table, {"a_count": []}) == 0


def test_an_empty_answer_has_its_columns(warehouse: ClickHouseWarehouse, table: str) -> None:
    answer = warehouse.query(f"SELECT a_word, a_count FROM {table}")
    assert (answer.num_rows, answer.column_names) == (0, ["a_word", "a_count"])
    assert warehouse.rows(f"SELECT a_word FROM {table}") == []


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200), number=st.integers(0, 2**63)
)
def test_parameters_are_values_not_sql(text: str, number: int) -> None:
    rows = _SHARED["warehouse"].rows("SELECT {a:String} AS a, {b:UInt64} AS b", {"a": text, "b": number})
    assert rows == [{"a": text, "b": number}]


_SHARED: dict[str, ClickHouseWarehouse] = {}


@pytest.fixture(autouse=True)
def _share(warehouse: ClickHouseWarehouse) -> None:
    _SHARED["warehouse"] = warehouse  # hypothesis takes no function-scoped fixture


def test_long_lists_and_times_are_parameters_too(warehouse: ClickHouseWarehouse) -> None:
    many = [f"item-{i}-政策" for i in range(5_000)]  # beyond what fits an address: the client sends a form
    sql = "SELECT length({a:Array(String)}) AS n, {a:Array(String)}[5000] AS last, {t:DateTime64(3, 'UTC')} AS t"
    assert warehouse.rows(sql, {"a": many, "t": AT}) == [{"n": 5_000, "last": many[-1], "t": AT}]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT * FROM nowhere", "Code: 60.*UNKNOWN_TABLE"),
        ("SELEC 1 x y", "Code: 62.*SYNTAX_ERROR"),
        ("SELECT {a:UInt8}", "Code: 456.*UNKNOWN_QUERY_PARAMETER"),
        ("SELECT throwIf(1, '糟糕')", "Code: 395.*糟糕"),
    ],
)
def test_a_refused_statement_says_why(warehouse: ClickHouseWarehouse, sql: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"the warehouse refused .*{says}") as caught:
        warehouse.rows(sql)
    assert "\n" not in str(caught.value)
    assert warehouse.rows("SELECT 1 AS one") == [{"one": 1}]  # the connection is as good as before


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"a_colour": [1]}, "has no column 'a_colour'; it has an_uuid"),
        ({"a_word": ["a"], "a_text": []}, "expected one length"),
        ({"an_uuid": ["x"]}, "cannot insert into"),
        ({"a_small": [70_000]}, "a_small"),
        ({"a_word": [1]}, "cannot insert into"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(warehouse: ClickHouseWarehouse, table: str, columns, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        warehouse.insert(table, columns)
    assert warehouse.rows(f"SELECT count() AS n FROM {table}") == [{"n": 0}]


def test_an_unknown_table_is_refused(warehouse: ClickHouseWarehouse) -> None:
    with pytest.raises(InvalidInput, match="UNKNOWN_TABLE"):
        warehouse.insert("nowhere", {"a": [1]})


def test_a_slow_query_is_ended_by_its_time_limit(where: WarehouseSettings) -> None:
    hasty = ClickHouseWarehouse(where.model_copy(update={"timeout_s": 1.0}))
    with pytest.raises(Unavailable):
        hasty.rows("SELECT sleepEachRow(0.5) FROM numbers(20) SETTINGS max_block_size = 1")
    hasty.close()


def test_nobody_there_is_unavailable() -> None:
    absent = ClickHouseWarehouse(WarehouseSettings(port=free_ports(1)[0], timeout_s=1))
    for call in (lambda: absent.rows("SELECT 1"), lambda: absent.insert("t", {"a": [1]}), absent.create_database):
        with pytest.raises(Unavailable, match=r"the warehouse at 127\.0\.0\.1:\d+ does not answer"):
            call()
    assert not absent.ping()


def test_a_missing_database_is_unavailable_not_wrong(where: WarehouseSettings) -> None:
    other = ClickHouseWarehouse(where.model_copy(update={"database": "not_yet"}))
    with pytest.raises(Unavailable, match="no database 'not_yet' yet"):
        other.rows("SELECT 1")


def test_one_warehouse_serves_many_threads(warehouse: ClickHouseWarehouse, table: str) -> None:
    faults: list[BaseException] = []

    def write(n: int) -> None:
        try:
            for i in range(10):
                warehouse.insert(table, {"a_count": [n * 100 + i] * 50}, token=f"{n}-{i}")
        except BaseException as error:
            faults.append(error)

    def read() -> None:
        try:
            for i in range(30):
                assert warehouse.rows("SELECT {i:UInt64} AS i, sum(a_flag) AS s FROM " + table, {"i": i}) == [
                    {"i": i, "s": 0}
                ]
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)] + [
        threading.Thread(target=read) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert warehouse.rows(f"SELECT count() AS n, uniqExact(a_count) AS u FROM {table}") == [{"n": 1_500, "u": 30}]


def test_a_notebook_connects_in_one_line(where: WarehouseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVICREC_WAREHOUSE__URL", where.endpoint.url)  # of whatever home
    for name in ("user", "database"):
        monkeypatch.setenv(f"CIVICREC_WAREHOUSE__{name.upper()}", str(getattr(where, name)))
    monkeypatch.setenv("CIVICREC_WAREHOUSE__PASSWORD", where.password.get_secret_value())
    assert civicrec.connect().rows("SELECT 1 AS one") == [{"one": 1}]


def test_an_insert_of_which_less_was_written_than_sent_is_not_done(
    warehouse: ClickHouseWarehouse, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(context: InsertContext, **_: object) -> QuerySummary:
        return QuerySummary({"written_rows": "1"})

    monkeypatch.setattr(warehouse._connected(), "insert", short)
    with pytest.raises(Unavailable, match="stored 1 of 2 rows"):
        warehouse.insert(table, VALUES)


def test_an_insert_again_under_its_token_is_done(warehouse: ClickHouseWarehouse, table: str) -> None:
    for _ in range(2):
        assert warehouse.insert(table, VALUES, token="the-same") == 2
    assert warehouse.rows(f"SELECT count() AS n FROM {table}") == [{"n": 2}]


def test_a_command_tells_how_many_rows_it_wrote(warehouse: ClickHouseWarehouse, table: str) -> None:
    assert warehouse.command(f"INSERT INTO {table} (a_count) SELECT number FROM numbers(7)") == 7
