#!/bin/sh
# Sets up what the tests need and runs them; arguments are handed to pytest.
#
# example: tests/run.sh tests/tracing
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/setup.sh"
set_up test

# Clients that the tests run; without them their tests are skipped and say so.
if [ "$(id -u)" = 0 ]; then
    command -v busybox >/dev/null || debian busybox-static
fi

cd "$top"
exec "$venv/bin/python" -m pytest "$@"
