#!/usr/bin/env bash
# A pull request to a client: its base and its head as two arms of one run, and the table
# for a comment.
#
#   scripts/pr.sh CLIENT CLONE BASE HEAD [-- WORKLOAD... and flags of kbench run]
#
# CLIENT is franz-go, sarama or kafka-go, CLONE a local clone of it, BASE and HEAD commits.
# The comment goes to standard output, and with the run directory to KBENCH_OUT (default: a
# temporary directory that is removed). Nothing is fetched that the go command does not need.
#
# Exit codes: 0 the head is not worse, 4 it is worse, 1 and 2 as kbench's.
set -euo pipefail

kbench=${KBENCH:-kbench}
if [ $# -lt 4 ]; then
  echo "usage: $0 CLIENT CLONE BASE HEAD [-- WORKLOAD... and flags of kbench run]" >&2
  exit 2
fi
client=$1 clone=$(cd "$2" && pwd) base=$3 head=$4
shift 4
[ "${1:-}" != -- ] || shift
[ $# -gt 0 ] || set -- produce-max --rounds 16

work=$(mktemp -d)
out=${KBENCH_OUT:-$work/out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
clean() {
  for tree in new old; do
    git -C "$clone" worktree remove --force "$work/$tree" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean EXIT

# Arms are compared in the order of their names: new against old.
git -C "$clone" worktree add --quiet --detach "$work/old" "$base"
git -C "$clone" worktree add --quiet --detach "$work/new" "$head"
kbench=$(command -v "$kbench")
kbench=$(cd "$(dirname "$kbench")" && pwd)/$(basename "$kbench")
cd "$work"

rc=0
"$kbench" run "$@" --client "$client=new,$client=old" --out "$out/run" >"$out/report.txt" || rc=$?
case $rc in
0 | 3 | 5) ;; # gates are not what is asked
*)
  tail -n 20 "$out/report.txt" >&2
  exit "$rc"
  ;;
esac
rc=0
"$kbench" compare "$out/run" --output markdown >"$out/comment.md" || rc=$?
case $rc in
0 | 5) ;; # 5: it cannot be told, and the table says what it would take
*) exit "$rc" ;;
esac
printf '\n%s at %s (new) against %s (old)\n' "$client" "$(git -C "$work/new" rev-parse --short HEAD)" "$(git -C "$work/old" rev-parse --short HEAD)" >>"$out/comment.md"
cat "$out/comment.md"
if ! head -n 1 "$out/comment.md" | grep -q ': 0 worse,'; then
  echo "pr: the head is worse than its base" >&2
  exit 4
fi
