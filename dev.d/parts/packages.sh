# System packages, from packages.txt.

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "Installing packages needs root or sudo. As root: apt-get install ${*: -1}"
  fi
}

have_node() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    [[ $(node -p 'Number(process.versions.node.split(".")[0]) >= 18' 2>/dev/null) == true ]]
}

distribution() {
  local ID=unknown
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || ID=$(. /etc/os-release && printf %s "$ID")
  printf %s "$ID"
}

# required_packages SECTION…: one requirement a line, its alternatives separated by blanks.
required_packages() {
  local wanted=" $* " section='' line here node=no
  here=$(distribution)
  if have_node; then node=yes; fi
  while IFS= read -r line; do
    line=${line%%#*}
    if [[ $line =~ ^\[([a-z]+)\] ]]; then
      section=${BASH_REMATCH[1]}
      continue
    fi
    [[ $wanted == *" $section "* && $line == *[![:space:]]* ]] || continue
    [[ $line != *"!$here"* ]] || continue
    [[ $line != *'?node'* || $node == no ]] || continue
    line=${line//'|'/ }
    printf '%s\n' "$line" | sed -E 's/[!?][a-z]+//g'
  done <"$ROOT/packages.txt"
}

# install_packages SECTION…: the missing ones only; apt is not touched when nothing is missing.
install_packages() {
  command -v dpkg-query >/dev/null || {
    say "No dpkg here: the packages of packages.txt are taken as installed."
    return 0
  }
  local installed line name missing=() choice chosen=()
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
  installed=$'\n'$installed$'\n'
  while read -r line; do
    for name in $line; do
      [[ $installed != *$'\n'"$name"$'\n'* ]] || continue 2
    done
    missing+=("$line")
  done < <(required_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  say "Installing ${#missing[@]} system packages (log: build/packages.log): ${missing[*]}"
  mkdir -p "$ROOT/build"
  local log=$ROOT/build/packages.log
  as_root apt-get -q -o Acquire::Retries=3 update >"$log" 2>&1 || packages_failed "$log"
  for line in "${missing[@]}"; do
    choice=
    for name in $line; do
      if [[ $(apt-cache policy "$name") == *'Candidate: '[!\(]* ]]; then
        choice=$name
        break
      fi
    done
    [[ -n $choice ]] || fail "This distribution offers none of: $line. Supported: Debian 12, Debian 13, Ubuntu 24.04."
    chosen+=("$choice")
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 install -y --no-install-recommends \
    "${chosen[@]}" >>"$log" 2>&1 || packages_failed "$log"
}

packages_failed() {
  tail -n 20 "$1" >&2
  fail "apt-get failed; the end of $1 is above."
}

# The mirror of `debian` or `debian-security` that this machine uses; nothing if apt names none.
debian_mirror() {
  local uri=
  if [[ $(distribution) == debian ]]; then
    # shellcheck disable=SC2016  # apt's own variables
    uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 2>/dev/null |
      sed -nE "s#^([^ ]*/$1)/? (bookworm|trixie)(-security)?\$#\\1#p" | sed -n 1p)
  fi
  printf %s "${uri:-${LIBREBIRD_DEBIAN_MIRROR:+$LIBREBIRD_DEBIAN_MIRROR/$1}}"
}
