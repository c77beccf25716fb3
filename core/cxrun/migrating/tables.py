"""Tables as other systems export them: delimited text, SQL, XML or JSON, each cell with its place.

Names of columns are squeezed to small letters and digits, so that `Call Result`, `call_result` and `callResult`
are one. NULL and \\N are empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from cxrun.errors import Mark, Problem, Problems, UserError
from cxrun.listfile import rows, sniff
from cxrun.yamlfile import Document, parse

_XML_OBJECTS: Final = frozenset({"cfgtreatment", "treatment"})
_NULL: Final = frozenset({"NULL", "\\N"})
_STATEMENT: Final = re.compile(
    r"^[ \t]*(?P<verb>INSERT(?:\s+IGNORE)?\s+INTO|REPLACE\s+INTO|CREATE\s+TABLE(?:\s+IF\s+NOT\s+EXISTS)?)\s+"
    r"(?:[`\"]?\w+[`\"]?\.)?[`\"]?(?P<table>\w+)[`\"]?",
    re.IGNORECASE | re.MULTILINE,
)
"""A statement begins a line, so that SQL that was logged as text is not taken for one."""
_TOKEN: Final = re.compile(
    r"(?P<space>\s+|--[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")"
    r"|(?P<word>`[^`]+`|[^\s'\"`(),;]+)|(?P<sign>.)",
    re.DOTALL,
)
_NO_COLUMN: Final = frozenset(
    {"PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FULLTEXT", "FOREIGN", "SPATIAL"}
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


class Cell(NamedTuple):
    """A value as written, and where."""

    text: str
    mark: Mark


class Row(NamedTuple):
    """One object of the source: its place and its cells by squeezed name; cells without text are left out."""

    mark: Mark
    cells: Mapping[str, Cell]


class Table(NamedTuple):
    """Rows of one kind. `name` is empty where the file does not say it; `columns` are as written."""

    name: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    mark: Mark


def squeezed(name: str) -> str:
    """Return a name in small letters and digits alone."""
    return re.sub("[^a-z0-9]", "", name.lower())


def read_tables(file: Path, sql_columns: Mapping[str, Sequence[str]]) -> list[Table]:
    """Read the tables of a file; of SQL only those named in `sql_columns`.

    Its values are the columns of a table whose dump does not name them, empty if that cannot be known. Raises
    UserError for a file that cannot be read, and Problems.
    """
    head = text_of(file)[:4096].lstrip("\ufeff \t\r\n")
    if head.startswith("<"):
        return list(_xml(file))
    if head.startswith(("[", "{")):
        return list(_json(file))
    if head.startswith(("--", "/*")) or _STATEMENT.search(head):
        return list(_sql(file, sql_columns))
    return [_delimited(file)]


def text_of(file: Path) -> str:
    """The text of a file, UTF-8 or else Windows-1252. Raises UserError."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("windows-1252", errors="replace")


def _row(mark: Mark, cells: Mapping[str, Cell]) -> Row:
    return Row(mark, {squeezed(name): cell for name, cell in cells.items() if cell.text})


def _delimited(file: Path) -> Table:
    form = sniff(file)
    with file.open(encoding=form.encoding.replace("utf-8", "utf-8-sig"), newline="") as stream:
        lines = stream.readlines()
    columns = {squeezed(name): name for name in form.header}
    found: list[Row] = []
    problems: list[Problem] = []
    for line, values in rows(file, form):
        mark = Mark(str(file), line)
        if len(values) != len(form.header):
            wanted = f"the header names {len(form.header)} columns"
            problems.append(
                Problem(mark, "", f"this row has {len(values)} cells, {wanted}; give each its cell")
            )
            continue
        starts = _starts(lines[line - 1], form.delimiter)
        cells = {}
        for index, (name, value) in enumerate(zip(form.header, values, strict=True)):
            place = Mark(str(file), line, starts[index] if index < len(starts) else 1)
            cells[name] = Cell("" if value.strip() in _NULL else value.strip(), place)
        found.append(_row(mark, cells))
    if problems:
        raise Problems(problems)
    return Table("", columns, found, Mark(str(file)))


