#!/usr/bin/env bash
# A night: is the machine fit, run, report, gate, trend, and what each said as files.
#
#   scripts/nightly.sh [-- flags of kbench run]
#
# It works in KBENCH_HOME (default: here): runs/ has the history, nights/<run>/ what was said
# of each. Settings are of the environment:
#
#   KBENCH            the command                                    kbench
#   KBENCH_WORKLOADS  what is run                                    produce-rate end-to-end
#   KBENCH_CLIENTS    arms; pin one to a version for a canary        franz-go,sarama,kafka-go
#   KBENCH_ROUNDS     of each workload                               6
#   KBENCH_GATES      one a line, beside those of the workloads      (none)
#   KBENCH_BASELINE   what gates are against, such as last:5         (none)
#   KBENCH_KEEP_RAW   how many runs keep their raw files             14
#
# Exit codes are kbench's: 1 the run failed, 4 trend alerts, 3 a gate is not met, in this
# order; 0 else, though something could not be decided.
set -euo pipefail

kbench=${KBENCH:-kbench}
read -r -a workloads <<<"${KBENCH_WORKLOADS:-produce-rate end-to-end}"
cd "${KBENCH_HOME:-.}"
[ "${1:-}" != -- ] || shift
mkdir -p runs nights
exec 9<nights
flock -n 9 || { echo "nightly: another night is under way in $PWD" >&2; exit 1; }

id=$(date -u +%Y%m%d-%H%M%S)
said=nights/$id
mkdir "$said"

# code COMMAND... writes what a command says to standard output, and its exit code to $rc.
rc=0
code() { rc=0; "$@" || rc=$?; }

code "$kbench" doctor >"$said/doctor.txt"
[ "$rc" = 0 ] || echo "nightly: the machine is not fit to measure on; see $PWD/$said/doctor.txt" >&2

code "$kbench" run "${workloads[@]}" --client "${KBENCH_CLIENTS:-franz-go,sarama,kafka-go}" --rounds "${KBENCH_ROUNDS:-6}" --out "runs/$id" "$@" >"$said/report.txt"
case $rc in
0 | 3 | 5) failed=0 ;; # its gates are decided below, with those that are given here
130) exit 130 ;;
*) failed=$rc ;;
esac
if [ ! -e "runs/$id/summary.json" ]; then
  echo "nightly: the run left no summary; see $PWD/$said/report.txt" >&2
  exit "$failed"
fi
cp "runs/$id/summary.json" "runs/$id/bench.txt" "$said/"

gates=()
while IFS= read -r gate; do
  [ -z "$gate" ] || gates+=(--gate "$gate")
done <<<"${KBENCH_GATES:-}"
[ -z "${KBENCH_BASELINE:-}" ] || gates+=(--baseline "$KBENCH_BASELINE")
gate=0
code "$kbench" gate "runs/$id" "${gates[@]}" --output markdown >"$said/gate.md" 2>"$said/gate.log"
gate=$rc
if [ "$gate" = 2 ]; then # no gates, or too few nights for a baseline
  cat "$said/gate.log" >&2
  rm "$said/gate.md"
  gate=0
else
  code "$kbench" gate "runs/$id" "${gates[@]}" --output junit >"$said/gate.xml" 2>/dev/null
fi

code "$kbench" trend --output markdown >"$said/trend.md" 2>"$said/trend.log"
trend=$rc
code "$kbench" trend --output json >"$said/trend.json" 2>/dev/null
code "$kbench" trend --keep-raw "${KBENCH_KEEP_RAW:-14}" --yes >"$said/trend.txt" 2>>"$said/trend.log"

: >"$said/night.md"
for part in gate trend; do
  [ ! -e "$said/$part.md" ] || { cat "$said/$part.md"; echo; } >>"$said/night.md"
done
cat "$said/night.md"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$said/night.md" >>"$GITHUB_STEP_SUMMARY"

[ "$failed" = 0 ] || exit "$failed"
case $trend in
0 | 5) ;;
*) exit "$trend" ;;
esac
case $gate in
0 | 5) ;;
*) exit "$gate" ;;
esac
