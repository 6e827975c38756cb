"""Groups of commands of which one need not be named."""

from __future__ import annotations

from typing import Any, ClassVar

from typer.core import TyperGroup


class DefaultCommandGroup(TyperGroup):
    """A group in which a first word that is no command belongs to the command ``default_command``."""

    default_command: ClassVar[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Arguments that begin with no command, nor ask for help, are those of the default one."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)
