"""The demo footage and cases."""
