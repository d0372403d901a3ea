"""rasdaemon: makes its instance, and says that there are no events of its own."""

from __future__ import annotations

from tests.clients.conftest import LabShell, needs


@needs("rasdaemon")
def test_no_events_of_its_own(lab_shell: LabShell) -> None:
    said = lab_shell("sh", "-c", "timeout 10 rasdaemon -f; ls /sys/kernel/tracing/instances")
    assert "Can't get ras:mc_event traces." in said
    assert said.endswith("Failed to trace all supported RAS events. Aborting.\nrasdaemon\n")
