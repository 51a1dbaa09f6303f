"""Readers: one file for each format that turns bytes into a Dataset, and named sets."""
