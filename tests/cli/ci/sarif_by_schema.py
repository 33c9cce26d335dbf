"""Reads a SARIF log from stdin by the published schema, whose path is given. Exits with what it refuses."""
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
log = json.load(sys.stdin)
# The schema that Debian has is the standard's last candidate (2.1.0-rtm.4); the standard calls this one property otherwise.
for run in log["runs"]:
    for result in run["results"]:
        for suppression in result.get("suppressions", []):
            suppression["state"] = suppression.pop("status")
problem = jsonschema.exceptions.best_match(jsonschema.validators.validator_for(schema)(schema).iter_errors(log))
if problem:
    sys.exit(f"/{'/'.join(map(str, problem.absolute_path))}: {problem.message}"[:2000])
