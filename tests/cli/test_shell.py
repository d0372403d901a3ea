"""``tracefs-fuse shell`` end to end: what a command finds in it, and that nothing stays behind."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.as_user import as_user
from tests.conftest import ROOT, TRACEFS_FUSE
from tests.leftovers import PATIENCE, processes_of, wait_until

SHELL = [*TRACEFS_FUSE, "shell", "--workload", "idle", "--cpus", "3"]
TRACING = "/sys/kernel/tracing"
SHOWN = (
    TRACING,
    "/sys/kernel/debug",
    "/sys/kernel/debug/tracing/events",
    "/sys/kernel/mm/transparent_hugepage/khugepaged",
    "/sys/devices/system/cpu/online",
    "/proc",
    "/proc/buddyinfo",
    "/proc/kallsyms",
    "/proc/meminfo",
    "/proc/mounts",
    "/proc/stat",
    "/proc/sys/kernel/ftrace_enabled",
    "/proc/sys/kernel/osrelease",
    "/proc/version",
    "/proc/vmstat",
)
FUSE_MAGIC = "65735546"

needs_procps = pytest.mark.skipif(not shutil.which("pgrep"), reason="needs procps")
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="bash is missing")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to prepare a machine")
needs_trace_cmd = pytest.mark.skipif(
    not shutil.which("trace-cmd"), reason="trace-cmd is missing; apt install trace-cmd"
)


@pytest.fixture(autouse=True)
def nothing_left(machine_can_mount: None, tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, no process of its labs outlives it, nor any mount."""
    tracing = os.stat(TRACING) if os.path.exists(TRACING) else None
    yield
    try:
        wait_until(lambda: not processes_of(tmp_path))
    finally:
        for process in processes_of(tmp_path):
            os.kill(process, signal.SIGKILL)
    assert (os.stat(TRACING) if os.path.exists(TRACING) else None) == tracing
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def in_shell(
    *command: str,
    before: list[str] | None = None,
    options: Sequence[str] = (),
    typed: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command in a lab's shell, which is itself run by the words ``before``."""
    return subprocess.run(
        [*(before or []), *SHELL, *options, "--", *command],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def said_by(
    script: str, before: list[str] | None = None, *, shell: str = "sh", options: Sequence[str] = ()
) -> str:
    """What a script says in a lab's shell; it must succeed."""
    done = in_shell(shell, "-euc", script, before=before, options=options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def prepared(*steps: str) -> list[str]:
    """Words that have a command run by root in a mount namespace after a few steps."""
    return ["unshare", "--mount", "sh", "-euc", "\n".join([*steps, 'exec "$@"']), "sh"]


class Running:
    """A shell in a lab that is told line by line what to do."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [*SHELL, "--", *(command or ["sh"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        row = self.ask(f"grep ' {TRACING} .* tracefs-fuse:' /proc/self/mountinfo")
        self.daemon = int(re.findall(r"tracefs-fuse:(\d+)", row)[0])

    def ask(self, line: str) -> str:
        """Have a line done that says one line."""
        keyboard, screen = self.process.stdin, self.process.stdout
        assert keyboard is not None
        assert screen is not None
        keyboard.write(f"{line}\n")
        keyboard.flush()
        return screen.readline()

    def end(self) -> int:
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


# -- what is there -------------------------------------------------------------------------------


def test_places_are_the_labs() -> None:
    kinds = said_by(f"stat -f -c %t {' '.join(SHOWN)}").split()
    assert kinds == [FUSE_MAGIC] * len(SHOWN)


def test_knobs_can_be_turned() -> None:
    said = said_by(
        "cat /sys/devices/system/cpu/online\n"
        "echo 0 > /proc/sys/kernel/ftrace_enabled; cat /proc/sys/kernel/ftrace_enabled\n"
        "cd /sys/kernel/mm/transparent_hugepage; echo madvise > enabled; cat enabled\n"
        "cd /sys/kernel/debug/tracing/events/huge_memory/mm_khugepaged_scan_pmd\n"
        f"echo 1 > enable; cat {TRACING}/set_event\n"
    )
    assert said.splitlines() == [
        "0-2",
        "0",
        "always [madvise] never",
        "huge_memory:mm_khugepaged_scan_pmd",
    ]


def test_mounts_name_the_tracefs() -> None:
    rows = [row.split(" ") for row in said_by("cat /proc/mounts").splitlines()]
    assert [row[1] for row in rows if row[2] == "tracefs"] == [TRACING]
    assert [row[1] for row in rows if row[2] == "debugfs"] == ["/sys/kernel/debug"]
    assert not [row for row in rows if "tracefs-fuse" in " ".join(row)]
    outside = {line.split(" ")[1] for line in Path("/proc/mounts").read_text().splitlines()}
    assert {"/", "/proc", "/sys", "/dev"} & outside <= {row[1] for row in rows}


def test_a_shell_in_the_shell() -> None:
    inner = " ".join([*SHELL, "--kernel", "7.3", "--", "cat", "/proc/mounts"])
    said = said_by(f"echo 0 > {TRACING}/tracing_on\n{inner}\ncat {TRACING}/tracing_on")
    assert said.count("\ntracefs ") == 1
    assert said.endswith("\n0\n")


@needs_root
def test_other_users_meet_the_modes() -> None:
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    assert said_by(f"{nobody} cat /proc/mounts /proc/vmstat").count("\ntracefs ") == 1
    refused = in_shell(*nobody.split(), "ls", TRACING)
    assert refused.returncode == 2
    assert "Permission denied" in refused.stderr


@pytest.mark.parametrize("busybox", ["", "busybox "])
def test_remount_is_refused(busybox: str) -> None:
    if busybox and not shutil.which("busybox"):
        pytest.skip("busybox is missing; apt install busybox-static")
    remount = f"{busybox}mount -t tracefs -o remount,gid=40 nodev {TRACING}"
    said = in_shell("sh", "-c", f"{remount} || stat -c %g {TRACING}/trace")
    assert said.stdout == "0\n"
    assert said.stderr.startswith("mount: ")


# -- /proc ---------------------------------------------------------------------------------------


@needs_procps
def test_clients_show_the_labs_processes() -> None:
    said = said_by("ps -eo pid,comm; pgrep khugepaged; pidof khugepaged; ps aux; top -b -n1; free")
    rows = [row.split() for row in said.splitlines() if row]
    lab = [["1", "init"], ["2", "kthreadd"], ["41", "khugepaged"], ["700", "sshd"], ["701", "bash"]]
    assert rows[: len(lab) + 3] == [["PID", "COMMAND"], *lab, ["41"], ["41"]]
    assert sum(row[-1] == "[khugepaged]" for row in rows) == 1
    assert sum(row[-1] == "khugepaged" for row in rows) == 2
    assert ["Mem:", "8138656"] in [row[:2] for row in rows]


@pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is missing")
def test_busybox_shows_the_labs_processes() -> None:
    said = said_by("busybox ps; busybox top -b -n1; busybox pidof khugepaged")
    assert len(re.findall(r"\[khugepaged\]$", said, re.M)) == 2
    assert said.endswith("\n41\n")


@needs_procps
def test_khugepaged_can_be_traced_alone() -> None:
    said = said_by(
        f"cd {TRACING}; pgrep init > set_event_pid; echo 1 > events/huge_memory/enable\n"
        "sleep 3; grep -c khugepaged-41 trace || :\n"
        "pgrep khugepaged | tee set_event_pid; sleep 3; grep -v ^# trace\n",
        options=("--workload", "article"),
    )
    before, pid, *heard = said.splitlines()
    assert (before, pid) == ("0", "41")
    assert {line.split()[0] for line in heard} == {"khugepaged-41"}


@needs_bash
def test_callers_find_themselves_and_the_machine() -> None:
    said = said_by(
        "test $(exec readlink /proc/self) -gt 0; read -r comm < /proc/$$/comm; echo $comm\n"
        "cat /proc/self/comm /proc/thread-self/comm\n"
        "echo piped | cat /dev/stdin; cat <(echo substituted); cat /dev/fd/3 3<<< descriptor\n"
        "test $(readlink -f /proc/self/exe) = $(readlink -f $(command -v readlink))\n"
        "test ! -e /proc/4194304; ls /proc | grep -cx $$ || :\n"
        "cat /proc/filesystems /proc/sys/vm/swappiness /proc/sys/kernel/cap_last_cap\n",
        shell="bash",
    )
    same = ("filesystems", "sys/vm/swappiness", "sys/kernel/cap_last_cap")
    machine = "".join(Path("/proc", name).read_text() for name in same)
    words = ["bash", "cat", "cat", "piped", "substituted", "descriptor", "0"]
    assert said == "".join(f"{word}\n" for word in words) + machine


def test_names_in_proc_are_the_labs_and_the_machines() -> None:
    listed = said_by("ls /proc; ls /proc/sys/kernel").split()
    machines = {"filesystems", "sys", "tty", "uptime", "version"}
    assert {"zoneinfo", "swaps", "cmdline"} & set(listed) == set()  # of the machine's kernel
    assert {name for name in listed if name.isdecimal()} == {"1", "2", "41", "700", "701"}
    assert machines | set(os.listdir("/proc/sys/kernel")) <= set(listed)


@pytest.mark.skipif(not shutil.which("sysctl"), reason="sysctl is missing")
def test_sysctl() -> None:
    said = said_by(
        "sysctl -n kernel.osrelease vm.swappiness; sysctl -qw kernel.kptr_restrict=2\n"
        "cat /proc/sys/kernel/kptr_restrict; ! sysctl -qw vm.swappiness=1 2>/dev/null"
    )
    assert said == f"6.12.117-oracle\n{Path('/proc/sys/vm/swappiness').read_text()}2\n"


@needs_root
def test_process_with_the_number_of_one_of_the_labs() -> None:
    first = ["unshare", "--pid", "--fork", "--mount-proc"]
    inner = " ".join([*SHELL, "--", "cat", "/proc/self/comm"])
    said = said_by(f"cat /proc/$$/comm /proc/self/comm; test -e /proc/self/ns\n{inner}", first)
    assert said.split() == ["init", "cat", "cat"]
    assert in_shell("cat", "/proc/self/comm", "/proc/1/comm", before=first).stdout == "cat\ninit\n"


# -- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM), ("kill -KILL $$", -signal.SIGKILL)],
)
def test_status_of_the_command(script: str, status: int) -> None:
    assert in_shell("sh", "-c", script).returncode == status


@pytest.mark.parametrize(
    ("command", "status", "fault"),
    [
        ("no-such-command", 127, "there is no such command"),
        (str(ROOT / "setup.cfg"), 126, "Permission denied"),
    ],
)
def test_command_that_cannot_be_run(command: str, status: int, fault: str) -> None:
    done = in_shell(command)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == f"tracefs-fuse: {command}: {fault}\n"


def test_streams_and_folder_are_the_callers() -> None:
    done = in_shell("sh", "-c", "cat; pwd; echo well >&2", typed="one\ntwo\n")
    assert (done.stdout, done.stderr) == (f"one\ntwo\n{ROOT}\n", "well\n")


@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_closed_streams_stay_closed(closed: str) -> None:
    close = " ".join(f"{stream}>&-" for stream in closed)
    count = "closed=0; for n in 0 1 2; do [ -e /proc/$$/fd/$n ] || closed=$((closed + 1)); done"
    command = ["sh", "-c", f"{count}; exit $closed"]
    done = in_shell(*command, before=["sh", "-c", f'exec "$@" {close}', "sh"])
    assert done.returncode == len(closed)


def test_options_of_the_command_are_its_own() -> None:
    for words in (["echo", "-e", "--", "--cpus"], ["--", "echo", "-e", "--", "--cpus"]):
        assert subprocess.check_output([*SHELL, *words], cwd=ROOT) == b"-- --cpus\n"


# -- the end -------------------------------------------------------------------------------------


def test_shells_are_independent_and_unseen() -> None:
    one, two = Running(), Running()
    assert one.ask(f"echo 0 > {TRACING}/tracing_on; cat {TRACING}/tracing_on") == "0\n"
    assert two.ask(f"cat {TRACING}/tracing_on") == "1\n"
    outside = Path("/proc/self/mountinfo").read_text()
    for shell in (one, two):
        assert re.search(rf"tracefs-fuse:{shell.daemon}\b", outside) is None
    assert one.end() == 0
    assert two.ask(f"cat {TRACING}/tracing_on") == "1\n"
    assert two.end() == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_lab_ends_however_its_shell_does(how: signal.Signals, tmp_path: Path) -> None:
    shell = Running()
    assert processes_of(tmp_path) >= {shell.process.pid, shell.daemon}
    shell.process.send_signal(how)
    assert shell.end() == -how
    wait_until(lambda: not processes_of(tmp_path))


def test_interrupted_start(tmp_path: Path) -> None:
    before = ["env", "--default-signal=INT"]
    shell = subprocess.Popen(
        [*before, *SHELL, "--", "sleep", "60"], cwd=ROOT, stderr=subprocess.PIPE
    )
    wait_until(lambda: len(processes_of(tmp_path)) > 1)  # the lab starts
    shell.send_signal(signal.SIGINT)
    assert shell.communicate(timeout=PATIENCE)[1] == b""
    assert shell.returncode == -signal.SIGINT


def test_what_runs_on_does_not_keep_the_lab(tmp_path: Path) -> None:
    shell = Running()
    left = int(shell.ask("sleep 60 >/dev/null 2>&1 </dev/null & echo $!"))
    assert shell.end() == 0
    wait_until(lambda: processes_of(tmp_path) == {left})
    os.kill(left, signal.SIGKILL)


# -- at a terminal -------------------------------------------------------------------------------


class Terminal:
    """A lab's shell under a terminal of its own."""

    def __init__(self) -> None:
        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *SHELL],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env={**os.environ, "HOME": "/nonexistent", "TERM": "dumb"},
        )
        os.close(theirs)

    def wait_for(self, text: str) -> str:
        """What is shown until and with a text."""
        shown = ""
        while text not in shown:
            ready, _, _ = select.select([self._mine], [], [], PATIENCE)
            assert ready, f"waited in vain behind {shown!r}"
            shown += os.read(self._mine, 1 << 16).decode()
        return shown

    def type(self, keys: str) -> None:
        os.write(self._mine, keys.encode())

    def close(self) -> None:
        os.close(self._mine)


@needs_bash
def test_at_a_terminal(tmp_path: Path) -> None:
    terminal = Terminal()
    greeting = terminal.wait_for("(lab 6.12) ")
    assert greeting.startswith("This shell is in the lab (kernel 6.12, workload idle)")
    for blocking in ("sleep 60", f"cat {TRACING}/trace_pipe"):
        terminal.type(f"sh -c 'echo $((6*7)) starts; exec {blocking}'\n")
        terminal.wait_for("42 starts")
        terminal.type("\x03")
        terminal.wait_for("(lab 6.12) ")
    terminal.type(f"head -1 {TRACING}/trace\n")
    terminal.wait_for("# tracer: nop")
    assert terminal.process.poll() is None
    terminal.close()
    terminal.process.wait(PATIENCE)
    wait_until(lambda: not processes_of(tmp_path))


# -- machines ------------------------------------------------------------------------------------


def test_as_an_ordinary_user(tmp_path: Path) -> None:
    user = as_user(tmp_path / "home")
    trigger = f"{TRACING}/events/huge_memory/mm_khugepaged_scan_pmd/trigger"
    said = said_by(
        f"stat -f -c %t {' '.join(SHOWN)}; id -u\n"
        f"echo traceoff > {trigger}; cat {trigger}\n"
        "echo 0 > /proc/sys/kernel/ftrace_enabled; cat /proc/sys/kernel/ftrace_enabled\n"
        "touch $HOME/mine; stat -c %u $HOME/mine\n"
        "cat /proc/self/comm /proc/41/comm; test -e /proc/self/fd/0\n",
        user,
    )
    assert said.split() == [FUSE_MAGIC] * len(SHOWN) + [
        *["0", "traceoff:unlimited", "0", "0"],
        *["cat", "khugepaged"],
    ]


@needs_trace_cmd
def test_trace_cmd_of_an_ordinary_user(tmp_path: Path) -> None:
    recorded = said_by(
        "cd; trace-cmd record -q -e huge_memory true >/dev/null 2>&1; trace-cmd report | head -1",
        as_user(tmp_path / "home"),
    )
    assert recorded == "cpus=3\n"


@needs_root
def test_device_that_may_not_be_opened(tmp_path: Path) -> None:
    done = in_shell("true", before=as_user(tmp_path / "home", fuse_mode=0o600))
    assert (done.returncode, done.stdout) == (1, "")
    fault = "/dev/fuse may not be opened; allow it: sudo chmod 0666 /dev/fuse"
    assert done.stderr == f"tracefs-fuse: {fault}\n"


def test_forbidden_user_namespaces() -> None:
    forbidden = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    done = in_shell("true", before=["unshare", "-Urm", "sh", "-euc", forbidden, "sh"])
    assert (done.returncode, done.stdout) == (1, "")
    allow = "sudo sysctl user.max_user_namespaces=15000"
    assert done.stderr == f"tracefs-fuse: user namespaces are off; allow them: {allow}\n"


@needs_root
@needs_trace_cmd
def test_real_tracefs_is_covered() -> None:
    machine = prepared(
        f"mount -t tracefs nodev {TRACING}",
        "mount -t debugfs nodev /sys/kernel/debug",
        "test -e /sys/kernel/debug/tracing/events/sched",
    )
    said = said_by(
        f"stat -f -c %t {' '.join(SHOWN)}; grep -c tracefs /proc/mounts\n"
        "trace-cmd list -e | cut -d: -f1 | sort -u",
        machine,
    )
    assert said.split() == [FUSE_MAGIC] * len(SHOWN) + ["1", "huge_memory"]


@needs_root
@needs_trace_cmd
def test_root_gets_no_real_tracefs() -> None:
    before = Path("/proc/self/mountinfo").read_text().count(" - tracefs ")
    assert "huge_memory:mm_khugepaged_scan_pmd\n" in said_by("trace-cmd list -e huge_memory")
    assert Path("/proc/self/mountinfo").read_text().count(" - tracefs ") == before
    refused = in_shell("mount", "-t", "tracefs", "nodev", "/mnt")
    assert refused.returncode == 32
    assert "permission denied" in refused.stderr


def only(folder: str, *kept: str) -> str:
    """A step that leaves a folder of the machine with these entries alone."""
    steps = [f"exec 3<{folder}", f"mount -t tmpfs -o mode=755 tmpfs {folder}"]
    for entry in kept:
        old, new = Path(folder, entry), f"{folder}/{entry}"
        steps += [
            f"mkdir {new}" if old.is_dir() else f"touch {new}",
            f"mount --no-canonicalize --bind /proc/self/fd/3/{entry} {new}",
        ]
    return "\n".join([*steps, "exec 3<&-"])


@needs_root
def test_machine_that_lacks_the_places() -> None:
    kept = ["mm", "cgroup", "uevent_seqnum"]
    machine = prepared(
        only("/sys/kernel", *kept), only("/proc/sys/kernel", "ostype", "kptr_restrict")
    )
    said = said_by(
        f"stat -f -c %t {' '.join(SHOWN)}\n"
        "ls /sys/kernel /proc/sys/kernel; cat /proc/sys/kernel/ostype\n"
        "test -s /sys/kernel/uevent_seqnum; test -e /sys/kernel/mm/ksm\n",
        machine,
    )
    assert said.split() == [
        *[FUSE_MAGIC] * len(SHOWN),
        *["/proc/sys/kernel:", "ftrace_enabled", "kptr_restrict", "osrelease", "ostype"],
        *["pid_max", "version"],
        *["/sys/kernel:", *sorted([*kept, "debug", "tracing"])],
        "Linux",
    ]
