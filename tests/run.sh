#!/usr/bin/env bash
# tests/run.sh [FILTER...]: runs every test, or those whose names contain a FILTER. Up to three tests that failed are
# run again, each alone and three times. One that passes then is told, and fails nothing: it was the machine's load, or
# it is unsteady and wants mending.
set -euo pipefail

cargo=${CARGO:-cargo}
most=3 times=3
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The names of the failed tests, a line each; nothing if more has failed than can be told by names: a test program that
# crashed, or one that did not compile.
failed() {
    awk '
        /^failures:$/ { count = 0; listing = 1; next }
        listing && /^    [^ ]+$/ { names[++count] = $1; next }
        /^test result: FAILED/ { programs++; for (i = 1; i <= count; i++) print names[i] > "/dev/fd/3" }
        /^test result:/ { listing = count = 0 }
        /^    `-p .*`$/ { targets++ }
        END { exit programs == 0 || programs != targets }
    ' 3>"$1" "$log"
}

passes_alone() {
    local output
    for ((i = 0; i < times; i++)); do
        output=$("$cargo" test --release --workspace --tests --quiet -- --exact "$1" 2>&1) || return 1
        grep -q '^test result: ok\. [1-9]' <<<"$output" || return 1
    done
}

status=0
"$cargo" test --release --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
((status != 0)) || exit 0

names=$(mktemp)
trap 'rm -f "$log" "$names"' EXIT
failed "$names" || exit "$status"
mapfile -t tests <"$names"
((${#tests[@]} > 0 && ${#tests[@]} <= most)) || exit "$status"
for name in "${tests[@]}"; do
    echo "Running $name again, alone, $times times"
    if ! passes_alone "$name"; then
        echo "$name fails alone, too"
        exit "$status"
    fi
done
printf 'UNSTEADY: %s failed among the others and passed alone: see above what it said\n' "${tests[@]}"
