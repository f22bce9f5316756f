"""The commands: they parse arguments, wire the other packages together, report errors and exit."""
