from __future__ import annotations

from pathlib import Path

import pytest

from cxrun.errors import Problems
from cxrun.migrating.tables import Table, read_tables


def read(tmp_path: Path, text: str, columns: dict[str, tuple[str, ...]] | None = None) -> list[Table]:
    file = tmp_path / "it"
    file.write_text(text, encoding="utf-8")
    return read_tables(file, columns or {})


def cells(table: Table) -> list[dict[str, str]]:
    return [{name: cell.text for name, cell in row.cells.items()} for row in table.rows]


@pytest.mark.parametrize(
    "text",
    [
        "Call Result,Interval\nbusy,5\n,6\n",
        "call_result\tinterval\nbusy\t5\nNULL\t6\n",
        '"callResult";"INTERVAL"\r\n"busy";"5"\r\n"\\N";6\r\n',
        '[{"callResult": "busy", "interval": 5}, {"callResult": null, "interval": 6}]',
        '{"data": {"rows": [{"callResult": "busy", "interval": 5}, {"interval": 6, "callResult": ""}]}}',
        '<a><CfgTreatment callResult="busy" interval="5"/><CfgTreatment><interval>6</interval></CfgTreatment></a>',
        '<a><treatment><callResult value="busy"/><interval value="5"/></treatment><treatment interval="6"/></a>',
        "INSERT INTO t (call_result, interval) VALUES ('busy', 5), (NULL, 6);",
    ],
    ids=["csv", "tsv", "semicolons", "json list", "json nested", "xml", "xml values", "sql"],
)
def test_every_shape_gives_the_same_cells(tmp_path: Path, text: str) -> None:
    (table,) = read(tmp_path, text, {"t": ()})
    assert cells(table) == [{"callresult": "busy", "interval": "5"}, {"interval": "6"}]


def test_cells_know_their_place(tmp_path: Path) -> None:
    (csv,) = read(tmp_path, 'a,b\n"x, y",z\n')
    assert (csv.rows[0].cells["b"].mark.line, csv.rows[0].cells["b"].mark.column) == (2, 8)
    (json,) = read(tmp_path, '[{"a": 1,\n  "b": 2}]')
    assert (json.rows[0].cells["b"].mark.line, json.rows[0].cells["b"].mark.column) == (2, 3)
    (sql,) = read(tmp_path, "-- dump\nINSERT INTO t VALUES (1,2),\n (3,4);\n", {"t": ("a", "b")})
    assert (sql.rows[1].cells["b"].mark.line, sql.rows[1].cells["b"].mark.column) == (3, 5)


def test_quotes_and_signs_within_sql_text_are_text(tmp_path: Path) -> None:
    (table,) = read(
        tmp_path, r"INSERT INTO t VALUES ('it''s; (a, b)', 'c\'d\\', 'e -- f');", {"t": ("a", "b", "c")}
    )
    assert cells(table) == [{"a": "it's; (a, b)", "b": "c'd\\", "c": "e -- f"}]


def test_columns_of_a_dump_are_those_of_its_create_table(tmp_path: Path) -> None:
    text = (
        "CREATE TABLE `t` (\n `id` int(9) NOT NULL DEFAULT 1,\n `kind` enum('A','B') DEFAULT 'A',\n"
        " PRIMARY KEY (`id`),\n KEY `k` (`kind`)\n) ENGINE=MyISAM;\nINSERT INTO `t` VALUES (7,'B');\n"
    )
    (table,) = read(tmp_path, text, {"t": ("wrong",)})
    assert cells(table) == [{"id": "7", "kind": "B"}]


def test_sql_that_was_logged_as_text_is_not_read(tmp_path: Path) -> None:
    text = "INSERT INTO log VALUES (1,'INSERT INTO t VALUES (1);');\nINSERT INTO t VALUES (2);\n"
    (table,) = read(tmp_path, text, {"t": ("a",)})
    assert cells(table) == [{"a": "2"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1\n", "it:2:1: this row has 1 cells, the header names 2 columns; give each its cell"),
        ('[{"a": 1,]', "it:1:10: is not valid JSON: expecting property name enclosed in double quotes"),
        ("<a><b></a>", "it:1:9: is not valid XML: mismatched tag"),
        (
            '<?xml version="1.0" encoding="x-none"?><a/>',
            "it:1:1: cannot be read: unknown encoding: x-none; write it in UTF-8",
        ),
        ("<!DOCTYPE a><a/>", "it:1:12: a DOCTYPE is not read; remove it"),
        ("INSERT INTO t VALUES (1,2);", "it:1:22: is not valid SQL: 2 values stand here for 1 columns"),
        ("INSERT INTO t VALUES (1;", "it:1:24: is not valid SQL: , or ) is expected here"),
        ("INSERT INTO t SELECT 1;", "it:1:15: is not valid SQL: VALUES is expected here"),
        (
            "INSERT INTO u VALUES (1);",
            "it:1:13: the columns of u are not named; dump its CREATE TABLE too, or use --complete-insert",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Problems) as caught:
        read(tmp_path, text, {"t": ("a",), "u": ()})
    assert str(caught.value) == message.replace("it:", f"{tmp_path / 'it'}:", 1)
