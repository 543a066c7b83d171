#!/usr/bin/env python3
"""Runs Cumulus ETL and this program on the same export, and compares what they make of it.

    scripts/compare-with-cumulus-etl.py                     a generated export of 100 patients
    scripts/compare-with-cumulus-etl.py --patients 1000 --seed 7
    scripts/compare-with-cumulus-etl.py --input DIR         any other export

Compared are, with one codebook: every row of all tables and the completion tables (as NDJSON),
the deletes, the ID mapping, and the schemas of our Parquet and Delta tables with those that
Cumulus's library gives to the same rows. Differences are listed by table and element; those that
the specification of this program wants are told apart, each with its reason. Exits with 1 if
there are others.

Needs Python 3.11; Cumulus ETL comes from PyPI into ~/.cache unless --venv names an environment
that has it. The examples show values of the input: meant for synthetic data.
"""

import argparse
import collections
import functools
import gzip
import hashlib
import hmac
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "4.3.6"
CODEBOOK = {
    "version": 1,
    "codebook_id": "1f0c4a64-52c3-4d0e-9d0b-6f1f6f3b2a55",
    "id_salt": "5c" * 32,
}
ROOT = Path(__file__).resolve().parent.parent
COMPLETION = {
    "etl__completion": ("table_name", "group_name"),
    "etl__completion_encounters": ("encounter_id", "group_name"),
}
MISSING = object()
TAKEN = "it takes the row by itself"
ENDS = "the row ends its run"

# Differences that are allowed, each with the sentence of the specification that wants it.
# Rows only here, by what Cumulus ETL says of them:
ABSOLUTE = "An absolute reference is hashed rather than costing the whole resource"
ROWS_ONLY_OURS = [
    (r"Unrecognized reference", ABSOLUTE),
    (r"action val, key onset",
     "three AllergyIntolerance.onset* entries corrected: Cumulus ETL treats them as scalars"),
    (r"action \{'extension': 'Extension'.*\}, key _",
     "Nulls are dropped, except in lists of primitives, where they stay to align with _name"),
    (r"ends its run: (TypeError|AttributeError: 'NoneType')", "Rejected rows never stop the run"),
    (r"modifier extension in a sibling", "_name siblings follow Element's rules"),
]
# Rows only there, by our reason:
ROWS_ONLY_THEIRS = {
    "list-in-list": "a list inside a list rejects the row",
    "does-not-fit": "A value that doesn't fit its type rejects the row, counted",
    "wrong-kind":
        "a value of the wrong JSON kind where the allow-list expects an object or a scalar",
}
SHAPES = "a US ZIP or masked; four digits of a year or dropped; types by one list of names"
LATER_WINS = "Duplicate IDs within a run: the later row wins"
MAPPING = "for every Patient and Encounter id seen: those of rows that one program does not take"
HASH = "[0-9a-f]{64}"
MASKED = {
    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}


def is_zip(text):
    return re.fullmatch(r"[0-9]{5}(-?[0-9]{4})?", text, re.ASCII) is not None


@functools.cache
def resource_types():
    """As this program's list has them."""
    source = (ROOT / "crates/fhir/src/resource_types.rs").read_text()
    return set(re.findall(r'^    "([A-Za-z]+)",$', source, re.MULTILINE))


def is_resource_type(name):
    return name.strip().removeprefix("http://hl7.org/fhir/StructureDefinition/") in resource_types()


def is_r4(name):
    from cumulus_fhir_support import resource_info

    return name in resource_info.ALL_RESOURCES


