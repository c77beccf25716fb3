"""Import of a list with two numbers a row, beside the bare work: parse each number, insert the rows."""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import phonenumbers
from running import measured, write_project


def bare(file: Path, store: Path) -> float:
    """phonenumbers.parse and format of every number, and one executemany. Returns seconds."""
    begun = time.perf_counter()
    rows = []
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            for column in ("p1", "p2"):
                number = phonenumbers.parse(row[column], "US")
                e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                rows.append((row["id"], row["name"], row["state"], int(row["balance"]), e164))
    db = sqlite3.connect(store)
    db.execute("CREATE TABLE records (id TEXT, name TEXT, state TEXT, balance INTEGER, phone TEXT)")
    db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()
    return time.perf_counter() - begun


def ours(folder: Path) -> float:
    """`cxrun import` from within, so that start-up is left out. Returns seconds."""
    from cxrun.importing import import_list
    from cxrun.loading import load_project
    from cxrun.registry import load_registry
    from cxrun.store import Store

    project = load_project(folder, load_registry(folder))
    with Store(project.store_file) as store:
        begun = time.perf_counter()
        import_list(store, project.lists["people"], folder)
        return time.perf_counter() - begun


def as_workbook(folder: Path) -> None:
    """Make people.csv a workbook as Excel writes it: every text is in one table, the cells name it by number."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {space} xmlns:r="{office}/officeDocument/2006/relationships"><sheets>'
        '<sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship '
        f'Id="r1" Type="{office}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
    }
    texts: dict[str, int] = {}
    with zipfile.ZipFile(folder / "people.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
        with (
            book.open("xl/worksheets/sheet1.xml", "w") as sheet,
            (folder / "people.csv").open(newline="") as rows,
        ):
            sheet.write(f"<worksheet {space}><sheetData>".encode())
            for number, cells in enumerate(csv.reader(rows), 1):
                found = (texts.setdefault(cell, len(texts)) for cell in cells)
                line = "".join(f'<c t="s"><v>{text}</v></c>' for text in found)
                sheet.write(f'<row r="{number}" ht="15">{line}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        items = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        book.writestr("xl/sharedStrings.xml", f"<sst {space}>{items}</sst>")
    campaign = folder / "campaign.yaml"
    campaign.write_text(campaign.read_text().replace("people.csv", "people.xlsx"))


def as_fixed_width(folder: Path) -> None:
    """Make people.csv a file whose columns are known by their place."""
    widths = {"id": 10, "name": 14, "state": 2, "balance": 6, "p1": 12, "p2": 12}
    with (folder / "people.csv").open(newline="") as rows, (folder / "people.txt").open("w") as text:
        for row in csv.DictReader(rows):
            text.write("".join(row[name].ljust(width) for name, width in widths.items()) + "\n")
    at, layout = 1, []
    for name, width in widths.items():
        layout.append(f"      - {{column: {name}, start: {at}, width: {width}}}\n")
        at += width
    campaign = folder / "campaign.yaml"
    told = "file: people.txt\n    layout:\n" + "".join(layout).rstrip()
    campaign.write_text(campaign.read_text().replace("file: people.csv", told))


FORMATS = {"csv": None, "fixed-width": as_fixed_width, "xlsx": as_workbook}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory",
        choices=FORMATS,
        help="also import a quarter, a half and the whole, and compare the memory",
    )
    options = parser.parse_args()
    rates = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.rounds):
            folder = Path(name) / f"project{number}"
            write_project(folder, options.rows * 2, 2)
            theirs = bare(folder / "people.csv", Path(name) / f"bare{number}.db")
            mine = ours(folder)
            rates.append(theirs / mine)
            print(
                f"{options.rows:,} rows: {options.rows / mine:,.0f} rows/s, bare {options.rows / theirs:,.0f} rows/s; "
                f"{theirs / mine:.0%}",
                file=sys.stderr,
            )
        if rates:
            share = statistics.median(rates)
            print(f"import of two numbers a row: median {share:.0%} of the rate of the bare work")
        if options.memory:
            for rows in (options.rows // 4, options.rows // 2, options.rows):
                folder = Path(name) / f"memory{rows}"
                write_project(folder, rows * 2, 2)
                if make := FORMATS[options.memory]:
                    # apart: a process is charged with the peak of the one it was forked from
                    making = multiprocessing.get_context("spawn").Process(target=make, args=(folder,))
                    making.start()
                    making.join()
                begun = time.perf_counter()
                _, _, peak = measured(folder, "import")
                print(
                    f"{rows:,} rows: peak {peak:.0f} MB, {rows / (time.perf_counter() - begun):,.0f} rows/s"
                )


if __name__ == "__main__":
    main()
