"""``python -m sightline``: the command line."""

from sightline.cli.main import main

if __name__ == "__main__":
    main()
