#!/usr/bin/env python3
"""Builds and exports the study core with Cumulus Library and with this program, and compares.

    scripts/compare-with-cumulus-library.py                  40 generated patients
    scripts/compare-with-cumulus-library.py --patients 100 --seed 7
    scripts/compare-with-cumulus-library.py --tables DIR     tables that the main job wrote as NDJSON

Both read the same de-identified NDJSON, in which every element and code system occurs that core
reads. It has completion tables of its own: several Groups, encounters that are complete, partly
complete, complete only over two Groups, and not tracked. Cumulus Library works on DuckDB.

Compared are all 111 tables, as multisets of rows (the bookkeeping by columns), every exported CSV
line by line, and the names in the exported zip. Differences that the specification of this
program wants are told apart. Exits with 1 if there are others.

Needs Python 3.11; Cumulus Library comes from PyPI into ~/.cache unless --venv names an environment
that has it. It takes a minute for ten patients.
"""

import argparse
import collections
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

VERSION = "6.3.7"
ROOT = Path(__file__).resolve().parent.parent
AWAITED = (
    "allergyintolerance condition diagnosticreport documentreference episodeofcare "
    "medicationrequest medicationdispense observation procedure servicerequest specimen"
).split()
ANY_OF_EQUALS = "Where several codings are equally good, Cumulus Library takes any of them"
FIXED = "Schemas are fixed, with data or without"


def main():
    args = arguments()
    enter_venv(args.venv)
    work = Path(args.keep or tempfile.mkdtemp(prefix="cumulus-etl-compare-"))
    try:
        work.mkdir(parents=True, exist_ok=True)
        if any(work.iterdir()):
            sys.exit(f"'{work}' is not empty")
        sys.exit(compare(args, work.resolve()))
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target/debug/cumulus-etl", type=Path,
                        help="this program's binary [target/debug/cumulus-etl]")
    parser.add_argument("--patients", default="40", metavar="N", help="patients to generate [40]")
    parser.add_argument("--seed", default="1", metavar="S", help="what they follow from [1]")
    parser.add_argument("--tables", metavar="DIR", help="compare on these tables instead")
    parser.add_argument("--venv", metavar="DIR", help="environment that has Cumulus Library")
    parser.add_argument("--keep", metavar="DIR", help="work in this folder, and leave it there")
    parser.add_argument("--examples", default=2, type=int, metavar="N",
                        help="examples for each difference [2]")
    return parser.parse_args()


def enter_venv(given):
    """Goes on in an environment with Cumulus Library, made if there is none yet."""
    venv = Path(given or Path.home() / f".cache/cumulus-library-{VERSION}").resolve()
    if Path(sys.prefix).resolve() == venv:
        return
    python = venv / "bin/python"
    if not given and not (venv / "complete").exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, f"cumulus-library=={VERSION}"], check=True)
        (venv / "complete").touch()
    os.execv(python, [python, *sys.argv])


def compare(args, work):
    tables = work / "tables"
    if args.tables:
        shutil.copytree(args.tables, tables)
    else:
        run([args.program, "demo", work / "export", "--patients", args.patients, "--seed",
             args.seed, "--data-only", "--every-element"], work)
        run([args.program, "--output-format", "ndjson", work / "export", tables, work / "phi"],
            work)
        track(tables)
    for rows in tables.glob("*/*.ndjson"):
        without_clashes(rows)
    library = [Path(sys.prefix) / "bin/cumulus-library"]
    database = ["--db-type", "duckdb", "--database", work / "theirs.db"]
    run([*library, "build", "-t", "core", *database, "--load-ndjson-dir", tables], work)
    run([*library, "export", "-t", "core", *database, work / "theirs"], work)
    ours = [args.program, "study"]
    database = ["--database", work / "ours-database"]
    run([*ours, "build", "-t", "core", *database, "--lake", tables, work / "ours"], work)
    run([*ours, "export", "-t", "core", *database, work / "ours"], work)

    report = Report(args.examples)
    compare_tables(work, report)
    compare_exports(work, report)
    return report.print()


