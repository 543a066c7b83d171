#!/usr/bin/env python3
"""Measures the main job: throughput by format, upserts into a large table, peak memory.

    scripts/benchmark.py target/release/cumulus-etl [--megabytes 1000] [--work /tmp/bench]
                         [--runs 3] [--only to-parquet,upsert] [--every-element]

Standard library only. Data is generated once per size below --work and kept. Each scenario
prints a line: the best wall time of --runs runs, MB of input per second, and the largest
resident set of any of them. Run it on an otherwise idle machine.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path


def measure(command: list[str]) -> tuple[float, int, float]:
    """Seconds, peak resident set in MiB, and CPU seconds of a command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    messages = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}:\n{messages}")
    return seconds, usage.ru_maxrss >> 10, usage.ru_utime + usage.ru_stime


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.ndjson"))


def demo_data(binary: str, work: Path, megabytes: int, options: list[str]) -> Path:
    """Generated data of about this size."""
    folder = work / "".join([f"demo-{megabytes}mb", *options])
    if not folder.exists():
        probe = work / "probe"
        shutil.rmtree(probe, ignore_errors=True)
        command = [binary, "demo", "--data-only", *options, "--patients"]
        subprocess.run([*command, "200", probe], check=True)
        patients = max(1, megabytes * 1_000_000 * 200 // size_of(probe))
        shutil.rmtree(probe)
        subprocess.run([*command, str(patients), folder], check=True)
    return folder


def condition(number: int, version: int) -> str:
    """A small row, so that a table of millions can be made quickly."""
    day = 1 + number % 28
    return json.dumps({
        "resourceType": "Condition",
        "id": f"c{number}",
        "meta": {"lastUpdated": f"20{20 + version}-01-{day:02}T10:00:00.000Z"},
        "clinicalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
            "code": "active" if number % 3 else "resolved",
        }]},
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/condition-category",
            "code": "encounter-diagnosis",
            "display": "Encounter Diagnosis",
        }]}],
        "code": {"coding": [{
            "system": "http://hl7.org/fhir/sid/icd-10-cm",
            "code": f"J{number % 100:02}.{number % 10}",
            "display": f"Diagnosis {number % 1000}",
        }], "text": f"Diagnosis {number % 1000}"},
        "subject": {"reference": f"Patient/p{number // 15}"},
        "encounter": {"reference": f"Encounter/e{number // 2}"},
        "onsetDateTime": f"2019-{1 + number % 12:02}-{day:02}T08:30:00-05:00",
        "recordedDate": f"2019-{1 + number % 12:02}-{day:02}",
    }, separators=(",", ":"))


def condition_data(work: Path, rows: int, updates: int) -> tuple[Path, Path]:
    """A large export, and a small one of which half the rows are new."""
    first, second = work / f"conditions-{rows}", work / f"updates-{rows}"
    log = [
        {"exportId": "1", "eventId": "kickoff", "eventDetail": {
            "exportUrl": "https://ehr.example.com/fhir/Group/bench/$export"}},
        {"exportId": "1", "eventId": "status_complete", "eventDetail": {
            "transactionTime": "2026-01-01T00:00:00Z"}},
    ]
    if not second.exists():
        chosen = random.Random(1).sample(range(rows), updates // 2)
        new = range(rows, rows + updates - updates // 2)
        for folder, numbers, version in [(first, range(rows), 0), (second, [*chosen, *new], 1)]:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "log.ndjson").write_text("".join(json.dumps(e) + "\n" for e in log))
            with open(folder / "Condition.000.ndjson", "w") as file:
                file.writelines(condition(number, version) + "\n" for number in numbers)
    return first, second


def report(name: str, results: list[tuple[float, int, float]], megabytes: float) -> None:
    seconds = min(result[0] for result in results)
    memory = max(result[1] for result in results)
    cpu = min(result[2] for result in results)
    print(
        f"{name:28} {seconds:8.1f} s {megabytes / seconds:8.0f} MB/s {cpu:8.1f} CPU s "
        f"{memory:6} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--every-element", action="store_true", help="very wide tables")
    parser.add_argument("--rows", type=int, default=5_000_000, help="of the table for upserts")
    parser.add_argument("--work", type=Path, default=Path("/tmp/cumulus-etl-benchmark"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="scenarios, with commas")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    options = ["--every-element"] if args.every_element else []
    only = [name for name in args.only.split(",") if name]

    def wanted(name: str) -> bool:
        return not only or name in only

    def etl(source: Path, output: Path, phi: Path, *options: str) -> list[str]:
        return [args.binary, str(source), str(output), str(phi), *options]

    for name in ["ndjson", "parquet", "deltalake", "csv"]:
        if not wanted(f"to-{name}"):
            continue
        data = demo_data(args.binary, args.work, args.megabytes, options)
        results = []
        for _ in range(args.runs):
            output, phi = args.work / "out", args.work / "phi"
            for folder in (output, phi):
                shutil.rmtree(folder, ignore_errors=True)
            results.append(measure(etl(data, output, phi, "--output-format", name)))
        report(f"to-{name}", results, size_of(data) / 1e6)

    if wanted("upsert"):
        updates = args.rows // 10
        first, second = condition_data(args.work, args.rows, updates)
        output, phi = args.work / "table", args.work / "table-phi"
        for folder in (output, phi):
            shutil.rmtree(folder, ignore_errors=True)
        report("upsert: the table", [measure(etl(first, output, phi))], size_of(first) / 1e6)
        results = []
        for _ in range(args.runs):
            copy = args.work / "table-copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(output, copy)
            results.append(measure(etl(second, copy, phi)))
        report("upsert: 10 % into it", results, size_of(second) / 1e6)


if __name__ == "__main__":
    main()
