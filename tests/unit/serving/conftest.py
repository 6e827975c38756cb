"""What several tests of the service need."""

from __future__ import annotations
