# ./dev setup: everything a developer needs; the other commands install only what they use.
command_setup() {
  install_packages build test lint
  install_pgvector
  npm_packages web
  npm_packages tests/functional
  say "Everything is set up."
}
