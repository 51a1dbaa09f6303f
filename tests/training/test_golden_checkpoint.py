"""Checkpoints that earlier versions wrote can be resumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linclf.data.source import Source
from linclf.data.split import HeldOut
from linclf.training.checkpoint import FORMAT, load
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions
from linclf.training.train import train

GOLDEN = Path(__file__).parent / "golden"


def test_every_format_has_a_golden_file() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == [f"checkpoint-{k}" for k in range(1, FORMAT + 1)]


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_a_golden_checkpoint_leads_to_the_model_of_a_run_that_never_stopped(path: Path) -> None:
    """Written in the 7th of 12 epochs, after averaging began, when the accuracy chose the best epoch of every run. The bits of
    another processor may differ."""
    options = TrainOptions(
        source=Source("iris"), loss="softmax", epochs=12, average=True, val=HeldOut("0.2"), scale="auto"
    )
    checkpoint, fingerprint = load(str(path))
    assert (checkpoint.state.number, checkpoint.retries, checkpoint.state.W.shape) == (7, 0, (4, 3))
    assert checkpoint.engine.iterate["averaging"] is True
    assert checkpoint.why["lr"].startswith("auto: 0.24 x distance 4.26")
    assert fingerprint["options"]["loss"] == "softmax"
    split = load_split(options)
    assert (checkpoint.val_metric, checkpoint.state.best_score) == ("accuracy", checkpoint.state.best_accuracy)
    resumed = train(options, split, resumed=checkpoint)
    fresh = train(replace(options, val_metric="accuracy"), split)
    assert (resumed.result.val_metric, resumed.result.val_metric_reason) == ("accuracy", "as in the checkpoint")
    np.testing.assert_allclose(resumed.model.weight, fresh.model.weight, rtol=1e-4)
    np.testing.assert_allclose(resumed.model.bias, fresh.model.bias, rtol=1e-4)
    assert (resumed.result.epochs, resumed.result.best_epoch) == (12, fresh.result.best_epoch)
