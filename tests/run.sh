#!/bin/sh
# Sets up what the tests need and runs them; arguments are handed to pytest.
#
# example: tests/run.sh tests/tracing
set -eu
top=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
. "$top/setup.sh"
set_up test

# Clients that the tests run, as PROGRAM:PACKAGE; without them their tests are skipped and say so.
clients="busybox:busybox-static dash:dash ed:ed gcc:gcc less:less perf:linux-perf
    pkg-config:pkg-config ps:procps rasdaemon:rasdaemon tpoint-perf:perf-tools-unstable
    trace-cmd:trace-cmd vim.tiny:vim-tiny xxd:xxd"
if [ "$(id -u)" = 0 ]; then
    missing=
    for client in $clients; do
        PATH=$PATH:/usr/sbin has "${client%%:*}" || missing="$missing ${client#*:}"
    done
    pkg-config --exists libtracefs 2>/dev/null || missing="$missing libtraceevent-dev libtracefs-dev"
    # shellcheck disable=SC2086  # one word for each package
    [ -z "$missing" ] || debian $missing
fi

cd "$top"
exec "$venv/bin/python" -m pytest "$@"
