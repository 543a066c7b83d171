"""Athena, Glue and S3 (moto) on a free port of the loopback device, with queries that run.

Workgroups, the catalog and objects are moto's. Statements are read by Trino's and Hive's grammar
(sqlglot) and refused where they are none, then carried out by DuckDB; tables are known to Glue,
UNLOAD writes to S3, and external tables read from it.

Orders are those of `s3_server.py`, and:

    workgroup NAME KEY LOCATION     makes a workgroup; KEY: of KMS, `s3`, or `none`
    table NAME FILE                 a source table of a Parquet file
    throttle N                      N more calls of Athena are throttled
    stumble N                       N more queries fail, and may be tried again
    blind N                         N more looks at queries are refused
    linger SECONDS                  so long a query takes from now on
    states                          the states of all queries, in their order
    statements                      the statements since the last time, as they came
    tables                          the tables in Glue
    peak                            how many queries were under way at the same time

Queries take a moment, so that some are under way at the same time.
"""

import itertools
import json
import logging
import os
import sys
import tempfile
import threading
import time

import duckdb
import sqlglot
from moto.athena.models import athena_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.glue.models import glue_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from s3_server import Handler, Middleware, backend, load, save
from sqlglot import exp
from werkzeug.serving import make_server

REGION = "us-east-1"
HIVE = {"BIGINT": "bigint", "INTEGER": "int", "SMALLINT": "smallint", "TINYINT": "tinyint",
        "DOUBLE": "double", "FLOAT": "float", "BOOLEAN": "boolean", "DATE": "date",
        "VARCHAR": "string", "TIMESTAMP": "timestamp", "HUGEINT": "bigint"}
TRINO = {"string": "varchar", "int": "integer"}
# Athena has more pages than anyone would read in a test.
PAGE = 3


class Refused(Exception):
    """What a query fails with."""


