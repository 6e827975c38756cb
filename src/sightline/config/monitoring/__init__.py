"""How what runs is watched."""
