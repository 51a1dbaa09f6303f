#!/bin/sh
# Train once for each --reg and print a table. The best line is chosen by validation accuracy, never by the test part.
#   scripts/sweep_reg.sh [DATA] [options of linclf train]
#   REGS="1e-4 1e-2" scripts/sweep_reg.sh wine --loss softmax
set -eu
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for reg in ${REGS:-1e-6 1e-5 1e-4 1e-3 1e-2 1e-1}; do
    json=$(linclf train --val 0.2 "$@" --reg "$reg" --json) || {
        code=$?
        [ "$code" -eq 3 ] && continue # this one diverged, as its error line says
        exit "$code"
    }
    echo "$json" | sed "s/.*\"accuracy\": {\"train\": \([^,]*\), \"val\": \([^,]*\), \"test\": \([^}]*\)}.*/$reg \1 \2 \3/"
done > "$results"
table() { awk '{ printf "%-8s", $1; for (i = 2; i <= 4; i++) printf " %7s", ($i + 0 == $i ? sprintf("%.4f", $i) : $i); print "" }'; }
[ -s "$results" ] || exit 3 # every run diverged
echo "reg train val test" | table
table < "$results"
echo "best by validation, the first of equals:"
awk '$3 + 0 > best { best = $3; line = $0 } END { print line }' "$results" | table
