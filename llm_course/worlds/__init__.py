"""Small worlds that the course draws itself: pictures of shapes, a table with blocks, and secret codes."""
