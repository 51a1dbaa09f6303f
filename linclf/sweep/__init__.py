"""Sweeps: every configuration and every fold as one stacked W, in one pass over the data per epoch.

SweepOptions --make_plan--> Plan --train_stack, side by side--> Rows --rank--> best, best_1se
"""

from linclf.sweep.grid import SWEPT, SweepOptions
from linclf.sweep.results import Row, at_the_edge, best, best_1se, rank
from linclf.sweep.run import Swept, sweep

__all__ = ["SWEPT", "Row", "SweepOptions", "Swept", "at_the_edge", "best", "best_1se", "rank", "sweep"]
