"""Scenes: a process's memory described in a few words, and what khugepaged says about it.

A scene is a list of steps, one a line; page numbers count 4 KiB pages of the mapping, ranges are
inclusive.  :data:`engine.scene.words.WORDS` has the words, :class:`.Stage` plays scenes.
"""

from engine.scene.stage import Event, Outcome, Stage
from engine.scene.words import WORDS, UnknownStep

__all__ = ["WORDS", "Event", "Outcome", "Stage", "UnknownStep"]
