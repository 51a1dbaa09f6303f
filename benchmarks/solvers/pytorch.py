"""A typical PyTorch loop: a linear layer, SGD with momentum, minibatches of 256."""

from benchmarks.problems import Problem
from benchmarks.solvers import Fitted

NAME = "PyTorch loop"
SETTINGS = "nn.Linear, SGD (lr 0.2, momentum 0.9, weight_decay reg), lr falling linearly to 0, minibatches of 256; the number of epochs is the budget"
BUDGETS = (1, 2, 3, 5, 10)


def fit(problem: Problem, budget: int, seed: int) -> Fitted:
    """`budget` epochs."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    X, y = torch.from_numpy(problem.X), torch.from_numpy(problem.y.astype("int64"))
    model = torch.nn.Linear(X.shape[1], problem.n_classes)
    steps = -(-len(X) // 256) * budget
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=problem.reg)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(budget):
        for rows in torch.randperm(len(X)).split(256):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return Fitted(model.weight.detach().numpy().T, model.bias.detach().numpy())
