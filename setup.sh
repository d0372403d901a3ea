# Sets up what the lab needs: sourced by mount.sh and tests/run.sh, which say where they are in $top.
# That is a virtual environment in .venv with the Python packages, and libfuse from Debian's.
# Nothing is done again while setup.cfg stays as it is.

venv=$top/.venv

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# debian PACKAGES: installs them as root, else says how.
debian() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "missing: $*; install with: sudo apt install $*"
    fi
    echo "installing $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$@" >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; } ||
        fail "apt could not install $*; try: apt install $*"
}

# The name of libfuse 2's package: libfuse2t64 on newer Ubuntu.
libfuse_package() {
    if apt-cache show libfuse2t64 >/dev/null 2>&1; then echo libfuse2t64; else echo libfuse2; fi
}

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && return
    done
    return 1
}

has() { command -v "$1" >/dev/null; }

# set_up [EXTRA]: the extra is one of setup.cfg.
set_up() {
    stamp=$venv/set-up-${1:-lab}
    wanted="$top $(cksum <"$top/setup.cfg")"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi

    has python3 || debian python3 python3-venv
    find_python || fail "Python 3.10 or later is needed; install with: sudo apt install python3.10-venv"
    set -- "$@" --
    "$python" -c 'import ctypes; ctypes.CDLL("libfuse.so.2")' 2>/dev/null ||
        set -- "$@" "$(libfuse_package)"
    has fusermount3 || has fusermount || set -- "$@" fuse3
    [ -x "$venv/bin/pip" ] || "$python" -c 'import ensurepip' 2>/dev/null ||
        set -- "$@" python3-venv
    extra=
    if [ "$1" != -- ]; then
        extra=[$1]
        shift
    fi
    shift
    [ $# = 0 ] || debian "$@"

    if [ ! -x "$venv/bin/pip" ]; then
        echo "making $venv" >&2
        "$python" -m venv "$venv" || fail "could not make $venv; remove it and try again"
    fi
    echo "installing Python packages" >&2
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check -e "$top$extra" ||
        fail "pip could not install the Python packages; see above"
    echo "$wanted" >"$stamp"
}