class Lake:
    """Tables, in DuckDB and in Glue."""

    def __init__(self):
        self.database = duckdb.connect()
        self.lock = threading.Lock()
        self.folder = tempfile.mkdtemp()
        self.schema = "cumulus"
        glue = glue_backends[DEFAULT_ACCOUNT_ID][REGION]
        glue.create_database(self.schema, {"Name": self.schema}, None)
        self.glue = glue

    def know(self, name, kind):
        columns = [{"Name": column[0], "Type": HIVE.get(column[1], "string")}
                   for column in self.database.execute(f'DESCRIBE "{name}"').fetchall()]
        self.forget(name)
        self.glue.create_table(self.schema, name, {
            "Name": name, "TableType": kind, "StorageDescriptor": {"Columns": columns},
            "Parameters": {}})

    def forget(self, name):
        if name in self.glue.databases[self.schema].tables:
            self.glue.delete_table(self.schema, name)

    def source(self, name, path):
        self.database.execute(f"CREATE TABLE \"{name}\" AS FROM read_parquet('{path}')")
        self.know(name, "EXTERNAL_TABLE")

    def run(self, text):
        """The head and the rows of a statement."""
        try:
            statements = sqlglot.parse(text, dialect="athena")
        except sqlglot.errors.SqlglotError as error:
            raise Refused(f"SYNTAX_ERROR: {error}") from error
        if len(statements) != 1 or statements[0] is None:
            raise Refused("SYNTAX_ERROR: Only one sql statement is allowed")
        if text.lstrip().upper().startswith("UNLOAD"):
            return self.unload(text)
        statement = statements[0].transform(local_time)
        if isinstance(statement, exp.Command):
            raise Refused(f"SYNTAX_ERROR: not understood: {text[:60]}")
        with self.lock:
            if isinstance(statement, exp.Create):
                return self.create(statement, text)
            if isinstance(statement, exp.Drop):
                name = statement.find(exp.Table).name.lower()
                kind = statement.args["kind"]
                # In Hive's words a name is in backticks, in Trino's never.
                if (kind == "TABLE" and '"' in text) or (kind == "VIEW" and "`" in text):
                    raise Refused("FAILED: ParseException: mismatched input")
                self.database.execute(f'DROP {kind} IF EXISTS "{name}"')
                self.forget(name)
                return [], []
            return self.rows(statement)

    def rows(self, statement):
        cursor = self.database.execute(statement.sql(dialect="duckdb"))
        head = [(column[0], str(column[1])) for column in cursor.description]
        return head, cursor.fetchall()

    def create(self, statement, text):
        kind = statement.args["kind"]
        query = statement.expression
        if query is None:
            return self.external(statement, text)
        name = statement.this.name.lower()
        if name in self.glue.databases[self.schema].tables and not statement.args.get("replace"):
            raise Refused(f"Table '{name}' already exists")
        replace = "OR REPLACE " if statement.args.get("replace") else ""
        sql = query.sql(dialect="duckdb")
        self.database.execute(f'CREATE {replace}{kind} "{name}" AS {sql}')
        self.know(name, "VIRTUAL_VIEW" if kind == "VIEW" else "EXTERNAL_TABLE")
        return [], []

    def external(self, statement, text):
        if "`" not in text or "EXTERNAL" not in text:
            raise Refused("FAILED: ParseException: an external table wants Hive's words")
        name = statement.this.this.name.lower()
        place = statement.find(exp.LocationProperty).this.name
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        if not prefix.endswith("/"):
            raise Refused("a location ends with /")
        folder = tempfile.mkdtemp(dir=self.folder)
        for index, (key, value) in enumerate(list(backend().buckets[bucket].keys.items())):
            if key.startswith(prefix):
                with open(os.path.join(folder, f"{index}.parquet"), "wb") as file:
                    file.write(value.value)
        columns = [column.name for column in statement.find_all(exp.ColumnDef)]
        shown = ", ".join(f'"{column}"' for column in columns)
        self.database.execute(
            f'CREATE TABLE "{name}" AS SELECT {shown} FROM read_parquet(\'{folder}/*.parquet\')')
        self.know(name, "EXTERNAL_TABLE")
        return [], []

    def unload(self, text):
        """In several files, if there are rows."""
        query = text[text.index("(") + 1:text.index(") TO ")]
        place = text[text.index(") TO '") + 6:]
        place = place[:place.index("'")]
        if "format = 'PARQUET'" not in text or "compression = 'SNAPPY'" not in text:
            raise Refused("SYNTAX_ERROR: unload wants a format")
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        if any(key.startswith(prefix) for key in list(backend().buckets[bucket].keys)):
            raise Refused("HIVE_PATH_ALREADY_EXISTS: the place is not empty")
        statement = sqlglot.parse_one(query, dialect="athena").sql(dialect="duckdb")
        with self.lock:
            self.database.execute(f"CREATE OR REPLACE TEMP TABLE unloaded AS {statement}")
            count = self.database.execute("SELECT count(*) FROM unloaded").fetchone()[0]
            step = max(1, (count + 2) // 3)
            for start in range(0, count, step):
                path = os.path.join(self.folder, "part.parquet")
                self.database.execute(
                    f"COPY (FROM unloaded WHERE rowid >= {start} AND rowid < {start + step}) TO "
                    f"'{path}' (FORMAT parquet, COMPRESSION snappy)")
                with open(path, "rb") as file:
                    backend().put_object(bucket, f"{prefix}part-{start}", file.read())
        return [], []


class Athena(Middleware):
    """Carries out what moto only remembers."""

    def __init__(self, app):
        super().__init__(app)
        self.lake = Lake()
        self.queries = {}
        self.numbers = itertools.count(1)
        self.throttled = 0
        self.stumbles = 0
        self.blind = 0
        self.statements = []
        self.linger = 0.05
        self.peak = 0
        self.calls = []
        self.state = threading.Lock()

    def __call__(self, environ, start_response):
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        name = target.removeprefix("AmazonAthena.")
        ours = getattr(self, name, None) if target.startswith("AmazonAthena.") else None
        if not target.startswith("AmazonAthena."):
            return super().__call__(environ, start_response)
        with self.state:
            self.calls.append(name)
            if self.throttled > 0:
                self.throttled -= 1
                return self.answer(start_response, {"__type": "ThrottlingException",
                                                    "message": "Rate exceeded"}, "400 Bad")
        if ours is None:
            return super().__call__(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length))
        try:
            return self.answer(start_response, ours(body), "200 OK")
        except Refused as error:
            return self.answer(start_response, {"__type": "MetadataException",
                                                "Message": str(error)}, "400 Bad")

    def answer(self, start_response, body, status):
        body = json.dumps(body, default=str).encode()
        start_response(status, [("Content-Type", "application/x-amz-json-1.1"),
                                ("Content-Length", str(len(body)))])
        return [body]

    def StartQueryExecution(self, body):
        text = body["QueryString"]
        number = f"query-{next(self.numbers)}"
        query = {"state": "RUNNING", "text": text, "rows": ([], []), "error": None}
        with self.state:
            self.statements.append(text)
            self.queries[number] = query
            assert body["QueryExecutionContext"]["Database"] == "cumulus"
            running = sum(query["state"] == "RUNNING" for query in self.queries.values())
            self.peak = max(self.peak, running)
            stumbles = self.stumbles > 0
            self.stumbles -= stumbles
        threading.Thread(target=self.carry_out, args=[query, stumbles], daemon=True).start()
        return {"QueryExecutionId": number}

    def carry_out(self, query, stumbles):
        end = time.monotonic() + self.linger
        while time.monotonic() < end:
            time.sleep(0.01)
            if query["state"] == "CANCELLED":
                return
        if stumbles:
            query["error"] = ("GENERIC_INTERNAL_ERROR: try again", 1, True)
            query["state"] = "FAILED"
            return
        try:
            query["rows"] = self.lake.run(query["text"])
            query["state"] = "SUCCEEDED"
        except Exception as error:
            query["error"] = (words(error), 2, False)
            query["state"] = "FAILED"

    def GetQueryExecution(self, body):
        with self.state:
            if self.blind > 0:
                self.blind -= 1
                raise Refused("not to be seen")
        query = self.queries[body["QueryExecutionId"]]
        status = {"State": query["state"]}
        if query["error"]:
            reason, category, again = query["error"]
            status["StateChangeReason"] = reason
            status["AthenaError"] = {"ErrorCategory": category, "Retryable": again,
                                     "ErrorMessage": reason}
        ddl = query["text"].lstrip().upper().startswith(("DROP", "CREATE EXTERNAL"))
        statistics = {"DataScannedInBytes": 0 if ddl else 1234, "TotalExecutionTimeInMillis": 50}
        return {"QueryExecution": {"QueryExecutionId": body["QueryExecutionId"],
                                   "Query": query["text"], "Status": status,
                                   "Statistics": statistics}}

    def StopQueryExecution(self, body):
        self.queries[body["QueryExecutionId"]]["state"] = "CANCELLED"
        return {}

    def GetQueryResults(self, body):
        head, rows = self.queries[body["QueryExecutionId"]]["rows"]
        info = [{"Name": name, "Type": TRINO.get(HIVE.get(kind, "string"), HIVE.get(kind, "varchar"))}
                for name, kind in head]
        cells = [[name for name, _ in head]] if head else []
        cells += [[text(value) for value in row] for row in rows]
        start = int(body.get("NextToken") or 0)
        data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]}
                for row in cells[start:start + PAGE]]
        answer = {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}}
        if start + PAGE < len(cells):
            answer["NextToken"] = str(start + PAGE)
        return answer

    def tables(self):
        return sorted(self.lake.glue.databases[self.lake.schema].tables)

    def metadata(self, name):
        table = self.lake.glue.get_table(self.lake.schema, name).as_dict()
        return {"Name": name, "TableType": table["TableType"], "Parameters": {},
                "Columns": table["StorageDescriptor"]["Columns"], "PartitionKeys": []}

    def ListTableMetadata(self, body):
        pattern = body.get("Expression", "*").rstrip("*")
        names = [name for name in self.tables() if name.startswith(pattern)]
        start = int(body.get("NextToken") or 0)
        answer = {"TableMetadataList": [self.metadata(n) for n in names[start:start + PAGE]]}
        if start + PAGE < len(names):
            answer["NextToken"] = str(start + PAGE)
        return answer

    def GetTableMetadata(self, body):
        name = body["TableName"].lower()
        if name not in self.tables():
            raise Refused(f"Table {name} not found. (Error Code: EntityNotFoundException)")
        return {"TableMetadata": self.metadata(name)}


