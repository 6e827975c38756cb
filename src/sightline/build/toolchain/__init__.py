"""What is done to model files, from options."""
