"""``tracefs-fuse scene``: play a scene, or check a document of recorded ones."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from typing import Any

from engine.scene import WORDS, Stage, UnknownStep
from tracefs_fuse.cli.problems import Problem
from tracefs_fuse.cli.scene_document import Player, differences, event_text, script_of
from tracefs_fuse.tracing.versions import VERSIONS

_DEFAULT_KERNEL = "6.12"
_STANDARD_INPUT = 0
_LONGEST = 1 << 24
"""Characters of a file that somebody may have written."""

_WIDTH = 96
_INDENT = 28


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "scene",
        help="describe memory in a few words, and see what khugepaged says",
        description="Play a scene: a text file with one step a line.  A JSON document of recorded "
        "scenes is printed again with what the engine did.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"steps (pages of 4 KiB, ranges inclusive; # begins a comment):\n{_words()}\n\n"
        "example: printf '%s\\n' 'map anon 1' 'write 0 255' watch enter smaps | "
        "tracefs-fuse scene -",
    )
    parser.add_argument("file", metavar="FILE", help="the scene, or - for standard input")
    parser.add_argument(
        "--kernel",
        choices=list(VERSIONS),
        help=f"the kernel to be (that of the document, or {_DEFAULT_KERNEL})",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="of a document, print what differs, and exit with 1 when something does",
    )
    parser.set_defaults(run=run)


def _words() -> str:
    """All words with their meaning, in two columns."""
    lines = []
    for word in WORDS.values():
        meaning = textwrap.wrap(word.meaning, _WIDTH - _INDENT)
        usage = f"  {word.usage:<{_INDENT - 4}}  "
        lines += [usage + meaning.pop(0)] if len(usage) == _INDENT else [usage]
        lines += [" " * _INDENT + line for line in meaning]
    return "\n".join(lines)


def run(options: argparse.Namespace) -> int:
    text = _read(options.file)
    try:
        if text.lstrip().startswith("{"):
            return _run_document(options, json.loads(text))
        if options.check:
            raise Problem(
                f"{options.file} is no JSON document of recorded scenes: nothing to check"
            )
        play_scene(options.kernel or _DEFAULT_KERNEL, script_of(text))
        return 0
    except UnknownStep as error:
        raise Problem(f"{options.file}: {error}") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise Problem(f"{options.file} is no document of recorded scenes: {error!r}") from None


def read_scene(name: str) -> tuple[str, ...]:
    """The steps of a scene file.  Raises Problem when it can't be read, or has none."""
    script = script_of(_read(name))
    try:
        Stage.check(script)
    except UnknownStep as error:
        raise Problem(f"{name}: {error}") from None
    if not script:
        raise Problem(f"{name} has no steps; see: tracefs-fuse scene --help")
    return tuple(script)


def _read(name: str) -> str:
    try:
        with open(_STANDARD_INPUT if name == "-" else name, closefd=name != "-") as file:
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise Problem(f"{name} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Problem(f"{name} can't be read: {error}") from None
    if len(text) > _LONGEST:
        raise Problem(f"{name} is too long for a scene")
    return text


def play_scene(kernel: str, script: list[str]) -> None:
    """Play the steps of a scene, and print what came of it."""
    played = Player(kernel).play({"script": script})
    for line in played["said"]:
        print(line)
    for event in played["events"]:
        print(event_text(event))
    for name, value in played["vmstat"].items():
        print(f"{name} {value:+d}")


def _run_document(options: argparse.Namespace, document: dict[str, Any]) -> int:
    player = Player(options.kernel or document["kernel"])
    played = [player.play(scene) for scene in document["scenes"]]
    if not options.check:
        json.dump({**document, "scenes": played}, sys.stdout, indent=1)
        print()
        return 0
    counters = any(scene["vmstat"] for scene in document["scenes"])
    failed = 0
    for recorded, ours in zip(document["scenes"], played, strict=True):
        found = differences(recorded, ours, counters=counters)
        failed += bool(found)
        if found:
            print(f"{recorded['name']}: {'; '.join(recorded['script'])}")
        for difference in found:
            print(f"  {difference.what}")
            print(f"    recorded: {difference.recorded}")
            print(f"    here:     {difference.played}")
    print(f"{len(played) - failed} of {len(played)} scenes are as recorded")
    return 1 if failed else 0
