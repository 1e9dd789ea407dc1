#!/usr/bin/env bash
# Runs every fuzz target for so many seconds each, two at a time, and tells of each in a line: `make fuzz`.
# A finding is shown with where its input is, and how to run that again.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds each} built=${CARGO_TARGET_DIR:?where to build}/fuzz
crates=(host/fuzz plugins/dtls-srtp/fuzz)
mkdir -p "$built"

# Sanitizers ask for an unstable compiler; the stable one is of the same make.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$built
bin=$built/$(rustc -vV | sed -n 's/^host: //p')/release

# run CRATE TARGET
run() {
    local target=$2 work=$built/$2 status=0
    mkdir -p "$work/corpus" "$work/findings"
    local seeds=$1/seeds/$target
    [[ -d $seeds ]] || seeds=
    "$bin/$target" -max_total_time="$seconds" -len_control=0 -max_len=4096 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$work/findings/" "$work/corpus" ${seeds:+"$seeds"} >"$work/log" 2>&1 || status=$?
    local count
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    if ((status == 0)); then
        printf '%-12s %9s executions  no finding\n' "$target" "$count"
        return
    fi
    local input
    input=$(sed -n "s|.*Test unit written to ||p" "$work/log" | tail -n 1)
    printf '%-12s %9s executions  FINDING\n' "$target" "${count:-?}"
    tail -n 60 "$work/log"
    printf 'The input is %s\nRun it again with: %s %s\n' "$input" "$bin/$target" "$input"
    return 1
}
export -f run
export seconds built bin

for crate in "${crates[@]}"; do
    cargo fuzz build --fuzz-dir "$crate" >"$built/build.log" 2>&1 || { cat "$built/build.log"; exit 1; }
done
for crate in "${crates[@]}"; do
    cargo fuzz list --fuzz-dir "$crate" | sed "s|^|$crate |"
done | xargs -P 2 -L 1 bash -c 'run "$@"' run
