"""Models put where they run: repositories of servers, and packages for machines."""
