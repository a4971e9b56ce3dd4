"""Small worlds that the course draws itself: pictures of shapes, and a table with blocks that a robot moves."""
