"""What is done to a model file before it is used: it is looked at, converted, made smaller, measured."""