def _starts(line: str, delimiter: str) -> list[int]:
    """The columns at which the cells of a line begin."""
    starts, quoted = [1], False
    for index, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == delimiter and not quoted:
            starts.append(index + 2)
    return starts


def _json(file: Path) -> Iterator[Table]:
    document = json_document(file)

    def objects(name: str, path: tuple[str | int, ...], data: Any) -> Iterator[Table]:
        if isinstance(data, dict):
            if data and not any(isinstance(value, dict | list) and value for value in data.values()):
                yield table(name, [(path, data)])
            for key, value in data.items():
                if isinstance(value, dict | list):
                    yield from objects(key, (*path, key), value)
        elif isinstance(data, list):
            many = [((*path, index), item) for index, item in enumerate(data) if isinstance(item, dict)]
            if many:
                yield table(name, many)

    def table(name: str, many: Sequence[tuple[tuple[str | int, ...], dict[str, Any]]]) -> Table:
        columns = {squeezed(key): key for _, data in many for key in data}
        found = [
            _row(
                document.mark(path),
                {key: Cell(_shown(value), document.mark((*path, key))) for key, value in data.items()},
            )
            for path, data in many
        ]
        return Table(name, columns, found, document.mark(many[0][0]))

    yield from objects("", (), document.data)


def json_document(file: Path) -> Document:
    """Parse JSON, keeping the place of each value. Raises Problems."""
    text = text_of(file)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        message = f"is not valid JSON: {error.msg[0].lower()}{error.msg[1:]}"
        raise Problems([Problem(Mark(str(file), error.lineno, error.colno), "", message)]) from error
    except RecursionError as error:
        raise Problems([Problem(Mark(str(file)), "", "is nested too deeply")]) from error
    document = parse(text, str(file))
    if document.problems:
        raise Problems(document.problems)
    return document


