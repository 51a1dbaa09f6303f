"""Results as text, JSON and pictures, one file for each command."""
