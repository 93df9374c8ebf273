# SPDX-License-Identifier: GPL-2.0-only
"""Checks a dashboard against Grafana's published types: parses it, writes it again, and compares. Fields that are
unknown to Grafana are lost on the way."""

import json
import sys

from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import dashboard

plugins.register_default_plugins()


def written(source):
    return json.loads(encoder.JSONEncoder().encode(dashboard.Dashboard.from_json(source)))


def differences(source, result, place="dashboard"):
    if isinstance(source, dict) and isinstance(result, dict):
        for key, value in source.items():
            if key in result:
                yield from differences(value, result[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is unknown to Grafana"
    elif isinstance(source, list) and isinstance(result, list) and len(source) == len(result):
        for number, pair in enumerate(zip(source, result)):
            yield from differences(*pair, f"{place}[{number}]")
    elif source != result:
        yield f"{place} is {source!r}, but Grafana changes it to {result!r}"


with open(sys.argv[1], encoding="utf-8") as file:
    SOURCE = json.load(file)
# Check that a misspelt field is found.
WRONG = json.loads(json.dumps(SOURCE))
WRONG["panels"][0]["tilte"] = "x"
if not any("tilte" in it for it in differences(WRONG, written(WRONG))):
    sys.exit("a wrong dashboard passes")
FOUND = list(differences(SOURCE, written(SOURCE)))
if FOUND:
    sys.exit("\n".join(FOUND))
