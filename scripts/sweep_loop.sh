#!/bin/sh
# Run linclf train once for each loss in LOSSES, each reg in REGS or each pair of both, and print a table.
# The best line is chosen by validation accuracy, never by test accuracy. Without LOSSES and REGS, all losses are compared.
#   scripts/sweep_loop.sh [DATA] [options of linclf train]
#   LOSSES="svm softmax" scripts/sweep_loop.sh wine --reg 1e-3
#   REGS="1e-4 1e-2" scripts/sweep_loop.sh wine --loss softmax
set -eu
[ -n "${LOSSES:-}${REGS:-}" ] || LOSSES="svm softmax hinge squared-hinge logistic crammer-singer mse"
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for loss in ${LOSSES:--}; do
    for reg in ${REGS:--}; do
        json=$(linclf train --val 0.2 "$@" ${LOSSES:+--loss "$loss"} ${REGS:+--reg "$reg"} --json) || {
            code=$?
            [ "$code" -eq 3 ] && continue # this run diverged, as its error line says
            exit "$code"
        }
        accuracies=$(echo "$json" | sed 's/.*"accuracy": {"train": \([^,]*\), "val": \([^,]*\), "test": \([^}]*\)}.*/\1 \2 \3/')
        echo "${LOSSES:+$loss }${REGS:+$reg }$accuracies"
    done
done > "$results"
width=${LOSSES:+14} # of the first column
table() {
    awk -v first="%-${width:-8}s" '{
        for (i = 1; i < NF - 2; i++) printf (i == 1 ? first : " %-8s"), $i
        for (; i <= NF; i++) printf " %7s", ($i + 0 == $i ? sprintf("%.4f", $i) : $i)
        print ""
    }'
}
[ -s "$results" ] || exit 3 # every run diverged
echo "${LOSSES:+loss }${REGS:+reg }train val test" | table
table < "$results"
echo "best by validation, the first of equals:"
awk '$(NF - 1) + 0 > best { best = $(NF - 1); line = $0 } END { print line }' "$results" | table
