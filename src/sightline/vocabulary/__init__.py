"""Words: what other programs and libraries call the things that Sightline has."""
