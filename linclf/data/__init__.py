"""A name or a path -> Table -> X, y, split into training, validation and test rows."""
