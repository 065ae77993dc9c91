#!/usr/bin/env bash
# Runs the test suites and counts them together. `worker test` (npm test) starts it, after it has built everything, types checked.
#
#   test/run.sh [SUITE...]     without a name all of them, in this order:
#     lint     biome
#     unit     dist/test/unit/: no privilege, no kernel feature
#     core     the native core's own test programs, plain and with AddressSanitizer
#     kernel   dist/test/kernel/: mechanism against this kernel; skips what it lacks
#     e2e      dist/test/e2e/: a whole worker, as its users see it
#     vm       core, kernel and what of e2e depends on the kernel, again in a machine with unified cgroup v2 (test/vm/), where nothing may be skipped
#
# The last line is `N passed, N failed, N skipped`, of all suites together. Exits 1 when something failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
node=${NODE:-node}
out=build/test
prefix=${SUITE_PREFIX:-}             # "vm-" inside the virtual machine, whose counts the outer run adds up
tally=$out/${prefix}tally            # a line a suite: name passed failed skipped
notes=$out/${prefix}notes            # a line for each thing failed or skipped, with the reason

main() {
  mkdir -p "$out" && : > "$tally" && : > "$notes" || exit 1
  local suite suites=("$@")
  (($# > 0)) || suites=(lint unit core kernel e2e vm)
  for suite in "${suites[@]}"; do
    printf '\n== %s ==\n' "$prefix$suite"
    case $suite in
      lint) counted lint node_modules/.bin/biome check . ;;
      unit) node_suite unit --test-concurrency=4 ;; # many wait for a time limit to pass
      core) counted core_test build/Release/core_test; [[ -n $prefix ]] || counted core_test_asan build/Release/core_test_asan ;;
      kernel) node_suite kernel --test-concurrency=1 ;;
      e2e) programs; node_suite e2e --test-concurrency=1 ;;
      vm) programs; vm_suite ;;
      *) echo "no such suite: $suite (lint unit core kernel e2e vm)" >&2; exit 2 ;;
    esac
  done
  [[ -n $prefix ]] || summary
  ! failures
}

# add SUITE PASSED FAILED SKIPPED
add() { printf '%s %d %d %d\n' "$prefix$1" "$2" "$3" "$4" >> "$tally"; }
note() { printf '%s\n' "$prefix$*" >> "$notes"; }
failures() { awk '{ n += $3 } END { exit n == 0 }' "$tally"; }

# counted NAME COMMAND...: a program that is one test, or many when it ends with a line of counts like ours.
counted() {
  local name=$1 log=$out/$prefix$1.log status counts
  "${@:2}" < /dev/null 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  counts=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
  if ((status != 0)) && [[ ${counts:-0 0} =~ ^[0-9]+\ 0 ]]; then
    note "$name failed: exit $status"
    read -r passed _ skipped <<< "${counts:-0 0 0}"; counts="$passed 1 $skipped"
  fi
  add "$name" ${counts:-1 0 0}
}

