#!/bin/sh
# Train once for each --loss and print a table. The best line is chosen by validation accuracy, never by the test part.
#   scripts/sweep_loss.sh [DATA] [options of linclf train]
#   LOSSES="svm softmax" scripts/sweep_loss.sh wine --reg 1e-3
set -eu
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for loss in ${LOSSES:-svm softmax hinge squared-hinge logistic crammer-singer mse}; do
    json=$(linclf train --val 0.2 "$@" --loss "$loss" --json) || {
        code=$?
        [ "$code" -eq 3 ] && continue # this one diverged, as its error line says
        exit "$code"
    }
    echo "$json" | sed "s/.*\"accuracy\": {\"train\": \([^,]*\), \"val\": \([^,]*\), \"test\": \([^}]*\)}.*/$loss \1 \2 \3/"
done > "$results"
table() { awk '{ printf "%-14s", $1; for (i = 2; i <= 4; i++) printf " %7s", ($i + 0 == $i ? sprintf("%.4f", $i) : $i); print "" }'; }
[ -s "$results" ] || exit 3 # every run diverged
echo "loss train val test" | table
table < "$results"
echo "best by validation, the first of equals:"
awk '$3 + 0 > best { best = $3; line = $0 } END { print line }' "$results" | table