def allowed_value(path, ours, theirs):
    """Why a value may differ: what, and the specification's sentence; None if it may not."""
    name, text = path.rpartition(".")[2], theirs if isinstance(theirs, str) else ""
    if name == "reference":
        if re.fullmatch(rf"\W?(https?|urn):/{HASH}", text):
            # Cumulus ETL takes the scheme for the type, if a type stands beside it.
            return "absolute references with a type", ABSOLUTE
        if re.fullmatch(rf"\s+[A-Za-z]+/{HASH}", text):
            return "references after a space", "with no type in the string, a sibling type gives it"
        if re.fullmatch(rf"\s*{re.escape(ours.partition('/')[0])}\s*/{HASH}", text):
            return "types with spaces", "First of all a string is trimmed"
        if re.fullmatch(rf"[A-Za-z0-9]+/{HASH}", text) and not is_r4(text.partition("/")[0]):
            return "references to unknown types", "where no type is known, the bare hash"
        if text.endswith("None"):
            return "references to an empty id", "#id → #hash(id)"
    if name == "postalCode" and ours is MISSING and not is_zip(text):
        return "postal codes that are no ZIP code", SHAPES
    if path.endswith("_postalCode") and theirs is MISSING and MASKED in ours.get("extension", []):
        return "postal codes that are no ZIP code", SHAPES
    if name == "extension" and path.endswith("_postalCode.extension"):
        return "postal codes that are no ZIP code", SHAPES
    if name == "birthDate" and ours is MISSING:
        return "birth dates that are no dates", SHAPES
    if name == "type" and ours is MISSING and text and not is_resource_type(text):
        return "types that are none", SHAPES
    if name == "reference" and re.fullmatch(HASH, str(ours)) and text.endswith(f"/{ours}"):
        return "references with a type that is none", SHAPES
    if name == "contained" and isinstance(theirs, list):
        known = [item for item in theirs if is_resource_type(item.get("resourceType", ""))]
        if (known or MISSING) == ours:
            return "contained resources without a type", SHAPES
    if re.search(r"\._\w+(\[\])?\.modifierExtension$", f".{path}") and ours is MISSING:
        return "modifier extensions in siblings", "_name siblings follow Element's rules"
    if name == "extension" and isinstance(theirs, list) and theirs and theirs[-1] == MASKED:
        if (theirs[:-1] or MISSING) == ours:
            return ("empty codes and displays that are not masked",
                    "a string is trimmed, and dropped if empty (then it is not masked either)")
    return None


# Lines that are no rows of their file's type. Cumulus ETL is not given them: a row without an id
# ends its run.
UNUSABLE_LINES = {
    "not-json": "Rejected rows (not JSON, …) never stop the run and never vanish",
    "not-an-object": "Rejected rows (…, not an object, …) never stop the run and never vanish",
    "wrong-resource-type": "Rejected rows (…, wrong resourceType, …) never stop the run",
    "no-id": "a row without an id is rejected rather than ending the run",
}


def main():
    args = arguments()
    venv = make_venv(args.venv)
    if args.install:
        print(venv / "bin/cumulus-etl")
        return
    enter_venv(venv)
    logging.disable(logging.CRITICAL)
    work = Path(args.keep or tempfile.mkdtemp(prefix="cumulus-etl-compare-"))
    try:
        work.mkdir(parents=True, exist_ok=True)
        if any(work.iterdir()):
            sys.exit(f"'{work}' is not empty")
        sys.exit(compare(args, work))
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target/debug/cumulus-etl", type=Path,
                        help="this program's binary [target/debug/cumulus-etl]")
    parser.add_argument("--patients", default="100", metavar="N", help="patients to generate [100]")
    parser.add_argument("--seed", default="1", metavar="S", help="what they follow from [1]")
    parser.add_argument("--input", metavar="DIR", help="compare on this export instead")
    parser.add_argument("--venv", metavar="DIR", help="environment that has Cumulus ETL")
    parser.add_argument("--install", action="store_true",
                        help="install Cumulus ETL, print where its program is, and end")
    parser.add_argument("--keep", metavar="DIR", help="work in this folder, and leave it there")
    parser.add_argument("--examples", default=2, type=int, metavar="N",
                        help="examples for each difference [2]")
    return parser.parse_args()


def make_venv(given):
    """The environment with Cumulus ETL, made if none is given and there is none yet."""
    venv = Path(given or Path.home() / f".cache/cumulus-etl-predecessor-{VERSION}").resolve()
    python = venv / "bin/python"
    if not given and not (venv / "complete").exists():
        shutil.rmtree(venv, ignore_errors=True)
        uv = shutil.which("uv")
        if uv:
            subprocess.run([uv, "venv", "--quiet", "--python", "3.11", venv], check=True)
            install = [uv, "pip", "install", "--quiet", "--python", python]
        else:
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, f"cumulus-etl=={VERSION}"], check=True)
        (venv / "complete").touch()
    return venv


def enter_venv(venv):
    """Goes on with the Python of this environment, if it is not the one that runs."""
    if Path(sys.prefix).resolve() != venv:
        python = venv / "bin/python"
        os.execv(python, [python, *sys.argv])