# node_suite NAME OPTION...: TAP beside what is shown, since only it has the counts and reasons in a form to read.
node_suite() {
  # An emulated machine is slow: there, only what its cgroup v2 or its kernel, which is that of a distribution, can make a difference to.
  local only=
  case $prefix$1 in
    vm-kernel) only='/kernel/(abandoned|leaks|limits|slots|starts|zygote)\.' ;;
    vm-e2e) only='/e2e/(isolation/(limits|tables)|killed|deploy/systemd)\.' ;;
  esac
  local name=$1 tap=$out/$prefix$1.tap files status passed failed skipped
  mapfile -t files < <(find "dist/test/$name" -name '*.test.js' 2> /dev/null | grep -E "${only:-.}" | sort)
  ((${#files[@]} > 0)) || { note "$name skipped: it has no tests"; return; }
  "$node" --enable-source-maps --test --test-timeout=$((${prefix:+1} + 0 ? 300000 : 900000)) "${@:2}" --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$tap" "${files[@]}" < /dev/null
  status=$?
  passed=$(tap_count pass "$tap") failed=$(($(tap_count fail "$tap") + $(tap_count cancelled "$tap")))
  skipped=$(($(tap_count skipped "$tap") + $(tap_count todo "$tap")))
  ((status == 0 || failed > 0)) || { failed=1; note "$name failed: node ended with $status"; }
  sed -nE 's/^ *not ok [0-9]+ - (.*)$/\1/p' "$tap" | grep -vE '# (SKIP|TODO)' | while read -r line; do note "$name failed: $line"; done
  sed -nE 's/^ *ok [0-9]+ - .*# (SKIP|TODO) *(.*)$/\2/p' "$tap" | sort | uniq -c | while read -r n why; do
    note "$name skipped: $n for: ${why:-no reason given}"
  done
  add "$name" "$passed" "$failed" "$skipped"
}

tap_count() { sed -nE "s/^# $1 ([0-9]+)\$/\1/p" "$2" 2> /dev/null | tail -n 1 | grep . || echo 0; }

# The programs that read what is in deploy/, the browser that shows the dashboard, the engine of the docker backend, a registry of images and what puts
# them there. Where they cannot be installed, the tests with them are skipped and say so.
programs() {
  installed deployment haproxy/haproxy nginx/nginx-light systemd-analyze/systemd
  installed browser chromium/chromium
  installed docker dockerd/docker.io
  installed images docker-registry/docker-registry skopeo/skopeo umoci/umoci zstd/zstd
}

# installed NAME PROGRAM/PACKAGE...
installed() {
  local name=$1 program lacking=()
  for program in "${@:2}"; do
    [[ -n $(PATH=$PATH:/usr/sbin command -v "${program%/*}") ]] || lacking+=("${program#*/}")
  done
  ((${#lacking[@]} > 0 && EUID == 0)) && command -v apt-get > /dev/null || return 0
  echo "installing ${lacking[*]}"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${lacking[@]}")
  # They are wanted as programs: nothing is to serve here, neither now (invoke-rc.d(8)) nor after a reboot.
  local policy=/usr/sbin/policy-rc.d made=
  [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy && made=yes; }
  # Package lists may be absent, as in a fresh container, or too old.
  { "${install[@]}" || { apt-get update && "${install[@]}"; }; } > "$out/$name.log" 2>&1 ||
    note "e2e: ${lacking[*]} could not be installed ($out/$name.log)"
  for program in "${lacking[@]%-light}"; do systemctl disable "${program%.io}" >> "$out/$name.log" 2>&1; done
  [[ -z $made ]] || rm $policy
}

vm_suite() {
  local why status try
  why=$(test/vm/run --available) || { echo "$why"; note "vm skipped: $why"; return; }
  # An emulated machine may stall, file system and all: one that failed is tried once more, and what failed is told.
  for try in first second; do
    rm -f "$out"/vm-{tally,notes}
    test/vm/run -t 1500 -e SUITE_PREFIX=vm- -e NODE="$node" bash test/run.sh core kernel e2e
    status=$?
    ((status == 0)) || [[ $try == second ]] && break
    note "vm: the first machine ended with $status and is tried again"
    grep -hs ' failed: ' "$out/vm-notes" | sed 's/ failed: / (first try): /' >> "$notes"
  done
  cat "$out/vm-tally" >> "$tally" 2> /dev/null
  cat "$out/vm-notes" >> "$notes" 2> /dev/null
  # Failed tests are counted already; a machine that failed (124, 125) or a suite that died is not.
  ((status == 0)) || grep -qs " failed: " "$out/vm-notes" || { note "vm failed: exit $status"; add vm 0 1 0; }
}

summary() {
  printf '\n== summary ==\n'
  awk '{ printf "%-16s %5d passed %5d failed %5d skipped\n", $1, $2, $3, $4 }' "$tally"
  cat "$notes"
  echo
  awk '{ p += $2; f += $3; s += $4 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$tally"
}

main "$@"
