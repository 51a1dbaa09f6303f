"""Sweeps: every configuration and every fold as one stacked W, in one pass over the data per epoch.

SweepOptions --make_plan--> Plan --train_stack, in parallel--> Rows --rank--> best, best_1se
"""