def run(command, work):
    print(f"{Path(command[0]).name} {command[1]} …", end=" ", file=sys.stderr, flush=True)
    start = time.monotonic()
    log = work / f"{Path(command[0]).name}.log"
    with log.open("ab") as file:
        done = subprocess.run([str(part) for part in command], stdout=file, stderr=file, cwd=work)
    print(f"{time.monotonic() - start:.1f} s", file=sys.stderr)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{log.read_text()[-3000:]}")


def track(tables):
    """Writes completion tables with every case of encounters that are complete or not."""
    early, middle = "2025-01-01T00:00:00+00:00", "2025-02-01T00:00:00-05:00"
    late = "2025-03-01T12:00:00Z"
    just_before_middle = "2025-02-01T04:59:59Z"
    loads = [(table, "whole", late) for table in [*AWAITED, "encounter", "patient"]]
    loads += [(table, "old", early) for table in AWAITED]
    loads += [(table, "half", middle) for table in AWAITED[:6]]
    loads += [(table, "other half", middle) for table in AWAITED[6:]]
    loads += [(table, "lacking", late) for table in AWAITED[1:]]
    loads.append((AWAITED[0], "lacking", just_before_middle))
    cases = [
        [("whole", middle)],
        [("old", middle)],
        [("half", middle), ("other half", late)],
        [("half", middle)],
        [("lacking", middle)],
        [("never loaded", early)],
        [("old", early), ("whole", late)],
        [("half", early), ("old", middle)],
        [],
    ]
    tracked = []
    ids = [row["id"] for path in sorted(tables.glob("encounter/*.ndjson")) for row in lines(path)]
    for number, encounter in enumerate(ids):
        groups = cases[number % len(cases)]
        tracked += [(encounter, group, exported) for group, exported in groups]
    for name, key, rows in [("etl__completion", "table_name", loads),
                            ("etl__completion_encounters", "encounter_id", tracked)]:
        shutil.rmtree(tables / name)
        (tables / name).mkdir()
        keys = (key, "group_name", "export_time")
        text = "".join(json.dumps(dict(zip(keys, row))) + "\n" for row in rows)
        (tables / name / f"{name}.000.ndjson").write_text(text)


def lines(path):
    with path.open(encoding="utf8") as file:
        return [json.loads(line) for line in file]


