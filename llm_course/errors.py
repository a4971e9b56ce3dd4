"""Every error the package raises on purpose.

Knows nothing about models. Each message says what was wrong, what is allowed, and what to do next, so that
a learner can go on without reading a traceback.
"""

from __future__ import annotations


class LLMCourseError(Exception):
    """Base of all errors raised on purpose: ``except LLMCourseError`` catches every one."""


class BadInput(LLMCourseError, ValueError):
    """The text is not one the course can work on: not a string, empty, blank, or not valid Unicode."""


class BadOption(LLMCourseError, ValueError):
    """An option has a value outside its range: a negative length, a temperature that is no number."""


class InputTooLong(LLMCourseError, ValueError):
    """The text does not fit the model's window and cannot be split; both lengths are named."""


class UnknownModel(LLMCourseError, LookupError):
    """No model of that name is on the shelf; the nearest names are offered."""


class UnknownLanguage(LLMCourseError, ValueError):
    """The model does not translate between these languages; the pairs it knows are named."""


class WrongTask(LLMCourseError, ValueError):
    """The model is of an architecture that cannot do this task; models that can are named."""


class WeightsMissing(LLMCourseError, FileNotFoundError):
    """A weights file is not there, or is in a format that the course does not load."""


class WeightsDamaged(LLMCourseError, OSError):
    """A weights file is not what it was when it was made: its checksum or its header is wrong."""


class NoNetwork(LLMCourseError, OSError):
    """The Hub cannot be reached, and the model is not in the local cache."""


class NotOnHub(LLMCourseError, LookupError):
    """The Hub has no model of that name or revision."""


class AccessDenied(LLMCourseError, PermissionError):
    """The model is private, or its licence has to be accepted first."""


class NoDevice(LLMCourseError, ValueError):
    """The device asked for is not in this machine."""


class NoMemory(LLMCourseError, MemoryError):
    """One single text does not fit into the device's memory."""


class DataMissing(LLMCourseError, FileNotFoundError):
    """A training corpus is not where the recipe looks for it."""


class NotPlain(LLMCourseError, ValueError):
    """A value is not plain data (numbers, text, lists, dicts, arrays), is too large, or its encoding is damaged."""


class NoSandbox(LLMCourseError, RuntimeError):
    """Student code cannot be shut in here; it is not run."""


class BadCourse(LLMCourseError, ValueError):
    """The course folder, an assignment in it or its judging file is not what the grader can work on."""


class BadModule(LLMCourseError, ValueError):
    """JavaScript modules do not fit together: one is missing, or two declare the same name."""
