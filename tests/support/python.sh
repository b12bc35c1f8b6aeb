#!/usr/bin/env bash
# Makes target/venv with what the tests hold the program against: Python's own cryptography, OpenBao, moto.
set -euo pipefail
cd "$(dirname "$0")/../.."
want="$(cat tests/support/requirements.txt)"
if [ -x target/venv/bin/python ] && [ "$(cat target/venv/.made 2>/dev/null)" = "$want" ]; then exit 0; fi
mkdir -p target
python3 -m venv --clear target/venv
target/venv/bin/pip install --quiet --disable-pip-version-check -r tests/support/requirements.txt
printf '%s' "$want" > target/venv/.made
