"""Vision in production: see docs/."""
