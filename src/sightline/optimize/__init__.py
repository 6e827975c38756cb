"""Models made smaller, faster or of another format, and measured; what loses too much is refused."""
