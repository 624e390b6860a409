# ./dev test --fuzz [NAME]: tests/fuzz/NAME_fuzz.cpp with the seeds of tests/fuzz/corpus/NAME.
# What the fuzzer learns stays in build/fuzz/corpus; inputs that crash are kept in build/fuzz/crashes.

run_fuzz() {
  local seconds=${FUZZ_SECONDS:-60} only=${1:-} target name
  local -a names=()
  for target in tests/fuzz/*_fuzz.cpp; do
    [[ -e $target ]] || continue
    name=$(basename "$target" _fuzz.cpp)
    [[ -z $only || $only == "$name" ]] || continue
    names+=("$name")
  done
  if [[ ${#names[@]} -eq 0 ]]; then
    say "There is no fuzz target${only:+ named $only} in tests/fuzz."
    printf '0 passed, 1 failed, 0 skipped\n'
    return 1
  fi
  if ! (set -e; install_packages build test; compile fuzz "${names[@]/%/_fuzz}"); then
    printf '0 passed, %s failed, 0 skipped\n' "${#names[@]}"
    return 1
  fi

  say "Fuzzing ${#names[@]} targets, $seconds s each, two at a time"
  local running=0
  for name in "${names[@]}"; do
    if ((running == 2)); then
      wait -n || true
      running=1
    fi
    fuzz_one "$name" "$seconds" &
    running=$((running + 1))
  done
  wait || true

  local passed=0 failed=0 code
  local -a broken=()
  for name in "${names[@]}"; do
    code=$(cat "build/fuzz/logs/$name.exit" 2>/dev/null || echo 'no exit code')
    if [[ $code == 0 ]]; then
      passed=$((passed + 1))
      printf '%-24s ok      %s\n' "$name" "$(grep -a '^Done ' "build/fuzz/logs/$name.log" | tail -1)"
    else
      failed=$((failed + 1))
      broken+=("$name")
    fi
  done
  for name in "${broken[@]}"; do
    # The input as well: where this runs, the log and the folder of crashes may be gone afterwards.
    printf '%-24s FAILED  log: build/fuzz/logs/%s.log\n' "$name" "$name"
    grep -a -E '^(==[0-9]+== ?ERROR|SUMMARY|Base64:|.*Test unit written to)|runtime error:|Assertion' \
      "build/fuzz/logs/$name.log" | cut -c1-400 | tail -n 8 || true
  done
  printf '%s passed, %s failed, 0 skipped\n' "$passed" "$failed"
  ((failed == 0))
}

fuzz_one() {
  local name=$1 seconds=$2 code=0
  local seeds=tests/fuzz/corpus/$name learned=build/fuzz/corpus/$name crashes=build/fuzz/crashes/$name
  mkdir -p "$learned" "$crashes" build/fuzz/logs
  local -a folders=("$learned")
  [[ ! -d $seeds ]] || folders+=("$seeds")
  "build/fuzz/tests/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$crashes/" "${folders[@]}" >"build/fuzz/logs/$name.log" 2>&1 || code=$?
  printf '%s\n' "$code" >"build/fuzz/logs/$name.exit"
}
