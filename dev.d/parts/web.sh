# npm packages by lock file, and the browser bundle that is built into the binary.

digest_of() { sha256sum | cut -d' ' -f1; }

# npm_packages FOLDER: `npm ci` when the lock file is not the one that was installed.
npm_packages() {
  local folder=$1 stamp digest
  [[ -f $folder/package-lock.json ]] || return 0
  stamp=$folder/node_modules/.installed-lock
  digest=$(cat "$folder/package.json" "$folder/package-lock.json" | digest_of)
  [[ ! -f $stamp || $(<"$stamp") != "$digest" ]] || return 0
  say "Installing npm packages of $folder"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error) >&2 || fail "npm could not install the packages of $folder."
  printf '%s\n' "$digest" >"$stamp"
}

web_sources() {
  find web -type d \( -name node_modules -o -name dist -o -name coverage \) -prune -o -type f -print0 | LC_ALL=C sort -z
}

# build_web: web/dist, when a source of it changed.
build_web() {
  [[ -f web/package.json ]] || return 0
  npm_packages web
  local stamp=build/web.stamp digest
  digest=$(web_sources | xargs -0 sha256sum | digest_of)
  [[ ! -f $stamp || $(<"$stamp") != "$digest" || ! -f web/dist/index.html ]] || return 0
  say "Building the web client"
  (cd web && npm run --silent build) >&2 || fail "The web client could not be built."
  mkdir -p build
  printf '%s\n' "$digest" >"$stamp"
}

# install_kit: the compiler that skills in TypeScript are installed with; the program finds the kit beside itself.
install_kit() { npm_packages sdk/typescript; }
