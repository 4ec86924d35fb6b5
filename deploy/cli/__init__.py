"""The `kameng` command."""

from deploy.cli.main import main

__all__ = ["main"]
