#!/usr/bin/env python3
"""Makes an export of odd rows: rows of another export, each changed in a few random places.

    scripts/odd-export.py EXPORT NEW --rows 20000 --seed 3
    scripts/compare-with-cumulus-etl.py --input NEW

Values change their kind or vanish, strings get spaces, lists get nulls, references, codes,
extensions, contained resources and `_name` siblings become what servers should not but do send.
Every row keeps its type and has an id of its own. The same options give the same rows.
"""

import argparse
import copy
import json
import random
import shutil
import sys
from pathlib import Path

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
BIRTHSEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
NLP = "http://fhir-registry.smarthealthit.org/StructureDefinition/nlp-source"
EPIC = "urn:oid:1.2.840.114350.1.13.861"
ID = "a1b2c3"
SPACES = [" ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "\u200b", "\ufeff"]
SCALARS = ["", " ", "text", "12", "true", "-1.50", 0, 7, -3, 1.5, 1e3, 0.1, True, False, 2**31,
           2**53 + 1, -(2**31), 1e22, "𝄞 \"quoted\" \\ \u0001", "é" * 5]
REFERENCES = [
    f"Patient/{ID}", f"Encounter/{ID}", f"Patient/{ID}/_history/2", f"Patient?identifier=s|{ID}",
    f"#{ID}", "#", f"{ID}", f"urn:uuid:{ID}", f"https://ehr.example.com/fhir/Patient/{ID}",
    f"https://other.example.org/R4/Encounter/{ID}", f" Patient/{ID}", f"Patient/{ID} ", "Patient/",
    f"Unknown/{ID}", f"patient/{ID}", "", " ", f"http://x.org/{ID}", f"Patient/{ID}?x=1", "/", "?",
    f"Pat1/{ID}", f"Patient//{ID}", f"Group/Patient/{ID}",
]
CODES = ["0", "12", "-5", "+7", " 5 ", "", "abc", "1.5", "0x10", "--1", "007", "9" * 30, "00"]
ZIPS = ["02139", "02139-1234", "03601", "K1A 0B6", "0", "036", "1234567", "٣٤٥٦٧", " 10001", "05 9"]
DATES = ["19", "1980", "1980-02", "  1980-05-05", "1980-05-05T10:00:00Z", "０１２３５"]


def extensions(rng):
    value = rng.choice([
        {"valueCode": "masked"}, {"valueString": "free"}, {"valueInteger": 4}, {"valueDecimal": 1},
        {"valueReference": {"reference": rng.choice(REFERENCES)}}, {"valueString": " "}, {},
        {"extension": [{"url": "http://unknown.example.org/x", "valueString": "nested"}]},
        {"extension": []}, {"valueCoding": {"system": EPIC, "code": "x", "display": "name"}},
        {"valueAddress": {"postalCode": rng.choice(ZIPS)}}, {"valueHumanName": {"family": "Name"}},
    ])
    url = rng.choice([ABSENT, BIRTHSEX, BIRTHSEX, "http://unknown.example.org/x", "", None, NLP])
    whole = {"url": url, **value}
    if url is None and rng.random() < 0.5:
        del whole["url"]
    return whole


def contained(rng):
    return rng.choice([
        {"resourceType": "Goal", "id": ID, "language": "en", "status": "active"},
        {"resourceType": "Nonsense", "id": ID, "name": "x"},
        {"id": ID, "status": "active"},
        {"resourceType": "Patient", "id": ID, "birthDate": "1980-02-03", "name": [{"text": "x"}]},
        {"resourceType": "Medication", "code": {"text": "aspirin"}, "contained": [
            {"resourceType": "Organization", "id": "o", "address": [{"postalCode": "02139"}]}]},
        {"resourceType": "Location", "id": "l", "address": {"state": "MA", "city": "x"}},
        {"resourceType": "Observation", "id": "o", "status": "final", "component": [
            {"valueQuantity": {"value": 3, "system": EPIC, "code": "u", "unit": "mg"}}]},
    ])


def change(row, rng):
    """Makes one change somewhere in the row."""
    places = list(walk(row))
    if not places:
        return
    holder, name = rng.choice(places)
    value = holder[name]
    objects = [row] + [h[n] for h, n in places if isinstance(h[n], dict)]
    some = rng.choice(objects)
    kind = rng.choice("pad scalar null wrap unwrap object item sibling extension modifier code "
                      "reference contained unknown drop mask zip date concept".split())
    if kind == "pad" and isinstance(value, str):
        holder[name] = rng.choice(SPACES) + value + rng.choice(SPACES)
    elif kind == "scalar" and not isinstance(value, (dict, list)):
        holder[name] = rng.choice(SCALARS)
    elif kind == "null":
        holder[name] = None
    elif kind == "wrap":
        holder[name] = [value]
    elif kind == "unwrap" and isinstance(value, list) and value:
        holder[name] = value[0]
    elif kind == "object":
        holder[name] = rng.choice([{}, {"value": "x"}, {"extension": [extensions(rng)]}, []])
    elif kind == "item" and isinstance(value, list):
        value.insert(rng.randint(0, len(value)), rng.choice([None, {}, "x", [], copy.copy(value)]))
    elif kind == "sibling" and isinstance(holder, dict):
        element = rng.choice([{"extension": [extensions(rng)]}, {"id": "x"}, {}, None,
                              {"extension": [extensions(rng), extensions(rng)], "id": "e"}])
        holder[f"_{name}".replace("__", "_")] = (
            rng.choice([[element], [None, element], element]) if isinstance(value, list)
            else element)
    elif kind == "extension":
        some.setdefault("extension", [])
        if isinstance(some["extension"], list):
            some["extension"].append(extensions(rng))
    elif kind == "modifier" and rng.random() < 0.3:
        some["modifierExtension"] = [extensions(rng)]
    elif kind == "code":
        some.update({"system": rng.choice([EPIC, EPIC, EPIC[:-8], "http://loinc.org", 5, None]),
                     "code": rng.choice(CODES), "display": rng.choice(["shown", " ", ""])})
        del some[rng.choice(["system", "code", "display"])]
    elif kind == "concept":
        coding = {"system": EPIC, "code": rng.choice(CODES), "display": "shown"}
        coding = dict(rng.sample(list(coding.items()), rng.choice([2, 3, 3])))
        if rng.random() < 0.3:
            coding["extension"] = [extensions(rng)]
        some[rng.choice(["code", "type", "category", "class"])] = rng.choice(
            [{"coding": [coding]}, [{"coding": [coding]}], coding])
    elif kind == "reference":
        target = {"reference": rng.choice(REFERENCES)}
        if rng.random() < 0.3:
            target["type"] = rng.choice(["Patient", "Practitioner", " Encounter ", "", "Nonsense"])
        some[rng.choice(["subject", "encounter", "performer", "patient", "asserter"])] = target
    elif kind == "contained":
        row["contained"] = [contained(rng) for _ in range(rng.randint(1, 2))]
    elif kind == "unknown":
        some[rng.choice(["x", "_x", "valueX", "status", "text", "div"])] = rng.choice(
            [1, "x", {"y": 2}, [3]])
    elif kind == "drop" and isinstance(holder, dict):
        del holder[name]
    elif kind == "mask":
        some.update(rng.choice([
            {"data": "aGVsbG8=", "_data": {"extension": [extensions(rng)]}},
            {"url": "https://x.org/Binary/1"}, {"content": [{"attachment": {"data": "aGVsbG8="}}]},
            {"_url": {"id": "u"}, "url": " "}, {"birthDate": rng.choice(DATES)}]))
    elif kind == "zip":
        some["address"] = rng.choice([[{"postalCode": rng.choice(ZIPS), "state": "MA"}],
                                      {"postalCode": rng.choice(ZIPS), "text": "1 Main St"}])
    elif kind == "date":
        some[rng.choice(["birthDate", "deceasedDateTime", "lastUpdated"])] = rng.choice(DATES)


def walk(node):
    """All places in a row, but for what tells it from others."""
    names = node if isinstance(node, dict) else range(len(node))
    for name in names:
        if name not in ("resourceType", "id"):
            yield node, name
            if isinstance(node[name], (dict, list)):
                yield from walk(node[name])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rows", type=int, default=20_000, help="rows in all [20000]")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rows = {}
    for path in sorted(args.export.glob("*.ndjson")):
        if not path.name.startswith("log."):
            usable = []
            for line in path.read_bytes().splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict) and row.get("resourceType") == path.name.split(".")[0]:
                    usable.append(row)
            rows[path.name.split(".")[0]] = rng.sample(usable, min(len(usable), 2000))
    if not rows:
        sys.exit(f"'{args.export}' has no files like Patient.000.ndjson")
    args.new.mkdir(parents=True)
    shutil.copy(args.export / "log.ndjson", args.new)
    for resource_type, usable in rows.items():
        with (args.new / f"{resource_type}.000.ndjson").open("w", encoding="utf8") as file:
            for number in range(args.rows // len(rows)):
                row = copy.deepcopy(rng.choice(usable))
                for _ in range(rng.choice([1, 1, 1, 2, 3])):
                    change(row, rng)
                row["id"] = f"{resource_type}-{number}"
                print(json.dumps(row, ensure_ascii=rng.random() < 0.5), file=file)


if __name__ == "__main__":
    main()
