"""Every error the package raises on purpose.

Knows nothing about models. Each message says what was wrong, what is allowed, and what to do next, so that
a learner can go on without reading a traceback.
"""

from __future__ import annotations


class LLMCourseError(Exception):
    """Base of all errors raised on purpose: ``except LLMCourseError`` catches every one."""


class DataMissing(LLMCourseError, FileNotFoundError):
    """A training corpus is not where the recipe looks for it."""
