# ./dev build [preset]
command_build() {
  local preset=${1:-release}
  install_packages build
  case $preset in asan | tsan | fuzz | coverage) install_packages test ;; esac
  build_web
  install_kit
  case $preset in
    release) compile release src/apps/all ;;
    *) compile "$preset" all ;;
  esac
  say "Built: build/$preset/bin"
}
