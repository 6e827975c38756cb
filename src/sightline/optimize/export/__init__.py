"""A model in another format: read, converted, compared with what it was, and written whole."""
