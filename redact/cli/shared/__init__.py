"""What command groups share: options, output, sign-in, interruption."""