def compare(args, work):
    export = Path(args.input) if args.input else work / "export"
    if not args.input:
        run([args.program, "demo", export, "--patients", args.patients, "--seed", args.seed,
             "--data-only", "--every-element"], work)
    for name in ("ours", "theirs"):
        (work / name / "phi").mkdir(parents=True)
        (work / name / "phi/codebook.json").write_text(json.dumps(CODEBOOK))
    raw = Raw(export, Predecessor())
    raw.write(export, work / "theirs/input")
    run([args.program, "--output-format", "ndjson,parquet,deltalake", export, work / "ours/output",
         work / "ours/phi"], work)
    run([Path(sys.prefix) / "bin/cumulus-etl", "etl", "--output-format", "ndjson",
         work / "theirs/input", work / "theirs/output", work / "theirs/phi"], work,
        # It cannot sort extensions without a url into its report; by then all tables are written.
        may_end_in="_print_extension_table")

    report = Report(args.examples)
    Comparison(raw, work, report).all()
    return report.print()


def run(command, work, may_end_in=None):
    print(f"{Path(command[0]).name} …", file=sys.stderr)
    log = work / f"{Path(command[0]).name}.log"
    with log.open("ab") as file:
        done = subprocess.run([str(part) for part in command], stdout=file, stderr=file)
    said = log.read_text()[-2000:]
    if done.returncode != 0 and not (may_end_in and may_end_in in said):
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{said}")


class Predecessor:
    """Cumulus ETL's treatment of a single row."""

    def __init__(self):
        from cumulus_etl.deid import scrubber

        # Without a folder it has a codebook of its own, which does not matter here.
        self.scrubber = scrubber.Scrubber()

    def verdict(self, line):
        """TAKEN, or what it says when it leaves out the row, or how the row ends its run."""
        said = []
        handler = logging.Handler()
        handler.emit = lambda record: said.append(record.getMessage())
        logging.disable(logging.NOTSET)
        logging.getLogger().addHandler(handler)
        try:
            row = json.loads(line)
            taken = self.scrubber.scrub_resource(row)
            for resource in row.get("contained", []) if taken else []:
                resource.get("resourceType")  # as its schema does
        except Exception as error:
            return f"{ENDS}: {type(error).__name__}: {error}"
        finally:
            logging.getLogger().removeHandler(handler)
            logging.disable(logging.CRITICAL)
        if taken:
            return TAKEN
        if not said and has_modifier_in_sibling(json.loads(line)):
            return "modifier extension in a sibling"
        return " ".join(said) or "it does not say why"


def has_modifier_in_sibling(node, sibling=False):
    """Whether an _name element, which has none in R4, has a modifierExtension."""
    if isinstance(node, list):
        return any(has_modifier_in_sibling(item, sibling) for item in node)
    if not isinstance(node, dict):
        return False
    return sibling and "modifierExtension" in node or any(
        has_modifier_in_sibling(value, name.startswith("_")) for name, value in node.items())


class Raw:
    """The usable rows of an export, by type and id, and how many lines are not usable."""

    def __init__(self, export, predecessor):
        self.predecessor = predecessor
        self.rows = collections.defaultdict(lambda: collections.defaultdict(list))
        self.lines = collections.defaultdict(list)
        self.unusable = collections.Counter()
        self.deleted = collections.defaultdict(set)
        files = sorted(path for path in export.rglob("*.ndjson*") if path.is_file())
        for path in files:
            folder = path.relative_to(export).parts[0]
            if path.name.startswith("log.") or folder == "error":
                continue
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                lines = [line for line in file.read().split(b"\n") if line.strip()]
            if folder == "deleted":
                self.read_deletes(lines)
            else:
                self.read(lines)

    def read(self, lines):
        values = [parse(line) for line in lines]
        named = (value.get("resourceType") for value in values if isinstance(value, dict))
        resource_type = next((name for name in named if name in types()), None)
        if resource_type is None:
            return
        for line, value in zip(lines, values):
            reason = unusable(value, resource_type)
            if reason:
                self.unusable[resource_type.lower(), reason] += 1
            else:
                self.rows[resource_type][fake(value["id"].strip())].append(line)
                if not self.predecessor.verdict(line).startswith(ENDS):
                    self.lines[resource_type].append(line)

    def read_deletes(self, lines):
        for bundle in map(parse, lines):
            for entry in bundle.get("entry", []):
                resource_type, _, real = entry["request"]["url"].partition("/")
                self.deleted[resource_type.lower()].add(fake(real))

    def superseded_shows(self, resource_type, path):
        """Whether a row that is not in the end result has this element."""
        deleted = self.deleted[resource_type.lower()]
        for row_id, lines in self.rows[resource_type].items():
            for line in lines if row_id in deleted else lines[:-1]:
                if has(json.loads(line), path.replace("[]", "").split(".")):
                    return True
        return False

    def write(self, export, folder):
        """The export without the lines that Cumulus ETL cannot use, or not survive."""
        folder.mkdir()
        for name in ("log.ndjson", "deleted"):
            if (export / name).is_dir():
                shutil.copytree(export / name, folder / name)
            elif (export / name).exists():
                shutil.copy(export / name, folder / name)
        for resource_type, lines in self.lines.items():
            (folder / f"{resource_type}.000.ndjson").write_bytes(b"\n".join(lines) + b"\n")


