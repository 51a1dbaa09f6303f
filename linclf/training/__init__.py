"""One run: options -> data -> weights -> model."""
