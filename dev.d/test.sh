# ./dev test: every suite, counted; the last line is `N passed, N failed, N skipped`.
# A suite that could not run counts as a failure; one that this machine cannot run counts as skipped.

SUITES=(unit db sandbox architecture kits web functional escape)

command_test() {
  local full=no fuzz=no fresh=no
  local -a rest=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --full) full=yes ;;
      --fuzz) fuzz=yes ;;
      --fresh) fresh=yes ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
  if [[ $fuzz == yes ]]; then
    run_fuzz "${rest[@]}" || exit 1
    return 0
  fi
  if [[ $fresh == yes ]]; then
    run_fresh "${rest[@]}"
  fi

  local -a wanted=("${SUITES[@]}")
  if [[ ${#rest[@]} -gt 0 ]]; then
    [[ " ${SUITES[*]} " == *" ${rest[0]} "* ]] || fail "There is no suite '${rest[0]}'. Suites: ${SUITES[*]}."
    wanted=("${rest[0]}")
    rest=("${rest[@]:1}")
  fi

  RESULTS=$ROOT/build/test-results
  rm -rf "$RESULTS"
  mkdir -p "$RESULTS"
  local suite began
  # In a subshell, so that a failed preparation still ends in the closing line.
  if ! (prepare_suites "${wanted[@]}"); then
    printf '0 passed, 1 failed, 0 skipped\n'
    exit 1
  fi
  for suite in "${wanted[@]}"; do
    say "== $suite"
    began=$SECONDS
    # A suite's exit code is one more witness beside its counts.
    local code=0
    FULL=$full "suite_$suite" "${rest[@]}" || code=$?
    printf '%s %s\n' "$code" "$((SECONDS - began))" >"$RESULTS/$suite.exit"
  done
  python3 dev.d/report.py "$RESULTS" "${wanted[@]}" || exit 1
}

prepare_suites() {
  set -e
  install_packages build test
  install_pgvector
  case " $* " in
    *' unit '* | *' db '* | *' sandbox '* | *' functional '* | *' escape '*)
      build_web
      install_kit
      npm_packages tests/mcp
      compile dev all
      ;;
  esac
}

suite_unit() { run_ctest dev unit "$@"; }
# On PostgreSQL servers that the tests start themselves.
suite_db() { run_ctest dev db "$@"; }
suite_sandbox() { run_ctest dev sandbox "$@"; }

# run_ctest PRESET LABEL [name pattern]: GoogleTest writes one JSON file an executable, CTest its verdicts.
run_ctest() {
  local preset=$1 label=$2 out=$RESULTS/$2.gtest
  local -a pattern=()
  [[ $# -lt 3 ]] || pattern=(-R "$3")
  mkdir -p "$out"
  ctest --test-dir "build/$preset" -L "^$label\$" "${pattern[@]}" --show-only=json-v1 >"$RESULTS/$label.ctest.json"
  GTEST_OUTPUT="json:$out/" ctest --test-dir "build/$preset" -L "^$label\$" "${pattern[@]}" --output-on-failure \
    --timeout 600 -j "$(compile_jobs)" --output-junit "$RESULTS/$label.junit.xml" >&2
}

suite_architecture() {
  python3 tests/architecture/check.py --self-test "$@" | tee "$RESULTS/architecture.log" >&2
}

# What runs beside a skill, with programs of its own: no part of the C++ build.
suite_kits() {
  install_kit
  { python3 sdk/python/tests/run.py || true; node sdk/typescript/test/run.mjs "$@" || true; } |
    tee "$RESULTS/kits.log" >&2
  awk '/^kits \(/ { passed += $3; failed += $5; skipped += $7 }
    END { printf "kits: %d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 }' \
    "$RESULTS/kits.log" >"$RESULTS/kits.total" || true
  cat "$RESULTS/kits.total" >>"$RESULTS/kits.log"
  ! grep -q '[1-9][0-9]* failed' "$RESULTS/kits.total"
}

suite_web() {
  if [[ ! -f web/package.json ]]; then
    say "There is no web/ yet."
    return 0
  fi
  npm_packages web
  (cd web && npx --no-install vitest run --reporter=default --reporter=json \
    --outputFile.json="$RESULTS/web.vitest.json" "$@") >&2
}

suite_functional() {
  if [[ ! -f tests/functional/package.json ]]; then
    say "There are no functional tests yet."
    return 0
  fi
  npm_packages tests/functional
  local -a environment=(LIBREBIRD_BIN="$ROOT/build/dev/bin/librebird")
  if [[ $FULL == yes ]]; then environment+=(KILLS=200); fi
  if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    say "No Chromium package on this distribution: the browser tests are skipped."
  fi
  (cd tests/functional && env "${environment[@]}" npm test --silent -- "$@" 2>&1) |
    tee "$RESULTS/functional.log" >&2
}

# The hostile skills on a real server: as root where we are root, and as an ordinary user.
suite_escape() {
  local -a more=()
  if [[ $FULL == yes ]]; then more+=(--docker); fi
  (cd tests/escape && LIBREBIRD_BIN="$ROOT/build/dev/bin/librebird" node run.mjs "${more[@]}" "$@" 2>&1) |
    tee "$RESULTS/escape.log" >&2
}
