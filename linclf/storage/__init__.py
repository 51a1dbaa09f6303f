"""Bytes: files read and written whole or not at all, sealed files, plain data checked type by type. Knows nothing of learning."""
