# Sets up what the lab needs: sourced by mount.sh and tests/run.sh with the wanted extra in $extra.
# A virtual environment in .venv with the Python packages, and libfuse from the system's packages.
# Nothing is done again while setup.cfg stays as it is.

venv=$top/.venv

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# debian PACKAGES: installs them as root, else says how.
debian() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $*" >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null 2>&1 ||
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null; } ||
            fail "apt could not install $*"
    else
        fail "missing: $*; install with: sudo apt install $*"
    fi
}

# The name of libfuse 2's package: libfuse2t64 on newer Ubuntu.
libfuse_package() {
    if apt-cache show libfuse2t64 >/dev/null 2>&1; then echo libfuse2t64; else echo libfuse2; fi
}

find_python() {
    for python in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            return
        fi
    done
    fail "Python 3.10 or later is needed; install with: sudo apt install python3 python3-venv"
}

set_up() {
    stamp=$venv/set-up-${1:-lab}
    wanted=$(cksum <"$top/setup.cfg")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi
    find_python
    if ! "$python" -c 'import ctypes; ctypes.CDLL("libfuse.so.2")' 2>/dev/null; then
        debian "$(libfuse_package)"
    fi
    command -v fusermount3 >/dev/null || command -v fusermount >/dev/null || debian fuse3
    if [ ! -x "$venv/bin/pip" ]; then
        "$python" -c 'import ensurepip' 2>/dev/null || debian python3-venv
        echo "making $venv" >&2
        "$python" -m venv "$venv" || fail "could not make $venv"
    fi
    echo "installing Python packages" >&2
    "$venv/bin/pip" install -q --disable-pip-version-check -e "$top${1:+[$1]}" ||
        fail "pip could not install the Python packages"
    echo "$wanted" >"$stamp"
}
