#!/bin/sh
# Mounts the lab, after setting up what it needs.
set -eu
top=$(dirname -- "$(readlink -f -- "$0")")

usage() {
    cat <<'END'
usage: mount.sh [OPTION...] DIR                      mount the lab on DIR
       mount.sh --unmount DIR                        end it
       mount.sh --shell [OPTION...] [-- COMMAND...]  a shell, a command in a lab

Sets up what is needed on the first run (a Python environment
in .venv, libfuse), mounts the lab on DIR, and returns once it answers. With
--shell, /sys/kernel/tracing and the like are the lab's as long as the shell
runs, for it alone; neither root nor DIR is needed.

  --kernel VERSION    the kernel to emulate: 6.1 (release 6.1.192), 6.12
                      (6.12.117), 6.18 (6.18.15) or 7.3 (7.3.4) (default: 6.12)
  --cpus N            number of CPUs (default: 4)
  --workload NAME     what the processes do: article, idle, database,
                      fragmented, heap, host, results, snapshots, sparse
                      (default: article)
  --scene FILE        play this scene each second instead of a workload
  --seed N            seed of the random numbers (default: 0)
  --speed X           virtual seconds in a real second (default: 10)
  --no-inject         leave out the inject files of events, as distributions'
                      kernels do
  --foreground        serve until Ctrl-C
  --allow-other       let other users in, as far as the modes of files do
  --log FILE          append the lab's own errors to FILE
  -v, --verbose       log each request too

examples: ./mount.sh --kernel 7.3 /tmp/lab
          ./mount.sh --shell -- trace-cmd list -e huge_memory
END
}

case "${1:-}" in
"") usage >&2; exit 2 ;;
-h | --help) usage; exit 0 ;;
esac

. "$top/setup.sh"
set_up

case "$1" in
--unmount | --shell)
    command=${1#--}
    shift
    exec "$venv/bin/tracefs-fuse" "$command" "$@"
    ;;
esac
exec "$venv/bin/tracefs-fuse" mount "$@"
