# Sets up what the lab needs: sourced by mount.sh and tests/run.sh, which say where they are in $top.
# That is a virtual environment in .venv with the Python packages, and libfuse from Debian's.
# Nothing is done again while setup.cfg stays as it is.

venv=$top/.venv
unfinished=$venv/unfinished

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

too_old() { fail "Python 3.10 or later is needed; install with: sudo apt install python3.10-venv"; }

has() { command -v "$1" >/dev/null; }

# state: the tree, setup.cfg and Python that the environment is made for; a change makes it again.
state() {
    version=$("$venv/bin/python" -ISc 'import sys; print(*sys.version_info[:2])' 2>/dev/null) &&
        echo "$top $(cksum <"$top/setup.cfg") $version"
}

is_set_up() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(state)" ]
}

# set_up [EXTRA]: the extra is one of setup.cfg. Of two set-ups at once, the second waits for the first.
set_up() {
    stamp=$venv/set-up-${1:-lab}
    is_set_up && return
    if has flock; then
        exec 9<"$top"
        flock -n 9 || { echo "waiting for another set-up of $top" >&2 && flock 9; } || true
    fi
    is_set_up || install_all "$@"
    exec 9<&-
}

# An environment whose Python this user may not run is another user's, and stays as it is.
check_owner() {
    owner=$(stat -c %u "$venv" 2>/dev/null) || return 0
    [ "$owner" = "$(id -u)" ] || "$venv/bin/python" -c '' 2>/dev/null ||
        fail "$venv is of another user and its Python can't be run; use a copy of $top of your own"
}

install_all() {
    check_owner
    extra=${1:+[$1]}
    find_python || ! has python3 || too_old
    set --
    if ! find_python; then
        set -- python3 python3-venv
    elif ! has_pip && ! "$python" -c 'import ensurepip' 2>/dev/null; then
        set -- python3-venv
    fi
    # Without a Python the library can't be looked for, so that its package is named too.
    "$python" -c 'import ctypes; ctypes.CDLL("libfuse.so.2")' 2>/dev/null ||
        set -- "$@" "$(libfuse_package)"
    has fusermount3 || has fusermount || set -- "$@" fuse3
    [ $# = 0 ] || debian "$@"
    find_python || too_old

    has_pip || make_venv ||
        fail "could not make $venv; see above, and whether the disk has room: df $venv"
    echo "installing Python packages" >&2
    until_told "$venv/bin/python" -m pip install -qq --disable-pip-version-check -e "$top$extra" ||
        fail "pip could not install the Python packages into $venv; see above"
    rm -rf "$venv/tmp"
    state >"$stamp" || fail "$stamp can't be written; see above"
}

has_pip() { [ ! -e "$unfinished" ] && "$venv/bin/python" -c 'import pip' 2>/dev/null; }

# Removes first an environment that is unfinished, or whose Python is gone; the mark goes last.
make_venv() {
    echo "making $venv" >&2
    mkdir -p "$venv" || return
    if [ -e "$unfinished" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        find "$venv" -mindepth 1 -maxdepth 1 ! -path "$unfinished" -exec rm -rf {} + || return
    fi
    : >"$unfinished" && until_told "$python" -m venv "$venv" && rm "$unfinished"
}

# until_told COMMAND...: signals that end this script end the command, which says nothing of it and
# leaves files only in the environment.
until_told() {
    mkdir -p "$venv/tmp" || return
    group=
    if has setsid; then
        group=-
        set -- setsid "$@"
    fi
    TMPDIR=$venv/tmp "$@" </dev/null &
    for signal in HUP INT TERM; do
        # shellcheck disable=SC2064  # the process is known now
        trap "kill -- $group$!; trap - $signal; kill -$signal $$" "$signal"
    done
    wait $! && trap - HUP INT TERM
}
