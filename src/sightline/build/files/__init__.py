"""The files that a command or service reads and writes: which they are, and which must not be the same."""
