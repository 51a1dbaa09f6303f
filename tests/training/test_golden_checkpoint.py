"""Checkpoints that earlier versions wrote can be resumed."""

from pathlib import Path

import numpy as np
import pytest

from linclf.data.source import Source
from linclf.data.split import HeldOut
from linclf.errors import InputError
from linclf.training.checkpoint import FORMAT, load
from linclf.training.inputs import load_split
from linclf.training.options import TrainOptions
from linclf.training.train import train

GOLDEN = Path(__file__).parent / "golden"


def test_every_format_has_a_golden_file() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == [f"checkpoint-{k}" for k in range(1, FORMAT + 1)]


def options() -> TrainOptions:
    return TrainOptions(
        source=Source("iris"), loss="softmax", reg=1e-4, epochs=12, average=True, val=HeldOut("0.2"), scale="auto"
    )


def test_a_golden_checkpoint_leads_to_the_model_of_a_run_that_never_stopped() -> None:
    """Written in the 7th of 12 epochs, after averaging began. The bits of another processor may differ."""
    checkpoint, fingerprint = load(str(GOLDEN / f"checkpoint-{FORMAT}"))
    assert (checkpoint.state.number, checkpoint.retries, checkpoint.state.W.shape) == (7, 0, (4, 3))
    assert checkpoint.engine.iterate["averaging"] is True
    assert checkpoint.why["lr"].startswith("auto: 0.0241 x distance 4.26")
    assert (fingerprint["options"]["loss"], checkpoint.val_metric) == ("softmax", "log-loss")
    split = load_split(options())
    resumed, fresh = train(options(), split, resumed=checkpoint), train(options(), split)
    np.testing.assert_allclose(resumed.model.weight, fresh.model.weight, rtol=1e-4)
    np.testing.assert_allclose(resumed.model.bias, fresh.model.bias, rtol=1e-4)
    assert (resumed.result.epochs, resumed.result.best_epoch) == (12, fresh.result.best_epoch)


def test_a_checkpoint_of_an_engine_that_took_other_steps_is_refused() -> None:
    """The model of such a run would be that of neither engine."""
    for number in range(1, FORMAT):
        with pytest.raises(
            InputError, match="was written by another version of linclf, which is needed to resume from it"
        ):
            load(str(GOLDEN / f"checkpoint-{number}"))
