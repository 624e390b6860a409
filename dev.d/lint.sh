# ./dev lint [--all]: what a reviewer should not have to say. clang-tidy looks at changed files, or at all of them.
command_lint() {
  local all=no failed=()
  [[ ${1:-} != --all ]] || all=yes
  install_packages build test lint

  say "== clang-format"
  cpp_files | xargs -r -0 -P "$(nproc)" -n 20 clang-format-19 --dry-run -Werror || failed+=(clang-format)

  say "== clang-tidy"
  build_web
  compile dev all
  if [[ $all == yes ]]; then project_files 'src/*.cpp' 'skills/*.cpp'; else
    changed_files 'src/*.cpp' 'skills/*.cpp'
  fi | tidy_files || failed+=(clang-tidy)

  say "== shell"
  local script
  while IFS= read -r -d '' script; do
    bash -n "$script" || failed+=("$script")
  done < <(project_files dev .ci/run 'dev.d/*.sh')
  project_files dev .ci/run 'dev.d/*.sh' | xargs -0 shellcheck --shell=bash --exclude=SC2034,SC2153 || failed+=(shellcheck)

  local folder
  for folder in web tests/functional; do
    [[ -f $folder/package.json ]] || continue
    say "== $folder"
    npm_packages "$folder"
    (cd "$folder" && npm run --silent --if-present lint) || failed+=("$folder")
  done

  [[ ${#failed[@]} -eq 0 ]] || fail "lint: ${failed[*]}. ./dev format repairs formatting."
  say "Lint is clean."
}

# Only sources that the dev build compiles: clang-tidy needs their flags. Not the tests: what it looks for there is
# mostly on purpose.
tidy_files() {
  # Nothing changed is nothing wrong.
  { grep -zvE '_(sandbox|db)?test\.cpp$' || true; } | python3 dev.d/compiled.py build/dev/compile_commands.json |
    xargs -r -0 -P "$(compile_jobs)" -n 1 clang-tidy-19 -p build/dev --quiet 2> >(sed '/warnings* generated/d' >&2)
}
