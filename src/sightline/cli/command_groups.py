"""Groups of commands of which one need not be named."""

from __future__ import annotations

from typing import Any, ClassVar

from typer.core import TyperGroup


class DefaultCommandGroup(TyperGroup):
    """A group in which a first word that is no command belongs to the command ``default_command``."""

    default_command: ClassVar[str]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names, or the default one."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [self.default_command, *args]
        return super().resolve_command(ctx, args)
