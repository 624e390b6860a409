# ./dev test --fresh [--debian 12|13]: the README's two commands in a newly bootstrapped Debian, so that a missing
# installation step cannot hide. Downloads and compilations are shared with this machine (apt, npm and ccache caches);
# the root itself is new each time. Mounts and processes live in namespaces of their own and vanish with them.

FRESH_ENVIRONMENT=(http_proxy https_proxy ftp_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY
  LIBREBIRD_JOBS PIP_INDEX_URL)

run_fresh() {
  local release=12 codename
  if [[ ${1:-} == --debian ]]; then release=${2:-}; fi
  case $release in
    12) codename=bookworm ;;
    13) codename=trixie ;;
    *) fail "--debian is 12 or 13." ;;
  esac
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || fail "Bootstrapping a root needs root or sudo."
    exec sudo env HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}" \
      "$ROOT/dev" test --fresh --debian "$release"
  fi
  install_packages fresh

  local home=$CACHE/fresh/debian-$release began=$SECONDS
  mkdir -p "$home/archives/partial" "$CACHE/fresh/npm"
  # One run at a time for each release.
  exec {lock}>"$home/lock"
  flock -n "$lock" || fail "Another --fresh run is using $home."
  fresh_base "$home" "$codename"
  # Not local: the trap outlives this function.
  FRESH_ROOT=$home/root
  fresh_clean
  trap fresh_clean EXIT
  trap 'exit 130' INT TERM HUP
  cp -a "$home/base" "$FRESH_ROOT"
  fresh_configure "$FRESH_ROOT" "$codename"
  fresh_source "$FRESH_ROOT"

  local name
  local -a environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
    TERM="${TERM:-dumb}" DEBIAN_FRONTEND=noninteractive npm_config_registry="$(fresh_registry)")
  for name in "${FRESH_ENVIRONMENT[@]}"; do
    [[ -z ${!name:-} ]] || environment+=("$name=${!name}")
  done
  if [[ -f $FRESH_ROOT/opt/host-ca.crt ]]; then
    environment+=(NODE_EXTRA_CA_CERTS=/opt/host-ca.crt npm_config_cafile=/opt/host-ca.crt)
  fi
  local ccache
  ccache=${CCACHE_DIR:-$(ccache --get-config cache_dir 2>/dev/null || printf %s "$HOME/.cache/ccache")}
  mkdir -p "$ccache"

  say "Debian $release is ready after $((SECONDS - began)) s; running ./dev run and ./dev test in it"
  local code=0 output=$home/last.log
  env -i "${environment[@]}" unshare --mount --pid --fork --kill-child --propagation private \
    bash "$ROOT/dev.d/fresh/enter.sh" "$FRESH_ROOT" "$home/archives" "$ccache" "$CACHE/fresh/npm" \
    bash /opt/inside.sh </dev/null > >(tee "$output") 2>&1 || code=$?
  wait
  say "Fresh Debian $release took $((SECONDS - began)) s"
  if ! tail -n 1 "$output" | grep -qE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'; then
    printf '0 passed, 1 failed, 0 skipped\n'
    exit 1
  fi
  tail -n 1 "$output"
  exit "$code"
}

fresh_clean() { rm -rf --one-file-system "$FRESH_ROOT"; }

# The bootstrapped base, kept for a month.
fresh_base() {
  local home=$1 codename=$2 base=$1/base
  if [[ -f $home/base.done && -z $(find "$home/base.done" -mtime +30) ]]; then return 0; fi
  [[ -n $(debian_mirror debian) && -n $(debian_mirror debian-security) ]] ||
    fail "apt's configuration names no Debian mirror. Set LIBREBIRD_DEBIAN_MIRROR to the address above debian/."
  rm -rf --one-file-system "$base" "$home/base.done"
  say "Bootstrapping Debian $codename"
  debootstrap --variant=minbase --include=ca-certificates,git "$codename" "$base" "$(debian_mirror debian)" \
    >"$home/debootstrap.log" 2>&1 || fail "debootstrap failed: $home/debootstrap.log says why."
  rm -f "$base"/var/cache/apt/archives/*.deb
  touch "$home/base.done"
}

fresh_registry() { (cd "$ROOT" && npm config get registry); }

# What lets the new root reach the network as this machine does: resolver, apt's network settings, trusted authorities.
fresh_configure() {
  local root=$1 codename=$2 file
  {
    printf 'deb %s %s main\n' "$(debian_mirror debian)" "$codename"
    printf 'deb %s %s-updates main\n' "$(debian_mirror debian)" "$codename"
    printf 'deb %s %s-security main\n' "$(debian_mirror debian-security)" "$codename"
  } >"$root/etc/apt/sources.list"
  for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
    if [[ -f $file ]] && grep -qiE 'Acquire::(https?|Check|Retries)' "$file"; then
      cp "$file" "$root/etc/apt/apt.conf.d/"
    fi
  done
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  cp -L /etc/hosts "$root/etc/hosts"
  file=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  if [[ -f $file ]]; then cp -L "$file" "$root/opt/host-ca.crt"; fi
  cp "$ROOT/dev.d/fresh/inside.sh" "$root/opt/inside.sh"
}

# A clean clone of what is committed.
fresh_source() {
  local git=(git -c safe.directory='*' -C "$ROOT")
  [[ -z $("${git[@]}" status --porcelain) ]] || say "Note: changes that are not committed are not part of this run."
  "${git[@]}" bundle create "$1/opt/librebird.bundle" HEAD >/dev/null 2>&1 || fail "git bundle failed."
}
