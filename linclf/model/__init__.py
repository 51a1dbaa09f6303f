"""A trained model: its weights, its file, its probabilities and its figures."""
