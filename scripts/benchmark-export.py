#!/usr/bin/env python3
"""Measures the downloads of `cumulus-etl export` against `curl --parallel`.

    scripts/benchmark-export.py target/release/cumulus-etl [--work /tmp/bench] [--runs 3]
                                [--only large,small]

Needs nginx and curl; no root, no network beyond loopback. nginx serves the files, with and
without compressed transfer; a few lines of Python answer the kick-off. Data is generated once
below --work and kept. Each line has the best wall time of --runs runs, MB of text per second,
CPU seconds, the largest resident set, and the throughput as a share of that of the quicker curl
(5 and 50 connections). Run it on an otherwise idle machine.
"""

import argparse
import contextlib
import gzip
import http.server
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmark import measure

# Files, bytes in each.
SETS = {"base": (1, 1_000), "large": (10, 100_000_000), "small": (20_000, 20_000)}
# Files with a content of their own; the others are further names of these.
CONTENTS = 20

NGINX = """
daemon off;
worker_processes 2;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    default_type application/fhir+ndjson;
    server {{
        listen 127.0.0.1:{port};
        location /plain/ {{ alias {work}/data/; }}
        location /gzip/ {{ alias {work}/data/; gzip_static on; }}
    }}
}}
"""


def rows(seed: int, size: int) -> bytes:
    """Observations, some 700 bytes each, of about this size together."""
    source = random.Random(seed)
    text = bytearray()
    while True:
        row = json.dumps({
            "resourceType": "Observation",
            "id": f"{source.getrandbits(128):032x}",
            "status": "final",
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "laboratory",
                "display": "Laboratory",
            }]}],
            "code": {"coding": [{
                "system": "http://loinc.org",
                "code": f"{source.randrange(90_000)}-{source.randrange(10)}",
                "display": "Something in the blood",
            }]},
            "subject": {"reference": f"Patient/{source.getrandbits(128):032x}"},
            "encounter": {"reference": f"Encounter/{source.getrandbits(128):032x}"},
            "effectiveDateTime": f"20{source.randrange(10, 25)}-01-{source.randrange(10, 28)}",
            "valueQuantity": {
                "value": source.randrange(100_000) / 100,
                "unit": "mg/dL",
                "system": "http://unitsofmeasure.org",
                "code": "mg/dL",
            },
        }, separators=(",", ":")).encode() + b"\n"
        if text and len(text) + len(row) > size:
            return bytes(text)
        text += row


def make(folder: Path, count: int, size: int) -> None:
    if (folder / "done").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # A large file is one of a few contents: it is no smaller for being repeated.
    contents = min(count, CONTENTS if size < 1_000_000 else 2)
    for number in range(count):
        path = folder / f"{number}.ndjson"
        if number < contents:
            text = rows(number, size)
            path.write_bytes(text)
            Path(f"{path}.gz").write_bytes(gzip.compress(text, 6))
        else:
            for end in ("", ".gz"):
                os.link(f"{folder}/{number % contents}.ndjson{end}", f"{path}{end}")
    (folder / "done").touch()


class Fhir(http.server.BaseHTTPRequestHandler):
    """Kick-off and status: the path names the files, like /large/gzip/$export."""

    protocol_version = "HTTP/1.1"
    files = ""

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, value: object, **headers: str) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        kind = path.split("/")
        if path.endswith("/$export"):
            location = path.replace("$export", "status")
            self.answer(202, {}, **{"Content-Location": location})
        elif path.endswith("/status"):
            count, _ = SETS[kind[1]]
            files = [{"type": "Observation", "url": f"{self.files}/{kind[2]}/{kind[1]}/{n}.ndjson"}
                     for n in range(count)]
            self.answer(200, {
                "transactionTime": "2024-01-01T00:00:00Z", "request": "",
                "requiresAccessToken": False, "output": files, "error": [],
            })
        else:
            self.answer(404, {})

    def do_DELETE(self) -> None:
        self.answer(202, {})


@contextlib.contextmanager
def servers(work: Path, port: int):
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    config = work / "nginx.conf"
    config.write_text(NGINX.format(work=work, port=port))
    process = subprocess.Popen([nginx, "-e", work / "nginx.log", "-c", config])
    Fhir.files = f"http://127.0.0.1:{port}"
    fhir = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fhir)
    threading.Thread(target=fhir.serve_forever, daemon=True).start()
    time.sleep(0.5)
    try:
        yield f"http://127.0.0.1:{fhir.server_port}"
    finally:
        fhir.shutdown()
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/tmp/cumulus-etl-benchmark-export"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="large,small")
    parser.add_argument("--port", type=int, default=18080)
    options = parser.parse_args()
    binary, work = str(options.binary.resolve()), options.work.resolve()
    wanted = ["base", *options.only.split(",")]
    for name in wanted:
        # In a process of its own: what this one has held would be counted as its children's.
        maker = multiprocessing.Process(target=make, args=(work / "data" / name, *SETS[name]))
        maker.start()
        maker.join()
        if maker.exitcode != 0:
            sys.exit("cannot make the data")
    # nginx's workers give up root for a user of their own.
    work.chmod(0o755)
    target = work / "target"

    def best(name: str, command, megabytes: float) -> tuple[float, int]:
        results = []
        for _ in range(options.runs):
            if target.exists():
                # For minutes, ext4 takes no inode again that has become free, and looks for others
                # all the longer the more there are: many small files stay until the end.
                used = work / "used" / f"{time.monotonic_ns()}"
                used.parent.mkdir(exist_ok=True)
                target.rename(used)
                if len(os.listdir(used)) < 1000:
                    shutil.rmtree(used)
            target.mkdir()
            os.sync()
            results.append(measure(command))
        seconds, _, cpu = min(results)
        memory = max(result[1] for result in results)
        rate = megabytes / seconds
        print(f"{name:40} {seconds:7.2f} s {rate:7.0f} MB/s {cpu:6.2f} s CPU {memory:5} MiB",
              end="", flush=True)
        return rate, memory

    base = 0
    with servers(work, options.port) as fhir:
        for name in wanted:
            count, _ = SETS[name]
            folder = work / "data" / name
            megabytes = sum((folder / f"{n}.ndjson").stat().st_size for n in range(count)) / 1e6
            for transfer in ("plain", "gzip"):
                curl = 0.0
                if name != "base":
                    config = work / "curl.conf"
                    config.write_text("".join(
                        f'url = "{Fhir.files}/{transfer}/{name}/{n}.ndjson"\n'
                        f'output = "{target}/{n}.ndjson"\n' for n in range(count)))
                    for parallel in ("5", "50"):
                        command = ["curl", "--silent", "--show-error", "--fail", "--compressed",
                                   "--parallel", "--parallel-max", parallel, "--config", str(config)]
                        rate, _ = best(f"{name}, {transfer}: curl, {parallel} at once", command,
                                       megabytes)
                        print()
                        curl = max(curl, rate)
                for stored, flags in (("plain", ["--no-compression"]), ("gzip", [])):
                    command = [binary, "export", f"{fhir}/{name}/{transfer}", str(target),
                               "--type", "Observation", "--quiet", *flags]
                    rate, memory = best(f"{name}, {transfer}: export, stored {stored}", command,
                                        megabytes)
                    if name == "base":
                        base = max(base, memory)
                        print()
                    else:
                        print(f"  {rate / curl:5.2f} of curl, {memory - base:+} MiB to base")
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(work / "used", ignore_errors=True)


if __name__ == "__main__":
    main()
