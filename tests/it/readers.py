"""Reads tables with other programs' readers, and compares every row with the NDJSON output.

    readers.py --ndjson DIR [--parquet DIR] [--csv DIR] [--delta DIR]

Prints how many rows each reader agreed on; exits with 1 and examples where one does not.
"""

import argparse
import csv
import json
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import deltalake
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

csv.field_size_limit(1 << 30)
failures = []


def main():
    parser = argparse.ArgumentParser()
    for name in ("ndjson", "parquet", "csv", "delta"):
        parser.add_argument(f"--{name}", type=Path)
    args = parser.parse_args()
    database = duckdb.connect()
    has_delta = load_delta(database)
    agreed = {}
    tables = sorted(path.name for path in args.ndjson.iterdir()
                    if path.is_dir() and path.name != "JobConfig")
    for table in tables:
        expected = read_ndjson(args.ndjson / table)
        readers = {}
        if args.parquet:
            files = sorted(str(path) for path in (args.parquet / table).glob("*.parquet"))
            schema = pq.read_schema(files[0])
            readers |= {
                "parquet by pyarrow": (schema, lambda: pa.concat_tables(
                    pq.read_table(file) for file in files).to_pylist()),
                "parquet by duckdb": (schema, lambda: by_duckdb(database, files)),
            }
        if args.csv:
            files_csv = sorted(str(path) for path in (args.csv / table).glob("*.csv"))
            readers |= {
                "csv by python": (schema, lambda: by_csv(files_csv, schema)),
                "csv by duckdb": (schema, lambda: by_duckdb_csv(database, files_csv, schema)),
            }
        if args.delta:
            delta = deltalake.DeltaTable(str(args.delta / table))
            live = sorted(local(uri) for uri in delta.file_uris())
            manifest(table, args.delta / table, live)
            schema_delta = delta.to_pyarrow_dataset().schema
            readers |= {
                "delta by deltalake":
                    (schema_delta, lambda: delta.to_pyarrow_table().to_pylist()),
                "delta's files by duckdb": (schema_delta, lambda: by_duckdb(database, live)),
            }
            if has_delta:
                readers["delta by duckdb"] = (schema_delta, lambda: database.execute(
                    "SELECT * FROM delta_scan(?)", [str(args.delta / table)])
                    .to_arrow_table().to_pylist())
        for reader, (schema_of, read) in readers.items():
            same = compare(f"{table}, {reader}", expected, read(), schema_of)
            agreed[reader] = agreed.get(reader, 0) + same
    for reader, rows in agreed.items():
        print(f"{rows} rows: {reader}")
    if args.delta and not has_delta:
        print("not there: duckdb's delta extension")
    if failures:
        print(f"{len(failures)} differences", *failures[:10], sep="\n", file=sys.stderr)
        sys.exit(1)


def load_delta(database):
    """Whether duckdb's delta extension is installed; nothing is downloaded."""
    database.execute("SET autoinstall_known_extensions = false")
    try:
        database.execute("LOAD delta")
    except duckdb.Error:
        return False
    return True


def local(uri):
    return unquote(urlsplit(uri).path) if "://" in uri else uri


def manifest(table, folder, live):
    """What Athena reads are the live files."""
    listed = (folder / "_symlink_format_manifest/manifest").read_text().splitlines()
    if sorted(map(local, listed)) != live:
        failures.append(f"{table}: the manifest lists {listed}, live are {live}")


def read_ndjson(folder):
    rows = []
    for path in sorted(folder.glob("*.ndjson")):
        with path.open(encoding="utf8") as file:
            rows += [json.loads(line) for line in file]
    return rows


def by_duckdb(database, files):
    query = "SELECT * FROM read_parquet(?, union_by_name = true)"
    return database.execute(query, [files]).to_arrow_table().to_pylist() if files else []


def by_csv(files, schema):
    rows = []
    for file in files:
        with open(file, encoding="utf8", newline="") as opened:
            rows += [decode(row, schema) for row in csv.DictReader(opened, strict=True)]
    return rows


def by_duckdb_csv(database, files, schema):
    query = """SELECT * FROM read_csv(?, header = true, all_varchar = true, quote = '"',
        escape = '"', delim = ',', max_line_size = 100000000)"""
    rows = database.execute(query, [files]).to_arrow_table().to_pylist() if files else []
    return [decode(row, schema) for row in rows]


def decode(row, schema):
    """A CSV row: text as it is, all else as JSON."""
    return {
        name: text if pa.types.is_string(schema.field(name).type) else json.loads(text)
        for name, text in row.items()
        if text
    }


def compare(what, expected, found, schema):
    key = ("id",) if "id" in schema.names else tuple(schema.names)
    identify = lambda row: tuple(row.get(name) or "" for name in key)
    wanted = {identify(row): text(as_columns(row, schema)) for row in expected}
    seen = {identify(row): text(row) for row in found}
    if len(wanted) != len(expected) or len(seen) != len(found) or len(found) != len(expected):
        failures.append(f"{what}: {len(found)} rows of {len(seen)} ids, not {len(expected)}")
    for row_id in wanted.keys() | seen.keys():
        if wanted.get(row_id) != seen.get(row_id):
            failures.append(f"{what}: {row_id}\n{seen.get(row_id)}\nnot\n{wanted.get(row_id)}")
    return sum(wanted.get(row_id) == row for row_id, row in seen.items())


def as_columns(row, schema):
    """A row as columns can hold it: where contained resources of several types share columns,
    some of their values have none."""
    if "contained" not in row:
        return row
    items = schema.field("contained").type.value_type
    return row | {"contained": [clip(item, items) for item in row["contained"]]}


def clip(value, data_type):
    if isinstance(value, dict) and pa.types.is_struct(data_type):
        fields = {field.name: field.type for field in data_type}
        return {name: clip(member, fields[name])
                for name, member in value.items() if name in fields}
    if isinstance(value, list) and pa.types.is_list(data_type):
        return [clip(item, data_type.value_type) for item in value]
    nested = pa.types.is_nested(data_type)
    return None if nested or isinstance(value, (dict, list)) else value


def text(value):
    """Nested JSON without nulls, but for those in lists; numbers by value."""
    return json.dumps(canonical(value), sort_keys=True, ensure_ascii=False)


def canonical(value):
    if isinstance(value, dict):
        # CSV does not tell an empty string from none.
        return {name: canonical(member) for name, member in value.items()
                if member is not None and member != ""}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


if __name__ == "__main__":
    main()
