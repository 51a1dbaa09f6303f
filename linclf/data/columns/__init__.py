"""One file for each kind of column: what it learns from the training rows, and the features that it becomes."""
