#!/usr/bin/env python3
"""Measures studies: core beside Cumulus Library (DuckDB), and counts over many rows.

    scripts/benchmark-study.py target/release/cumulus-etl [--patients 1000] [--tables DIR]
                               [--runs 3] [--work DIR] [--only core,counts]

`core`: both programs build the study core of the same de-identified NDJSON, in turns: generated
patients, or with --tables what the main job wrote as NDJSON. `counts`: our program counts 650,000
rows by five columns, with a secondary ID, in a cgroup of 2 GiB without swap, if this is root. Each line is the best wall time of --runs
runs, the CPU seconds of that run, and the largest resident set of any of them. Run it on an
otherwise idle machine.

Needs Python 3.11; Cumulus Library comes from PyPI into ~/.cache unless --venv names an environment
that has it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VERSION = "6.3.7"
ROWS = 650_000
# Made by crossing digits; patients and encounters are numbered by the row.
SQL = f"""
CREATE TABLE bench__rows AS
WITH digits AS (
    SELECT n FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS t (n)
),
numbers AS (
    SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS n
    FROM digits AS a, digits AS b, digits AS c, digits AS d, digits AS e, digits AS f
)
SELECT
    concat('Patient/', lpad(CAST(n % 40000 AS varchar), 64, '0')) AS subject_ref,
    concat('Encounter/', lpad(CAST(n / 2 AS varchar), 64, '0')) AS encounter_ref,
    concat('code ', CAST(n % 200 AS varchar)) AS code,
    concat('month ', CAST(n % 97 AS varchar)) AS month,
    concat('category ', CAST(n % 7 AS varchar)) AS category,
    concat('gender ', CAST(n % 3 AS varchar)) AS gender,
    concat('class ', CAST(n % 5 AS varchar)) AS class
FROM numbers
WHERE n < {ROWS};
"""
COUNTS = """
config_type = "counts"
[tables.count_rows]
source_table = "bench__rows"
table_cols = ["code", "month", "category", "gender", "class"]
secondary_id = "encounter_ref"
"""
MANIFEST = """
study_prefix = "bench"
[[stages.rows]]
files = ["rows.sql"]
[[stages.counts]]
files = ["counts.workflow"]
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--patients", default="1000", metavar="N")
    parser.add_argument("--tables", type=Path, metavar="DIR", help="de-identified NDJSON")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="core,counts", help="scenarios, with commas")
    parser.add_argument("--venv", metavar="DIR", help="environment that has Cumulus Library")
    parser.add_argument("--work", type=Path, help="work in this folder, and leave data there")
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp(prefix="cumulus-etl-benchmark-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        if "core" in args.only.split(","):
            core(args, work)
        if "counts" in args.only.split(","):
            counts(args, work)
    finally:
        if not args.work:
            shutil.rmtree(work, ignore_errors=True)


def core(args, work):
    library = cumulus_library(args.venv)
    tables = args.tables or generated(args, work)
    size = sum(path.stat().st_size for path in tables.rglob("*.ndjson*")) / 1e6
    print(f"core of {tables} ({size:.0f} MB)")
    ours, theirs = [], []
    for _ in range(args.runs):
        database = work / "database"
        shutil.rmtree(database, ignore_errors=True)
        ours.append(measure([args.binary, "study", "build", "-t", "core", "--database", database,
                             "--lake", tables]))
        database = work / "duck.db"
        database.unlink(missing_ok=True)
        theirs.append(measure([library, "build", "-t", "core", "--db-type", "duckdb",
                               "--database", database, "--load-ndjson-dir", tables]))
    mine, other = report("  cumulus-etl", ours), report("  Cumulus Library", theirs)
    print(f"  {other / mine:.1f} times as fast")


def counts(args, work):
    study, database = work / "bench", work / "bench-database"
    shutil.rmtree(database, ignore_errors=True)
    study.mkdir(exist_ok=True)
    for name, text in [("manifest.toml", MANIFEST), ("rows.sql", SQL), ("counts.workflow", COUNTS)]:
        (study / name).write_text(text)
    (work / "empty").mkdir(exist_ok=True)
    (work / "empty/Device.ndjson").write_text('{"resourceType":"Device","id":"1"}\n')
    command = [args.binary, "study", "build", "-t", "bench", "-s", study, "--database", database,
               "--load-ndjson-dir", work / "empty"]
    measure([*command, "--stage", "rows"])
    # Half of the limit is what queries get without being told.
    limit = [Path(__file__).with_name("with-memory-limit"), "2048"]
    counting = ([*limit, *command] if os.geteuid() == 0 else [*command, "--memory-limit", "1024"])
    runs = [measure([*counting, "--stage", "counts"]) for _ in range(args.runs)]
    print(f"counts of {ROWS:,} rows by five columns, with a secondary ID")
    report("  cumulus-etl", runs)


def generated(args, work):
    tables = work / f"tables-{args.patients}"
    if not tables.exists():
        export, phi = work / "export", work / "phi"
        for folder in (export, phi):
            shutil.rmtree(folder, ignore_errors=True)
        measure([args.binary, "demo", export, "--data-only", "--patients", args.patients])
        measure([args.binary, export, tables, phi, "--output-format", "ndjson"])
        shutil.rmtree(export)
    return tables


def measure(command):
    """Seconds, CPU seconds and peak resident set in MiB of a command."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        if process.returncode != 0:
            log.seek(0)
            text = log.read().decode(errors="replace")[-3000:]
            sys.exit(f"{command[0]} ended with {process.returncode}:\n{text}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10


def report(name, runs):
    seconds, cpu, _ = min(runs)
    memory = max(run[2] for run in runs)
    print(f"{name:20} {seconds:8.1f} s {cpu:8.1f} CPU s {memory:7,} MiB", flush=True)
    return seconds


def cumulus_library(given):
    """The program of an environment with Cumulus Library, made if there is none yet."""
    venv = Path(given or Path.home() / f".cache/cumulus-library-{VERSION}").resolve()
    if not given and not (venv / "complete").exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        install = [venv / "bin/python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, f"cumulus-library=={VERSION}"], check=True)
        (venv / "complete").touch()
    return venv / "bin/cumulus-library"


if __name__ == "__main__":
    main()
