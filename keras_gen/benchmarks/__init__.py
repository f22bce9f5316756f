"""How fast the loops are, how fast others are on the same machine in the same minutes, and how good the recipes are."""
