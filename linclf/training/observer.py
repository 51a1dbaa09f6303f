"""What a run of training tells its caller: progress, checkpoints and notes."""

from dataclasses import dataclass

from linclf.storage.decode import JsonObject
from linclf.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class EpochProgress:
    """Progress after an epoch, for bars and histories. After a divergence an epoch may come again. A full-batch step is a pass over
    the data, too, and counts as an epoch.

    epoch, epochs       the number of the epoch, from 1, and of all epochs, None where that is not known
    lr                  the learning rate of its first step; None for a full-batch step
    objective_estimate  the objective, as far as one pass over the data knows it
    val_accuracy        on the validation rows; None without any
    val_score           the metric by which the best epoch is chosen, on the validation rows; None where it is undefined
    seconds             since training began
    """

    epoch: int
    epochs: int | None
    lr: float | None
    objective_estimate: float
    val_accuracy: float | None
    val_score: float | None
    seconds: float

    def to_dict(self) -> JsonObject:
        """The line of a history."""
        return {name: value for name, value in vars(self).items() if name != "epochs"}


class Observer:
    """Follows a run of training; override what you need. By default nothing is done.

    wants_checkpoints  whether `on_checkpoint` is to be called: a checkpoint costs copies of the weights
    """

    wants_checkpoints = False

    def on_epoch(self, progress: EpochProgress) -> None:
        """Called after each epoch."""

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Called after each epoch with all that the rest of the run depends on."""

    def on_note(self, note: str) -> None:
        """Called with a line that the user should read."""
