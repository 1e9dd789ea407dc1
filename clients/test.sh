#!/usr/bin/env bash
# Tests the clients with a daemon: test.sh DAEMON, the path of the command `handclasp` with its plugins beside it. What
# cannot be tested for want of something is said; with CI=true it fails.
set -euo pipefail
clients=$(cd "$(dirname "$0")" && pwd)

if (($# != 1)) || [[ ! -x $1 ]]; then
    echo "usage: $0 DAEMON, the command handclasp" >&2
    exit 2
fi
HANDCLASP=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
export HANDCLASP

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

# Says that something is left out; tests of the rest go on.
lacking() {
    echo "SKIPPED the tests of the client in $1: $2" >&2
    if [[ ${CI:-} == true ]]; then
        status=1
    elif [[ -n ${HANDCLASP_LEFT_OUT:-} ]]; then
        printf '%s\tclients %s\n' "$2" "$1" >>"$HANDCLASP_LEFT_OUT"
    fi
}

if ! command -v python3 >/dev/null; then
    lacking Python "python3 is missing: install python3"
elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    lacking Python "python3 is older than 3.9: install a later one"
else
    echo "The client in Python:"
    (cd "$clients/python" && PYTHONDONTWRITEBYTECODE=1 python3 -W error::ResourceWarning -m unittest) || status=1
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    lacking TypeScript "node or npm is missing: install nodejs and npm"
elif ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then
    lacking TypeScript "node is older than 18: install a later one"
else
    echo "The client in TypeScript:"
    mkdir "$scratch/typescript"
    (cd "$clients/typescript" && cp -R package.json package-lock.json tsconfig*.json src test "$scratch/typescript")
    if ! (cd "$scratch/typescript" && npm ci --no-audit --no-fund --loglevel=error); then
        lacking TypeScript "npm cannot install TypeScript: it needs a registry"
    else
        (cd "$scratch/typescript" && npm test --silent) || status=1
    fi
fi
exit "$status"
