"""Shared by the command groups: options, output, sign-in, interruption."""
