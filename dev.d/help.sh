# ./dev help
command_help() {
  cat <<'TEXT'
./dev run [args…]        build what users run and start `librebird serve args…`
./dev test               everything: unit, db, sandbox, architecture, kits, web, functional and escape
./dev test SUITE [args…] one suite: unit, db, sandbox, architecture, kits, web, functional or escape (args go to it)
./dev test --full        the long versions of the functional tests (all kills, all sizes)
./dev test --fuzz [NAME] every fuzz target (or one) for FUZZ_SECONDS (60) seconds
./dev test --fresh [--debian 12|13]
                         the README's commands in a newly bootstrapped Debian
./dev build [PRESET]     release (the default), dev, asan, tsan, fuzz, coverage → build/PRESET/bin
./dev bench              measure the release build, print one JSON object
./dev coverage           line coverage of the C++ tests, per folder
./dev lint [--all]       formatting, clang-tidy, web and shell checks (changed files, or all)
./dev format             reformat the C++ code
./dev setup              only install what is missing: system packages (packages.txt) and npm packages

Every command does its own set-up first; nothing happens when nothing is missing.
LIBREBIRD_JOBS limits the compile jobs.
TEXT
}
