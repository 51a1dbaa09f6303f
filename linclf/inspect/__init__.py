"""What a data set and a model show: findings on the data, and what the model goes by."""
