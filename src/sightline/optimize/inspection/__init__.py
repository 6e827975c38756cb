"""What a model file is made of: its layers, operators and size, and which runtimes take it."""
