"""Reads a SARIF log from stdin as the classes do that were generated from the published schema (python3-sarif-python-om, of
2.1.0-rtm.4): each object has the properties that it requires, and no others than it allows. Exits with what does not fit."""
import json
import sys

import attr
import sarif_om as sarif

# Of which class the value of a property is, a list of such or one; what is not here is text, a number or free.
CLASSES = {
    "runs": sarif.Run, "tool": sarif.Tool, "driver": sarif.ToolComponent, "rules": sarif.ReportingDescriptor,
    "shortDescription": sarif.MultiformatMessageString, "fullDescription": sarif.MultiformatMessageString,
    "help": sarif.MultiformatMessageString, "defaultConfiguration": sarif.ReportingConfiguration,
    "invocations": sarif.Invocation, "results": sarif.Result, "message": sarif.Message, "description": sarif.Message,
    "locations": sarif.Location, "location": sarif.Location, "physicalLocation": sarif.PhysicalLocation,
    "artifactLocation": sarif.ArtifactLocation, "region": sarif.Region, "logicalLocations": sarif.LogicalLocation,
    "codeFlows": sarif.CodeFlow, "threadFlows": sarif.ThreadFlow, "suppressions": sarif.Suppression,
}


def check(value, of, where):
    required = {a.metadata["schema_property_name"]: a.default is attr.NOTHING for a in attr.fields(of)}
    if of is sarif.Suppression:  # the classes are older than the standard's last word for it
        required["status"] = required.pop("state")
    for name in value.keys() - required.keys():
        sys.exit(f"{where}: the schema has no {name} in {of.__name__}")
    for name in required.keys() - value.keys():
        if required[name]:
            sys.exit(f"{where}: the schema requires {name} of {of.__name__}")
    for name, part in value.items():
        cls = sarif.ThreadFlowLocation if of is sarif.ThreadFlow and name == "locations" else CLASSES.get(name)
        if name == "originalUriBaseIds":
            cls, part = sarif.ArtifactLocation, list(part.values())
        if cls:
            for i, one in enumerate(part if isinstance(part, list) else [part]):
                check(one, cls, f"{where}/{name}/{i}")
        elif isinstance(part, (dict, list)) and name != "partialFingerprints":
            sys.exit(f"{where}: nobody looked into {name}")


check(json.load(sys.stdin), sarif.SarifLog, "")
