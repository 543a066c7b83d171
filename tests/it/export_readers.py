"""Reads every table of a study's export with pyarrow and duckdb.

    export_readers.py ZIP [ZIP…]

Both must find the same rows, as many as the CSV file beside the zip, and counts as whole numbers of
64 bits. Prints what was read; exits with 1 and a reason where something is otherwise.
"""

import csv
import io
import sys
import tempfile
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def check(archive):
    database = duckdb.connect()
    tables = counts = 0
    with zipfile.ZipFile(archive) as opened, tempfile.TemporaryDirectory() as folder:
        assert opened.testzip() is None, f"{archive} is damaged"
        for name in opened.namelist():
            if not name.endswith(".parquet"):
                continue
            table = pq.read_table(io.BytesIO(opened.read(name)))
            path = opened.extract(name, folder)
            found = database.execute("SELECT * FROM read_parquet(?)", [path])
            types = {column[0]: str(column[1]) for column in found.description}
            rows = found.to_arrow_table().to_pylist()
            assert table.to_pylist() == rows, f"{name}: the two find different rows"
            assert table.column_names == list(types), f"{name}: {types}"
            for field in table.schema:
                if field.name.startswith("cnt"):
                    assert field.type == pa.int64(), f"{name}: {field.name} is {field.type}"
                    assert types[field.name] == "BIGINT", f"{name}: {types[field.name]}"
                    counts += 1
            beside = archive.parent / name.replace(".parquet", ".csv")
            with beside.open(encoding="utf8", newline="") as file:
                lines = list(csv.reader(file, strict=True))
            assert lines[0] == table.column_names, f"{name}: the CSV file has {lines[0]}"
            assert len(lines) - 1 == len(rows) > 0, f"{name}: the CSV file has other rows"
            tables += 1
    print(f"{archive.name}: {tables} tables, {counts} columns of counts")


for argument in sys.argv[1:]:
    try:
        check(Path(argument))
    except AssertionError as error:
        sys.exit(str(error))
