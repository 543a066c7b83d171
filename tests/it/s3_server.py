"""An S3 server (moto) on a free port of the loopback device, which it prints.

Each line on standard input is an order, answered by a line of JSON:

    bucket NAME         makes a bucket
    load BUCKET DIR     puts the files below DIR into a bucket, which holds nothing else then
    add BUCKET DIR      puts them beside what the bucket holds
    put BUCKET KEY      puts an object of one row, whatever the key is
    keys BUCKET         the keys of a bucket's objects
    save BUCKET DIR     writes a bucket's objects below DIR
    log                 the requests since the last `log`: method, path, query, some headers
    faults N            1 request in N fails in some way from now on; 0: none
    delay MS            so long before each answer
    hang N              N more requests are answered; the others wait for `resume`
    hung                whether one waits
    resume
    answer METHOD STATUS CODE MORE
                        requests of this method (GET-OBJECT: but for listings) fail with this
                        code from now on
    well                no more of that
    ignore-conditions   conditional writes overwrite from now on

It ends with its standard input. Objects are in its memory.
"""

import json
import logging
import os
import random
import sys
import threading
import time

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

HEADERS = ("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION",
           "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID", "HTTP_IF_NONE_MATCH",
           "HTTP_AUTHORIZATION", "HTTP_X_AMZ_REQUEST_PAYER", "HTTP_X_AMZ_CHECKSUM_SHA256")


class Middleware:
    """Remembers requests, makes conditional writes one step, and fails on command."""

    def __init__(self, app):
        self.app = app
        self.log = []
        self.faults = 0
        self.delay = 0.0
        self.conditions = True
        self.answers = {}
        self.left = None
        self.hung = threading.Event()
        self.going = threading.Event()
        self.going.set()
        self.writes = threading.Lock()
        self.count = threading.Lock()
        self.active = 0
        self.random = random.Random(7)

    def __call__(self, environ, start_response):
        with self.count:
            self.active += 1
        try:
            return self.handle(environ, start_response)
        finally:
            with self.count:
                self.active -= 1

    def handle(self, environ, start_response):
        self.log.append({
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "query": environ["QUERY_STRING"],
            **{name: environ[name] for name in HEADERS if name in environ},
        })
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.hung.set()
                self.going.wait()
        time.sleep(self.delay)
        method = environ["REQUEST_METHOD"]
        if method not in self.answers and environ["PATH_INFO"].count("/") > 1:
            # A bucket's own path is for listings.
            method = f"{method}-OBJECT"
        if method in self.answers:
            drain(environ)
            status, code, more = self.answers[method]
            body = f"<Error><Code>{code}</Code>{more}</Error>".encode()
            start_response(f"{status} {code}", [("Content-Length", str(len(body)))])
            return [body]
        if not self.conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        kind = None
        if self.faults and self.random.randrange(self.faults) == 0:
            kind = self.random.choice(["reset", "reset-after", "500", "503", "short"])
        if kind in ("500", "503"):
            drain(environ)
            code = {"500": "InternalError", "503": "SlowDown"}[kind]
            body = f"<Error><Code>{code}</Code><Message>later</Message></Error>".encode()
            start_response(f"{kind} {code}", [("Content-Length", str(len(body)))])
            return [body]
        if kind == "reset":
            raise ConnectionResetError("on command")
        if environ["REQUEST_METHOD"] == "GET":
            answer = b"".join(self.app(environ, start_response))
        else:
            # moto looks first, and writes then.
            with self.writes:
                answer = b"".join(self.app(environ, start_response))
        if kind == "reset-after":
            raise ConnectionResetError("on command")
        if kind == "short" and environ["REQUEST_METHOD"] == "GET" and len(answer) > 1:
            return Short(answer[: len(answer) // 2])
        return [answer]


class Short:
    """Half of a body."""

    def __init__(self, part):
        self.part = part

    def __iter__(self):
        yield self.part
        raise ConnectionResetError("on command")


class Handler(WSGIRequestHandler):
    """Keeps connections, says nothing, and closes one without an answer when told to."""

    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass

    def run_wsgi(self):
        try:
            super().run_wsgi()
        except ConnectionResetError:
            self.close_connection = True

    def connection_dropped(self, error, environ=None):
        self.close_connection = True


def drain(environ):
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0:
        part = environ["wsgi.input"].read(min(left, 1 << 20))
        if not part:
            break
        left -= len(part)


def backend():
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def load(bucket, folder):
    keys = backend().buckets[bucket].keys
    for name in list(keys):
        keys.pop(name)
    add(bucket, folder)


def add(bucket, folder):
    for parent, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                backend().put_object(bucket, os.path.relpath(path, folder), file.read())


def save(bucket, folder):
    for name, key in list(backend().buckets[bucket].keys.items()):
        path = os.path.join(folder, name.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(key.value)


def main():
    logging.disable(logging.CRITICAL)
    app = Middleware(DomainDispatcherApplication(create_backend_app))
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    for line in sys.stdin:
        order, *words = line.split()
        answer = {}
        if order == "bucket":
            backend().create_bucket(words[0], "us-east-1")
        elif order == "load":
            load(*words)
        elif order == "add":
            add(*words)
        elif order == "put":
            row = b'{"resourceType":"Patient","id":"odd"}\n'
            backend().put_object(words[0], " ".join(words[1:]), row)
        elif order == "keys":
            answer = sorted(backend().buckets[words[0]].keys.keys())
        elif order == "save":
            save(*words)
        elif order == "log":
            answer, app.log = app.log, []
        elif order == "hang":
            app.going.clear()
            app.hung.clear()
            app.left = int(words[0])
        elif order == "hung":
            answer = app.hung.is_set()
        elif order == "well":
            app.answers = {}
        elif order == "resume":
            app.left = None
            app.going.set()
            # A request that waited changes the buckets still.
            while app.active:
                time.sleep(0.01)
        elif order == "answer":
            app.answers[words[0]] = (words[1], words[2], "".join(words[3:]))
        elif order == "faults":
            app.faults = int(words[0])
        elif order == "delay":
            app.delay = int(words[0]) / 1000
        elif order == "ignore-conditions":
            app.conditions = False
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