def has(node, path):
    if isinstance(node, list):
        return any(has(item, path) for item in node)
    if not path or not isinstance(node, dict):
        return not path
    return path[0] in node and has(node[path[0]], path[1:])


def types():
    from cumulus_etl.etl.tasks import task_factory

    return {task.resource for task in task_factory.get_default_tasks()}


def unusable(value, resource_type):
    if value is MISSING:
        return "not-json"
    if not isinstance(value, dict):
        return "not-an-object"
    if value.get("resourceType") != resource_type:
        return "wrong-resource-type"
    if not (isinstance(value.get("id"), str) and value["id"].strip()):
        return "no-id"
    return None


def parse(line):
    def refuse(name):
        raise ValueError(name)

    try:
        return json.loads(line, parse_constant=refuse)
    except ValueError:
        return MISSING


def fake(real):
    return hmac.new(bytes.fromhex(CODEBOOK["id_salt"]), real.encode(), hashlib.sha256).hexdigest()


class Report:
    """What was compared, and what differs."""

    def __init__(self, examples):
        self.examples = examples
        self.compared = collections.Counter()
        self.allowed = collections.Counter()
        self.others = collections.defaultdict(list)

    def count(self, what, number):
        self.compared[what] += number

    def allow(self, table, what, sentence, number=1):
        self.allowed[table, what, sentence] += number

    def differ(self, table, what, example):
        self.others[table, what].append(example)

    def print(self):
        print("Compared:")
        for what, number in sorted(self.compared.items()):
            print(f"  {number:>9,}  {what}")
        print("Differences that the specification wants:")
        for (table, what, sentence), number in sorted(self.allowed.items()):
            print(f"  {number:>9,}  {table}: {what}  [{sentence}]")
        print("Other differences:" if self.others else "No other differences.")
        for (table, what), examples in sorted(self.others.items()):
            print(f"  {len(examples):>9,}  {table}: {what}")
            for example in examples[: self.examples]:
                print(f"             {example}")
        return 1 if self.others else 0


def rows(folder, table):
    """A table's rows in the order of its files, without nulls in objects."""
    found = []
    for path in sorted((folder / table).glob("*.ndjson")):
        with path.open(encoding="utf8") as file:
            found.extend(json.loads(line) for line in file)
    return found


def named_ids(folder):
    """The anonymous ids of patients and encounters that a folder's tables name."""
    found = {"Patient": set(), "Encounter": set()}
    for path in folder.rglob("*.ndjson"):
        for line in path.open(encoding="utf8"):
            for kind, fake_id in re.findall(r'"(Patient|Encounter)/([0-9a-f]{64})"', line):
                found[kind].add(fake_id)
            if path.parent.name in ("patient", "encounter"):
                found[path.parent.name.capitalize()].add(json.loads(line)["id"])
    return found


