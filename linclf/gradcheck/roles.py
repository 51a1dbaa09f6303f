"""What an argument of a user's function is, by its name."""

from collections.abc import Sequence

ROLES: dict[str, frozenset[str]] = {
    # in small letters, without underscores at the ends
    "W": frozenset(("w", "ww", "weights", "weight", "theta", "thetas", "th", "params", "parameters", "coef", "coefs", "coefficients", "beta", "betas", "wts", "w_vec", "weight_vector", "model_weights",)),
    "X": frozenset(("x", "tx", "data", "datax", "features", "feature_matrix", "inputs", "xs", "xx", "x_mat", "xtrain", "x_train", "xtr", "x_tr", "x_data", "xbatch", "x_batch", "samples", "input_data", "input_values", "design_matrix",)),
    "y": frozenset(("y", "yy", "datay", "ytr", "y_tr", "labels", "label", "label_tensor", "target", "targets", "t", "true", "y_true", "ytrue", "target_true", "true_labels", "target_index", "target_indices", "truth", "ground_truth", "ys", "y_train", "y_batch", "y_one_hot", "one_hot", "onehot", "classes", "class_index", "gt", "actual", "expected",)),
    "scores": frozenset(("scores", "score", "pred", "preds", "prediction_tensor", "predictions", "prediction", "predicted", "target_pred", "logits", "logit", "z", "s", "out", "output", "outputs", "y_pred", "ypred", "y_hat", "yhat", "input", "input_tensor", "f", "o", "p", "probs", "prob", "probabilities", "q", "a",)),
    "reg": frozenset(("reg", "lambda", "lambdaa", "lam", "lmbda", "lmda", "lambd", "lbda", "lamb", "reg_strength", "regularization", "regularization_strength", "alpha", "c", "mylambda", "weight_decay", "l", "l2", "strength", "lambda_reg", "reg_lambda", "reg_param", "regparam", "reg_const", "lambda_factor", "learningrate", "l2_reg", "l2_lambda",)),
    "b": frozenset(("b", "bb", "bias", "b0", "th0", "theta_0", "theta0", "w0", "intercept",)),
    "dout": frozenset(("dout", "d_out", "grad_output", "grad_out", "output_gradient", "output_grad", "error_tensor", "upstream", "upstream_grad", "dz", "dldz", "da", "dlda", "dy", "dvalues", "delta_out", "grad", "gradient", "dl_dout", "top_grad",)),
    "cache": frozenset(("cache",)),
    "n_classes": frozenset(("n_classes", "num_classes", "nclasses", "k", "num_labels", "n_labels", "n_class", "num_class",)),
    "n_features": frozenset(("n_features", "num_features", "input_size", "n_inputs", "d", "dim",)),
    "n_samples": frozenset(("n_samples", "num_samples", "num_train", "m", "n", "batch_size", "num_examples",)),
    "sample_weight": frozenset(("sample_weight", "sample_weights",)),
    "class_weight": frozenset(("class_weight", "class_weights",)),
    "delta": frozenset(("delta", "margin", "gamma", "temperature", "temp", "temp_parameter", "huber_delta", "threshold",)),
    "share": frozenset(("tau", "quantile",)),
    "rate": frozenset(("lr", "learning_rate", "eta", "rate", "step_size",)),
    "tiny": frozenset(("eps", "epsilon",)),
}  # fmt: skip
CONSTANTS = {"delta": 0.8, "share": 0.7, "rate": 0.1, "tiny": 1e-12}  # roles of numbers that stay what they are
COUNTS = ("n_classes", "n_features", "n_samples")
FIXED = (*CONSTANTS, *COUNTS, "sample_weight", "class_weight")  # roles that are no part of a form
OF_SAMPLES = ("X", "y", "scores")  # roles of arguments that have an entry for each sample
GRADIENT_WANTED = ("return_grad", "returngrad", "return_gradient", "compute_grad", "with_grad", "grad_too", "get_grad")


def role_of(name: str) -> str | None:
    """What an argument of this name is; None if its name does not say."""
    plain = name.strip("_").lower()
    return next((role for role, names in ROLES.items() if plain in names), None)


def roles_of(names: Sequence[str]) -> list[str | None]:
    """The roles of all arguments of a function; of two strengths of penalties, the first is taken for a constant."""
    roles = [role_of(name) for name in names]
    if roles.count("reg") > 1:
        roles[roles.index("reg")] = "delta"
    return roles
