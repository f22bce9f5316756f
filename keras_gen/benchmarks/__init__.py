"""How fast the loops are, and how fast others are on the same machine in the same minutes."""