def _shown(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _xml(file: Path) -> Iterator[Table]:
    parser = expat.ParserCreate()
    found: list[Row] = []
    columns: dict[str, str] = {}
    cells: dict[str, Cell] | None = None
    depth, inside, begun, text = 0, 0, Mark(str(file)), ""

    def here() -> Mark:
        return Mark(str(file), parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def put(name: str, value: str) -> None:
        assert cells is not None
        columns[squeezed(name)] = name
        cells[name] = Cell(value.strip(), here())

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal cells, depth, inside, begun, text
        depth, text = depth + 1, ""
        if cells is None and squeezed(name) in _XML_OBJECTS:
            cells, inside, begun = {}, depth, here()
            for key, value in attributes.items():
                put(key, value)
        elif cells is not None and depth == inside + 1 and "value" in attributes:
            put(name, attributes["value"])

    def end(name: str) -> None:
        nonlocal cells, depth, text
        if cells is not None and depth == inside:
            found.append(_row(begun, cells))
            cells = None
        elif cells is not None and depth == inside + 1 and name not in cells:
            put(name, text)
        depth, text = depth - 1, ""

    def data(part: str) -> None:
        nonlocal text
        text += part

    def doctype(*_: object) -> None:
        raise Problems([Problem(here(), "", "a DOCTYPE is not read; remove it")])

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
    try:
        parser.Parse(file.read_bytes(), True)
    except expat.ExpatError as error:
        message = f"is not valid XML: {expat.ErrorString(error.code)}"
        raise Problems([Problem(Mark(str(file), error.lineno, error.offset + 1), "", message)]) from error
    except LookupError as error:
        raise Problems(
            [Problem(Mark(str(file)), "", f"cannot be read: {error}; write it in UTF-8")]
        ) from error
    yield Table("", columns, found, Mark(str(file)))


def _sql(file: Path, sql_columns: Mapping[str, Sequence[str]]) -> Iterator[Table]:
    text = text_of(file)
    declared: dict[str, Sequence[str]] = {}
    for statement in _STATEMENT.finditer(text):
        table = statement["table"].lower()
        if table not in sql_columns:
            continue
        reading = _Statement(file, text, statement.end())
        if statement["verb"].upper().startswith("CREATE"):
            declared[table] = reading.declared()
            continue
        columns = reading.names() or declared.get(table) or sql_columns[table]
        mark = reading.mark(statement.start("table"))
        if not columns:
            message = (
                f"the columns of {table} are not named; dump its CREATE TABLE too, or use --complete-insert"
            )
            raise Problems([Problem(mark, "", message)])
        yield Table(table, {squeezed(name): name for name in columns}, list(reading.values(columns)), mark)


class _Statement:
    """Reads one statement of a dump, token by token."""

    def __init__(self, file: Path, text: str, at: int) -> None:
        self.file = file
        self.text = text
        self.at = at
        self._begin = text.rfind("\n", 0, at) + 1
        self._line = text.count("\n", 0, at) + 1

    def mark(self, at: int) -> Mark:
        """A place from the line on in which the statement's table is named."""
        line = self._line + self.text.count("\n", self._begin, at)
        return Mark(str(self.file), line, at - self.text.rfind("\n", 0, at))

    def names(self) -> list[str]:
        """The column list before VALUES, empty if there is none."""
        kind, token, _ = self.peek()
        if token != "(":
            return []
        self.take()
        found: list[str] = []
        while True:
            kind, token, at = self.take()
            if token == ")":
                return found
            if kind in ("word", "text"):
                found.append(token.strip('`"'))
            elif token != ",":
                raise self.wrong(at, "a column name, , or ) is expected here")

    def declared(self) -> list[str]:
        """The columns a CREATE TABLE declares."""
        found: list[str] = []
        depth, first = 0, False
        while True:
            kind, token, at = self.take()
            if token == "(":
                depth, first = depth + 1, depth == 0
            elif token == ")":
                depth -= 1
                if depth == 0:
                    return found
            elif kind == "end":
                raise self.wrong(at, "this CREATE TABLE has no end")
            elif token == "," and depth == 1:
                first = True
            elif first:
                if token.upper() not in _NO_COLUMN:
                    found.append(token.strip('`"'))
                first = False

    def values(self, columns: Sequence[str]) -> Iterator[Row]:
        """The tuples after VALUES."""
        kind, token, at = self.take()
        if token.upper() not in ("VALUES", "VALUE"):
            raise self.wrong(at, "VALUES is expected here")
        while True:
            kind, token, begun = self.take()
            if token != "(":
                raise self.wrong(begun, "( is expected here")
            cells: list[Cell] = []
            while token != ")":
                kind, token, at = self.take()
                if kind not in ("word", "text"):
                    raise self.wrong(at, "a value is expected here")
                cells.append(Cell(_unquoted(token) if kind == "text" else token, self.mark(at)))
                if kind == "word" and token.upper() in _NULL:
                    cells[-1] = Cell("", cells[-1].mark)
                kind, token, at = self.take()
                if token not in (",", ")"):
                    raise self.wrong(at, ", or ) is expected here")
            if len(cells) != len(columns):
                raise self.wrong(begun, f"{len(cells)} values stand here for {len(columns)} columns")
            yield _row(self.mark(begun), dict(zip(columns, cells, strict=True)))
            kind, token, at = self.take()
            if token != ",":
                return

    def peek(self) -> tuple[str, str, int]:
        at = self.at
        found = self.take()
        self.at = at
        return found

    def take(self) -> tuple[str, str, int]:
        while match := _TOKEN.match(self.text, self.at):
            self.at = match.end()
            if match.lastgroup != "space":
                return str(match.lastgroup), match[0], match.start()
        return "end", "", len(self.text)

    def wrong(self, at: int, message: str) -> Problems:
        return Problems([Problem(self.mark(at), "", f"is not valid SQL: {message}")])


def _unquoted(token: str) -> str:
    quote = token[0]
    inner = token[1:-1].replace(quote * 2, quote)
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL).strip()
