"""One engine that says "Right", "Not yet" and the likely mistake, or "Not written yet": for lessons and for grading.

``verdict`` makes the verdicts, ``learner_code`` calls a learner's function and explains its errors, ``compare`` says
whether two values are the same answer, ``cases`` tries an answer on known cases and names known mistakes, and
``exercises`` lists the exercises of the lessons. Importing this package loads nothing.
"""
