#!/bin/sh
# schema.sh: docs/patchbay.schema.json is a JSON Schema of draft 7, by python3-jsonschema where that is installed.
set -eu
schema=$(cd "$(dirname "$0")/../../docs" && pwd)/patchbay.schema.json
for python in python3 /usr/bin/python3; do
	"$python" -c 'import jsonschema' 2>/dev/null || continue
	"$python" -c 'import json, sys, jsonschema
jsonschema.Draft7Validator.check_schema(json.load(open(sys.argv[1])))' "$schema"
	echo "a schema of draft 7"
	exit 0
done
exit 77
