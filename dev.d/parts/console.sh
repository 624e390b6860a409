# What the commands say, and how they end.
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}
trap 'printf "dev: stopped at line %s of %s: %s\n" "$LINENO" "${BASH_SOURCE[0]#"$ROOT"/}" "$BASH_COMMAND" >&2' ERR
if [[ ! -t 2 ]]; then say() { printf '%s\n' "$*" >&2; }; fi

# Our cache outside the repository: roots of --fresh, stamps of CI.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/librebird
