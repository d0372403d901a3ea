"""rasdaemon: makes its instance, and finds no events of its own to enable there.

After that the rasdaemon of Debian 12 ends, and that of Debian 13 waits.
"""

from __future__ import annotations

from tests.clients.conftest import LabShell, needs


@needs("rasdaemon")
def test_no_events_of_its_own(lab_shell: LabShell) -> None:
    look = "cd /sys/kernel/tracing/instances; ls; cat rasdaemon/set_event; cat */tracing_on"
    said = lab_shell("sh", "-c", f"timeout 5 rasdaemon -f >/dev/null 2>&1; {look}")
    assert said == "rasdaemon\n1\n"
