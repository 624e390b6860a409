# ./dev coverage: line coverage of the C++ unit and sandbox tests and of the functional tests, per folder. (A server that
# a test kills with -9 leaves no record.)
command_coverage() {
  install_packages build test
  build_web
  compile coverage all
  local out=$ROOT/build/coverage/report
  rm -rf "$out"
  mkdir -p "$out"
  LLVM_PROFILE_FILE="$out/%p-%m.profraw" ctest --test-dir build/coverage -L '^(unit|sandbox)$' --output-on-failure \
    --timeout 600 -j "$(compile_jobs)" >&2 || say "Some tests failed; their coverage counts all the same."
  npm_packages tests/functional
  (cd tests/functional && LLVM_PROFILE_FILE="$out/%p-%m.profraw" LIBREBIRD_BIN="$ROOT/build/coverage/bin/librebird" \
    npm test --silent) >&2 || say "Some functional tests failed; their coverage counts all the same."
  find "$out" -name '*.profraw' >"$out/profiles"
  llvm-profdata-19 merge -sparse -f "$out/profiles" -o "$out/merged.profdata"
  local program
  local -a objects=()
  for program in build/coverage/tests/* build/coverage/bin/*; do
    if [[ -f $program && -x $program ]]; then objects+=(-object "$program"); fi
  done
  llvm-cov-19 export -summary-only -instr-profile "$out/merged.profdata" "${objects[@]:1}" >"$out/summary.json"
  python3 dev.d/coverage.py "$out/summary.json" "$ROOT"
}
