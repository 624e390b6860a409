# ./dev bench [options of bench/run.py]: one JSON object on standard output.
command_bench() {
  install_packages build test
  build_web
  install_kit
  compile release src/apps/all bench/all
  exec python3 bench/run.py build/release/bin "$@"
}
