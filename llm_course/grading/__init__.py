"""Assignments: release them, run what comes back in a sandbox, judge it outside, and write nbgrader's gradebook.

Two sides that never mix. Trusted: ``judge`` and what it uses; it makes the inputs, keeps the expected values and
compares. Untrusted: ``sandbox.runner`` (run in the sandbox) and ``student_check`` (run by students); all that comes
from there is plain data (``wire``), and a claim, never a verdict. Importing this package loads nothing.
"""