def without_clashes(path):
    """Takes out contained resources whose `code` is a list where that of others is an object:
    Cumulus Library can't read such files."""
    rows = lines(path)
    for row in rows:
        if "contained" in row:
            row["contained"] = [
                item for item in row["contained"] if not isinstance(item.get("code"), list)]
            if not row["contained"]:
                del row["contained"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


class Report:
    """What was compared, and what differs."""

    def __init__(self, examples):
        self.examples = examples
        self.compared = collections.Counter()
        self.allowed = collections.Counter()
        self.others = collections.defaultdict(list)

    def count(self, what, number=1):
        self.compared[what] += number

    def allow(self, table, what, why, number=1):
        self.allowed[table, what, why] += number

    def differ(self, table, what, example):
        self.others[table, what].append(str(example)[:1000])

    def print(self):
        for what, number in self.compared.items():
            print(f"{number:8,} {what}")
        print(f"\n{sum(self.allowed.values()):8,} differences that are meant to be")
        for (table, what, why), number in sorted(self.allowed.items()):
            print(f"{number:8,} {table}: {what} ({why})")
        number = sum(map(len, self.others.values()))
        print(f"\n{number:8,} other differences")
        for (table, what), examples in sorted(self.others.items()):
            print(f"{len(examples):8,} {table}: {what}")
            for example in examples[:self.examples]:
                print(f"         {example}")
        return 1 if self.others else 0


def value(cell):
    """A value in one spelling."""
    if isinstance(cell, datetime.datetime):
        cell = cell.replace(tzinfo=None)
        # DuckDB makes a timestamp of a date's month.
        if cell.time() == datetime.time():
            return cell.date().isoformat()
        return cell.isoformat(timespec="microseconds")
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    return cell


def our_tables(work):
    """The columns and rows of our study's tables."""
    import pyarrow.parquet

    folder = work / "ours-database/core"
    listing = json.loads((folder / "tables.json").read_text())
    for table in listing["tables"]:
        parts = [pyarrow.parquet.read_table(folder / file["name"]) for file in table["files"]]
        data = pyarrow.concat_tables(parts)
        rows = zip(*(column.to_pylist() for column in data.columns))
        yield table["name"], data.column_names, [tuple(map(value, row)) for row in rows]


def compare_tables(work, report):
    import duckdb

    theirs = duckdb.connect(str(work / "theirs.db"), read_only=True)
    names = theirs.execute("SELECT table_name FROM information_schema.tables").fetchall()
    left = {name for name, in names if name.startswith("core__")}
    for name, columns, mine in our_tables(work):
        if name not in left:
            report.differ(name, "only here", "")
            continue
        left.remove(name)
        found = theirs.execute(f'SELECT * FROM "{name}"')
        other_columns = [column[0] for column in found.description]
        other = [tuple(map(value, row)) for row in found.fetchall()]
        report.count("tables")
        for column in set(other_columns) - set(columns):
            if column == "row" and not other:
                # Without data its tables of codings have other columns.
                report.allow(name, "column 'row' only there", FIXED)
                continue
            report.differ(name, f"column {column} only there", "")
        for column in set(columns) - set(other_columns):
            if column == "row" and "_dn_" in name:
                report.allow(name, "column 'row' only here", FIXED)
            else:
                report.differ(name, f"column {column} only here", "")
        shared = [column for column in columns if column in other_columns]
        if shared != other_columns and sorted(shared) == sorted(other_columns):
            report.allow(name, "order of the columns", FIXED)
        if name.startswith("core__lib_"):
            continue
        report.count("rows", len(mine))
        report.count("tables with rows", bool(mine))
        pick = [columns.index(column) for column in shared]
        mine = collections.Counter(tuple(row[at] for at in pick) for row in mine)
        pick = [other_columns.index(column) for column in shared]
        other = collections.Counter(tuple(row[at] for at in pick) for row in other)
        compare_rows(name, shared, mine - other, other - mine, report)
    for name in left:
        report.differ(name, "only there", "")


# Tables that keep the best coding of each resource.
BEST = {
    "core__allergyintolerance_dn_clinical_status",
    "core__allergyintolerance_dn_verification_status",
    "core__condition_codable_concepts_display",
    "core__condition_dn_clinical_status",
    "core__condition_dn_verification_status",
    "core__encounter_dn_priority",
    "core__encounter_dn_reasoncode",
    "core__encounter_dn_servicetype",
    "core__encounter_dn_type",
}


def compare_rows(name, columns, mine, other, report):
    if name in BEST:
        # One row for each resource, so those that are left belong together by ID.
        same = [columns.index(column) for column in ("id", "code", "system")]
        keys = {tuple(row[at] for at in same) for row in other}
        equal = {row for row in mine if tuple(row[at] for at in same) in keys}
        keys = {tuple(row[at] for at in same) for row in equal}
        if equal:
            report.allow(name, "another of equally good codings", ANY_OF_EQUALS, len(equal))
        mine = {row: number for row, number in mine.items() if row not in equal}
        other = {row: number for row, number in other.items()
                 if tuple(row[at] for at in same) not in keys}
    for row, number in mine.items():
        report.differ(name, "rows only here", f"{number} × {dict(zip(columns, row))}")
    for row, number in other.items():
        report.differ(name, "rows only there", f"{number} × {dict(zip(columns, row))}")


def compare_exports(work, report):
    def csvs(folder):
        return {path.name: path for path in (folder / "core").glob("*.csv")}

    ours, theirs = csvs(work / "ours"), csvs(work / "theirs")
    for name in ours.keys() ^ theirs.keys():
        report.differ(name, "only here" if name in ours else "only there", "")
    for name in ours.keys() & theirs.keys():
        report.count("exported CSV files")
        mine = ours[name].read_text().splitlines()
        other = theirs[name].read_text().splitlines()
        report.count("their lines", len(mine))
        if mine != other:
            same = sorted(mine) == sorted(other)
            first = next((pair for pair in zip(mine, other) if pair[0] != pair[1]), "length")
            report.differ(name, "order of the lines" if same else "lines", first)
    names = [zip_names(work / side / "core/core.zip") for side in ("ours", "theirs")]
    report.count("members of the zip", len(names[0]))
    for name in names[0] ^ names[1]:
        report.differ("core.zip", "only here" if name in names[0] else "only there", name)


def zip_names(path):
    with zipfile.ZipFile(path) as file:
        return set(file.namelist())


if __name__ == "__main__":
    main()
