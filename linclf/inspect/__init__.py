"""Findings on a data set, and explanations of a model."""
