"""One file for each format: bytes -> Dataset."""
