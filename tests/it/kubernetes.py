"""Prints the objects of docs/kubernetes/ as a line of JSON each, with their file.

    kubernetes.py FOLDER

First each is checked against Kubernetes' own schemas, unknown fields included.
"""

import json
import sys
from pathlib import Path

import kubernetes_validate
import yaml

for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    for object in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(object, "1.37", strict=True)
        print(json.dumps({"file": path.name, "object": object}))
