"""How minis are measured where it is more than one mini's, or an idea of its own; and how figures are kept."""
