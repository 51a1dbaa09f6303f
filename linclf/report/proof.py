"""How near the optimum a model is proven to be, as text."""

import math

from linclf.storage.decode import JsonObject

FROM_ZERO = "L-BFGS over all rows, from zero weights"  # how a run without SGD found its weights
TELLING = 1000  # percent, beyond which a bound tells nothing


def proof_line(proof: object) -> list[str]:
    """The line on a certificate as of `linclf.training.result.certificate_to_dict`; none for anything else, such as None or what a
    record holds that linclf did not write."""
    try:
        return [f"certified  {_text(proof)}"] if isinstance(proof, dict) else []
    except (KeyError, TypeError, ValueError, OverflowError):
        return []


def _text(proof: JsonObject) -> str:
    """How near the optimum a model is proven to be, in words."""
    if proof["asked"] is None and (proof["percent"] is None or proof["percent"] > TELLING):
        return "nothing is proven of the distance from the optimum; --certify 1 goes on until 1 % is"
    if proof["asked"] is None and not proof["steps"]:
        return f"within at most {math.ceil(proof['percent'] * 100) / 100:g} % of the optimum (proven)"
    steps = f"after {proof['steps']} steps over all rows" if proof["steps"] else "without a step over all rows"
    if proof["percent"] is None:
        return f"nothing: no bound was found {steps}"
    missed = "" if proof["holds"] else f", not the {proof['asked']:g} % asked for"
    # rounded up, so that the printed bound holds
    return f"within {math.ceil(proof['percent'] * 1e4) / 1e4:g} % of the optimum, proven{missed}, {steps}"
