"""The columns of a table and their features: one file for each kind of column."""