def differences(ours, theirs, path=""):
    """(path, ours, theirs) of all that differs; numbers compare by value."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in ours.keys() | theirs.keys():
            below = f"{path}.{name}" if path else name
            yield from differences(ours.get(name, MISSING), theirs.get(name, MISSING), below)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs or isinstance(ours, bool) != isinstance(theirs, bool):
        yield path, ours, theirs


def show(value):
    return "(nothing)" if value is MISSING else json.dumps(value)[:300]


class Comparison:
    def __init__(self, raw, work, report):
        self.raw, self.work, self.report = raw, work, report
        self.ours, self.theirs = work / "ours/output", work / "theirs/output"
        self.rejected = self.read_rejected()

    def read_rejected(self):
        """Our reasons by table and anonymous id; those of unusable lines are counted."""
        found, lines = collections.defaultdict(dict), collections.Counter()
        for path in (self.work / "ours/phi/rejected").rglob("*.ndjson"):
            table = path.name.removesuffix(".ndjson").lower()
            for line in path.open(encoding="utf8"):
                entry = json.loads(line)
                if entry["reason"] in UNUSABLE_LINES:
                    lines[table, entry["reason"]] += 1
                else:
                    row = parse(entry["row"])
                    why = (entry["reason"], entry["element"])
                    found[table][fake(row["id"].strip())] = why
        for table, reason in lines | self.raw.unusable:
            mine, expected = lines[table, reason], self.raw.unusable[table, reason]
            if mine == expected:
                self.report.allow(table, f"lines rejected: {reason}", UNUSABLE_LINES[reason], mine)
            else:
                self.report.differ(table, f"lines rejected: {reason}", f"{mine}, not {expected}")
        return found

    def all(self):
        for resource_type in sorted(types()):
            table = resource_type.lower()
            ours = self.table(resource_type, table)
            self.deletes(table)
            self.schemas(resource_type, table, ours)
        for table, key in COMPLETION.items():
            self.completion(table, key)
        self.mapping()

    def table(self, resource_type, table):
        ours = rows(self.ours / "ndjson", table)
        mine = {row["id"]: row for row in ours}
        if len(mine) != len(ours):
            self.report.differ(table, "several rows of one id", len(ours) - len(mine))
        other = {row["id"]: row for row in rows(self.theirs, table)}
        for row_id in mine.keys() - other.keys():
            self.only_ours(resource_type, table, row_id)
        for row_id in other.keys() - mine.keys():
            self.only_theirs(resource_type, table, other[row_id])
        for row_id in mine.keys() & other.keys():
            self.row(resource_type, table, mine[row_id], other[row_id])
        return ours

    def row(self, resource_type, table, mine, other):
        found = list(differences(mine, other))
        if found:
            same_id = self.raw.rows[resource_type][mine["id"]]
            if len(same_id) > 1 and self.raw.predecessor.verdict(same_id[-1]) != TAKEN:
                return self.report.allow(table, "the later row only here", LATER_WINS)
        self.report.count("rows in both", 1)
        self.report.count(f"rows in both: {table}", 1)
        for path, one, two in found:
            allowed = allowed_value(path, one, two)
            if allowed:
                self.report.allow(table, *allowed)
            else:
                example = f"ours {show(one)}, theirs {show(two)}, row {mine['id'][:12]}"
                self.report.differ(table, path, example)
        return None

    def only_ours(self, resource_type, table, row_id):
        why = self.raw.predecessor.verdict(self.raw.rows[resource_type][row_id][-1])
        for pattern, sentence in ROWS_ONLY_OURS:
            if re.search(pattern, why):
                return self.report.allow(table, "rows only here", sentence)
        return self.report.differ(table, "rows only here", why)

    def only_theirs(self, resource_type, table, row):
        import cumulus_fhir_support

        row_id = row["id"]
        if row_id in self.raw.deleted[table]:
            sentence = "deletes apply after upserts"
            return self.report.allow(table, "rows only there: deleted in the same run", sentence)
        reason, element = self.rejected[table].get(row_id, ("not rejected", ""))
        what = f"rows only there: {reason}"
        schema = tree(cumulus_fhir_support.pyarrow_schema_from_rows(resource_type, [row]))
        if reason in ROWS_ONLY_THEIRS and (
                # Of these the schema has no columns.
                element.startswith("contained.contained.") or not fits(row, schema)):
            return self.report.allow(table, what, ROWS_ONLY_THEIRS[reason])
        return self.report.differ(table, f"{what} at {element}", row_id)

    def deletes(self, table):
        def read(folder):
            path = folder / table / f"{table}.meta"
            return set(json.loads(path.read_text())["deleted"]) if path.exists() else set()

        ours, theirs = read(self.ours / "ndjson"), read(self.theirs)
        self.report.count("deletes", len(ours))
        if ours != theirs or ours != self.raw.deleted[table]:
            self.report.differ(table, "deletes", f"{len(ours)} and {len(theirs)}")

    def completion(self, table, key):
        def read(folder):
            found = collections.defaultdict(list)
            for row in rows(folder, table):
                row.pop("etl_time", None)
                row.pop("etl_version", None)
                found[tuple(row[name] for name in key)].append(row)
            return found

        ours, theirs = read(self.ours / "ndjson"), read(self.theirs)
        taken = {row["id"] for row in rows(self.ours / "ndjson", "encounter")}
        self.report.count(f"rows in both: {table}", len(ours.keys() & theirs.keys()))
        for name in ours.keys() | theirs.keys():
            # Their NDJSON repeats an encounter for each batch that it is in.
            if ours.get(name, [])[:1] == theirs.get(name, [])[:1]:
                continue
            if name not in theirs and name[0] in taken:
                self.report.allow(table, "encounters only here", "as the rows themselves")
            elif name not in ours and name[0] not in taken:
                self.report.allow(table, "encounters only there", "as the rows themselves")
            else:
                example = f"{name}: {ours.get(name)}, not {theirs.get(name)}"
                self.report.differ(table, "rows", example)

    def mapping(self):
        def read(name):
            path = self.work / name / "phi/codebook-cached-mappings.json"
            return json.loads(path.read_text())

        ours, theirs = read("ours"), read("theirs")
        in_ours, in_theirs = named_ids(self.ours / "ndjson"), named_ids(self.theirs)
        for kind in ("Patient", "Encounter"):
            mine, other = ours.get(kind, {}), theirs.get(kind, {})
            self.report.count("pairs in both ID mappings", len(mine.keys() & other.keys()))
            for fake_id in in_ours[kind] - set(mine.values()):
                self.report.differ("ID mapping", f"{kind}: not to be traced back", fake_id)
            for real in mine.keys() | other.keys():
                one, two = mine.get(real), other.get(real)
                if one == two:
                    continue
                if two is None and one not in in_theirs[kind]:
                    self.report.allow("ID mapping", f"{kind}: only here", MAPPING)
                elif one is None and two not in in_ours[kind]:
                    self.report.allow("ID mapping", f"{kind}: only there", MAPPING)
                else:
                    self.report.differ("ID mapping", kind, f"{real}: {one}, not {two}")

    def schemas(self, resource_type, table, ours):
        import cumulus_fhir_support
        import pyarrow.parquet

        if not ours:
            return
        expected = tree(cumulus_fhir_support.pyarrow_schema_from_rows(resource_type, ours))
        self.report.count("schemas", 1)
        parquet = sorted((self.ours / "parquet" / table).glob("*.parquet"))
        for path in parquet:
            self.schema(resource_type, "Parquet", tree(pyarrow.parquet.read_schema(path)), expected)
        self.schema(resource_type, "Delta", delta_schema(self.ours / "deltalake" / table), expected)

    def schema(self, resource_type, where, ours, expected):
        table = resource_type.lower()
        for path, one, two in differences(ours, expected):
            if one is MISSING and path == "contained[].contained":
                sentence = "values that don't fit are dropped and counted"
                self.report.allow(table, "contained resources that contain others", sentence)
            elif two is MISSING and self.raw.superseded_shows(resource_type, path):
                sentence = "what de-identified rows show: those that others replaced, too"
                self.report.allow(table, "columns that replaced rows showed", sentence)
            else:
                example = f"{show(one)}, not {show(two)}"
                self.report.differ(table, f"{where} schema: {path}", example)


def fits(value, data_type):
    """Whether a table's column can hold a value; of schemas as tree() gives them."""
    if value is None:
        return True
    if isinstance(data_type, dict):
        return isinstance(value, dict) and all(
            fits(member, data_type[name]) for name, member in value.items() if name in data_type)
    if isinstance(data_type, list):
        return isinstance(value, list) and all(fits(item, data_type[0]) for item in value)
    if isinstance(value, bool) or data_type == "bool":
        return isinstance(value, bool) and data_type == "bool"
    if data_type == "int32":
        return isinstance(value, (int, float)) and value == int(value) and abs(value) < 2**31
    return isinstance(value, str) if data_type == "string" else isinstance(value, (int, float))


def tree(fields):
    """An Arrow schema or struct as nested dicts; lists hold their item's type."""
    import pyarrow

    def of(data_type):
        if pyarrow.types.is_list(data_type):
            return [of(data_type.value_type)]
        return tree(data_type) if pyarrow.types.is_struct(data_type) else str(data_type)

    return {field.name: of(field.type) for field in fields}


def delta_schema(folder):
    """The newest schema in a Delta table's log."""
    names = {"integer": "int32", "boolean": "bool"}

    def of(data_type):
        if isinstance(data_type, str):
            return names.get(data_type, data_type)
        if data_type["type"] == "array":
            return [of(data_type["elementType"])]
        return {field["name"]: of(field["type"]) for field in data_type["fields"]}

    schema = {}
    for path in sorted((folder / "_delta_log").glob("*.json")):
        for action in map(json.loads, path.read_text().splitlines()):
            if "metaData" in action:
                schema = of(json.loads(action["metaData"]["schemaString"]))
    return schema


if __name__ == "__main__":
    main()
