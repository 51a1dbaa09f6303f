#!/bin/sh
# Compare losses and regs in one call of linclf sweep, which trains all regs of a loss in the same passes over the data.
#   scripts/sweep.sh [DATA] [options of linclf sweep]
#   LOSSES="svm softmax" REGS="1e-4 1e-2" scripts/sweep.sh wine -o model.safetensors
set -eu
commas() { echo "$@" | tr -s ' ' ,; }
# shellcheck disable=SC2086
exec linclf sweep --loss "$(commas ${LOSSES:-svm softmax hinge squared-hinge logistic crammer-singer mse})" \
    --reg "$(commas ${REGS:-1e-6:1:13})" "$@"
