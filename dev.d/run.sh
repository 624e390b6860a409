# ./dev run [args…]: build what users run and become `librebird serve`.
command_run() {
  install_packages build
  build_web
  install_kit
  compile release src/apps/all
  exec "$ROOT/build/release/bin/librebird" serve "$@"
}
