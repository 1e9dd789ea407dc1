#!/usr/bin/env bash
# Runs every fuzz target for so many seconds each, two at a time, and tells of each in a line: `make fuzz`.
# A finding is shown with where its input is, and how to run that again.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds each} built=${CARGO_TARGET_DIR:?where to build}/fuzz
folders=(host/fuzz plugins/dtls-srtp/fuzz)
mkdir -p "$built"

# Sanitizers ask for an unstable compiler; the stable one is of the same make.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$built
bin=$built/$(rustc -vV | sed -n 's/^host: //p')/release

# The target in C has what others need not.
links_c() {
    pkg-config --exists 'libssl >= 3' &&
        echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address -x c -o "$built/empty" -
}
if links_c >"$built/build.log" 2>&1; then
    folders=(plugins/dtls-openssl/fuzz "${folders[@]}") # built at once: the others are while it runs
elif [[ ${CI:-} == true ]]; then
    cat "$built/build.log"
    echo "The fuzz target openssl needs: apt-get install pkg-config libssl-dev clang libclang-rt-dev"
    exit 1
else
    echo "Left out: openssl. It needs: apt-get install pkg-config libssl-dev clang libclang-rt-dev"
fi

# targets FOLDER: the folder and the program of each
targets() {
    if [[ -f $1/Cargo.toml ]]; then
        cargo fuzz list --fuzz-dir "$1" | sed "s|^|$1 $bin/|"
    else
        printf '%s\n' "$1"/*.c | sed "s|\(.*\)\.c$|$1 \1|"
    fi
}

build() {
    if [[ -f $1/Cargo.toml ]]; then
        cargo fuzz build --fuzz-dir "$1"
    else
        make -C "$1/.." fuzz
    fi >"$built/build.log" 2>&1 || { cat "$built/build.log"; exit 1; }
}

# run FOLDER PROGRAM
run() {
    local program=$2 target=${2##*/} status=0
    local work=$built/$target seeds=$1/seeds/$target
    mkdir -p "$work/corpus" "$work/findings"
    [[ -d $seeds ]] || seeds=
    # An input takes milliseconds: what takes 10 s is a loop that takes nothing.
    "$program" -max_total_time="$seconds" -len_control=0 -max_len=4096 -timeout=10 -print_final_stats=1 \
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
    grep -a -A 4 'panicked at\|^SUMMARY' "$work/log" || tail -n 20 "$work/log"
    printf 'The input is %s\nRun it again with: %s %s\n' "$input" "$program" "$input"
    return 1
}
export -f run
export seconds built

# The next folder's are built while those of one run.
failed=0
build "${folders[0]}"
for index in "${!folders[@]}"; do
    next=${folders[index + 1]:-}
    [[ -z $next ]] || build "$next" &
    targets "${folders[index]}" | xargs -P 2 -L 1 bash -c 'run "$@"' run || failed=1
    wait $! || exit 1
done
exit "$failed"