def local_time(node):
    """A time with an offset has its own date in Athena; in DuckDB it is an instant."""
    if isinstance(node, exp.FromISO8601Timestamp):
        return sqlglot.parse_one(
            "CAST(REGEXP_REPLACE(x, '(Z|[+-][0-9:]+)$', '') AS TIMESTAMP)", dialect="duckdb"
        ).transform(lambda part: node.this if isinstance(part, exp.Column) else part)
    return node


def words(error):
    """The error as Athena would put it."""
    if isinstance(error, duckdb.ConversionException):
        return f"INVALID_CAST_ARGUMENT: Value cannot be cast: {error}"
    if isinstance(error, duckdb.Error):
        return f"COLUMN_NOT_FOUND: {error}"
    return str(error)


def text(value):
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def workgroup(name, key, location):
    encryption = {"EncryptionOption": "SSE_S3"} if key == "s3" else {
        "EncryptionOption": "SSE_KMS", "KmsKey": key}
    results = {"OutputLocation": location} if location != "none" else {}
    if key != "none":
        results["EncryptionConfiguration"] = encryption
    athena_backends[DEFAULT_ACCOUNT_ID][REGION].create_work_group(
        name, {"ResultConfiguration": results}, "", [])


def main():
    logging.disable(logging.CRITICAL)
    app = Athena(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    for line in sys.stdin:
        order, *words = line.split()
        answer = {}
        if order == "bucket":
            backend().create_bucket(words[0], REGION)
        elif order == "load":
            load(*words)
        elif order == "save":
            save(*words)
        elif order == "log":
            answer, app.log = app.log, []
        elif order == "calls":
            answer, app.calls = app.calls, []
        elif order == "workgroup":
            workgroup(*words)
        elif order == "table":
            app.lake.source(*words)
        elif order == "throttle":
            app.throttled = int(words[0])
        elif order == "stumble":
            app.stumbles = int(words[0])
        elif order == "blind":
            app.blind = int(words[0])
        elif order == "linger":
            app.linger = float(words[0])
        elif order == "states":
            answer = [query["state"] for query in app.queries.values()]
        elif order == "statements":
            answer, app.statements = app.statements, []
        elif order == "tables":
            answer = app.tables()
        elif order == "peak":
            answer = app.peak
        print(json.dumps(answer), flush=True)
    # DuckDB's own end has much to say that is of no interest.
    os._exit(0)


if __name__ == "__main__":
    main()
