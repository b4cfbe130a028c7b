"""The demonstration footage and cases."""
