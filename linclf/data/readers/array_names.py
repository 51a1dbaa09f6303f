"""What the arrays of an npz file are called: the table of names, and the search for features, labels and weights among them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from linclf.data.labels import first_of
from linclf.errors import InputError

FEATURES, LABELS, WEIGHTS = "features", "labels", "weights"
NAMES = {
    FEATURES: ("x", "data", "features", "inputs", "images", "embeddings"),
    LABELS: ("y", "target", "targets", "label", "labels", "class"),
    WEIGHTS: ("sample_weight", "sample_weights", "weight", "weights"),
}
PARTS = {
    "train": ("", "train", "training", "tr"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "te"),
}
SPARSE = (  # the arrays of each kind of matrix that scipy.sparse.save_npz writes
    {"data", "indices", "indptr", "shape"},
    {"data", "row", "col", "shape"},
    {"data", "coords", "shape"},
    {"data", "offsets", "shape"},
)
SPARSE_EXTRA = {"format", "_is_array"}
SHOWN = 12  # names shown in a message


def _plain(name: str) -> str:
    """A name in lower case, without what may separate its words: `X_Train`, `x-train` and `xtrain` are the same."""
    return re.sub(r"[_\-. ]", "", name.casefold())


# each name, written either way round: x_train and train_x
ROLES = {
    _plain(text): (part, role)
    for role, names in NAMES.items()
    for name in names
    for part, words in PARTS.items()
    for word in words
    for text in (name + word, word + name)
}


@dataclass(frozen=True)
class ArrayNames:
    """The arrays of a file that have a role.

    roles   by part (a key of PARTS) and role (a key of NAMES): the name of the array
    sparse  the names of the arrays that are a sparse matrix, the features of `train`; empty without one
    spare   the arrays that have no role
    """

    roles: dict[tuple[str, str], str]
    sparse: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()

    def parts(self) -> list[str]:
        """The parts of which there are features, in their order."""
        return [part for part in PARTS if (part, FEATURES) in self.roles]

    def wanted(self, labelled: bool) -> list[str]:
        """The names of the arrays to read; without labels only those of features."""
        chosen = [name for (_, role), name in self.roles.items() if labelled or role == FEATURES]
        return list(dict.fromkeys([*chosen, *self.sparse]))


def find_arrays(names: Sequence[str], data: str, target: str | None = None) -> ArrayNames:
    """The roles of the arrays of the file `data` that have these names; `target` is the array of labels if its name was given.

    Raises InputError for two arrays of the same role, and for a `target` that does not exist.
    """
    if target is not None and target not in names:
        raise InputError(
            f"{data}: --target {target}: there is neither an array nor a .npy file of this name; the arrays are {_listed(names)}"
        )
    sparse = _sparse_names(names)
    roles = {("train", FEATURES): "data"} if sparse else {}
    roles |= {} if target is None else {("train", LABELS): target}
    spare = []
    for name in names:
        role = ROLES.get(_plain(name))
        if name in sparse or name == target:
            continue
        chosen = role == ("train", LABELS) and target is not None
        beside = bool(sparse) and role is not None and role[0] != "train"
        if role is None or chosen or beside:
            spare.append(name)
        elif role in roles:
            raise InputError(
                f"{data}: {roles[role]} and {name} are both {role[1]} of the {role[0]} part; save one of them"
            )
        else:
            roles[role] = name
    return ArrayNames(roles, sparse, tuple(spare))


def check_complete(names: ArrayNames, all_names: Sequence[str], data: str, *, new: bool, labelled: bool) -> None:
    """Raise InputError for a file without features, for labels or weights without features, and if `new` data to learn from
    have no training rows."""
    if not names.parts():
        hint = ", or a sparse matrix as scipy.sparse.save_npz writes it"
        if "arr_0" in all_names:
            hint = "; name them when saving: numpy.savez(FILE, X=X, y=y)"
        raise InputError(
            f"{data}: contains {_listed(all_names) or 'nothing'}; the arrays must be X, y or x_train, y_train, ...{hint}"
        )
    alone = next((name for (part, _), name in names.roles.items() if part not in names.parts()), None)
    if alone is not None and labelled:
        raise InputError(f"{data}: {alone} has no features beside it; save them too, or leave it out")
    if new and "train" not in names.parts():
        first = names.roles[names.parts()[0], FEATURES]
        raise InputError(f"{data}: has no training rows beside {first}; save them as X or x_train")


def spare_notes(names: ArrayNames) -> tuple[str, ...]:
    """A note on the arrays that are not used."""
    return (f"arrays that are not used: {_listed(names.spare)}",) if names.spare else ()


def _sparse_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names of the arrays that are a sparse matrix, () without one."""
    kinds = [kind for kind in SPARSE if kind <= set(names)]
    return tuple(name for name in names if name in kinds[0] | SPARSE_EXTRA) if kinds else ()


def _listed(names: Sequence[str]) -> str:
    return first_of(names, SHOWN)
