"""What options say of a value that they refuse."""

from __future__ import annotations

import pytest

from sightline.config.options import Options, checked
from sightline.errors import ConfigError


def refusal(options: type[Options], **values: object) -> str:
    """The message with which a set of options refuses these values."""
    with pytest.raises(ConfigError) as caught:
        checked(options, **values)
    return str(caught.value)
