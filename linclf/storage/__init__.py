"""Bytes: reading, unpacking and atomic writing of files, checksummed files, decoding of plain data. Nothing about
learning."""
