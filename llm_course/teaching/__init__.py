"""What makes a notebook teach: predictions, quizzes, Parsons puzzles, checks, playgrounds, progress.

Knows nothing about what the lessons say. Everything works by keyboard, and every output carries a static form
for places where no script runs (GitHub). Notebooks call the functions at the face of
the package: ``lc.predict``, ``lc.quiz`` and so on.
"""
