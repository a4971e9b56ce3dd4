"""One engine that says "right", "not yet, and this is the likely mistake" or "not written yet": for lessons and the judge."""
