# ./dev format
command_format() {
  install_packages build lint
  cpp_files | xargs -r -0 -P "$(nproc)" -n 20 clang-format-19 -i
  say "Formatted."
}
