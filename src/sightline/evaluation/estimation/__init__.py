"""How accurate a model is, estimated where nobody has labels."""
