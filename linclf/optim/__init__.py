"""The mathematics: arrays in, weights out. Knows no files, labels or command options."""
