# pgvector for the PostgreSQL that tests start: the distribution's package. Where it has none (Debian 12), a package of
# the same name is built from Debian's source: 20 files of C and a script. What is there already is left alone.
# Without it, or without the network, the tests that need it are reported as skipped.

PGVECTOR_RELEASE=trixie # the Debian release whose source is taken

install_pgvector() {
  command -v dpkg-query >/dev/null || return 0
  local version package work=$ROOT/build/pgvector
  version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -n | tail -n 1)
  [[ -n $version && ! -e /usr/share/postgresql/$version/extension/vector.control ]] || return 0
  package=postgresql-$version-pgvector
  mkdir -p "$work"
  as_root apt-get -q -o Acquire::Retries=3 update >"$work/log" 2>&1 || true # an old list may do as well
  if [[ $(apt-cache policy "$package") == *'Candidate: '[!\(]* ]]; then
    say "Installing $package (log: build/pgvector/log)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 install -y --no-install-recommends \
      "$package" >>"$work/log" 2>&1 || say "It failed: the tests that need pgvector are skipped."
    return 0
  fi
  say "Building $package from Debian's source (log: build/pgvector/log)"
  # In a subshell of its own, so that a failure anywhere in it ends it.
  local code=0
  (set -Eeuo pipefail; pgvector_package "$version" "$package" "$work") >>"$work/log" 2>&1 &
  wait $! || code=$?
  if ((code != 0)) || ! as_root dpkg -i "$work/$package.deb" >>"$work/log" 2>&1; then
    say "It failed: the tests that need pgvector are skipped."
  fi
}

# pgvector_package POSTGRESQL PACKAGE FOLDER: makes FOLDER/PACKAGE.deb, unless it is there.
pgvector_package() {
  local version=$1 package=$2 work=$3 root=$3/root source headers extension number
  [[ ! -f $work/$package.deb ]] || return 0
  source=$(pgvector_source "$work")
  headers=$(pgvector_headers "$version" "$work")
  number=$(sed -nE "s/^default_version = '([0-9.]+)'$/\\1/p" "$source/vector.control")

  rm -rf "$root"
  extension=$root/usr/share/postgresql/$version/extension
  mkdir -p "$root/DEBIAN" "$extension" "$root/usr/lib/postgresql/$version/lib"
  # As PostgreSQL compiles extensions, and pgvector's Makefile says beside it.
  clang-19 -w -O2 -fPIC -shared -fwrapv -fno-strict-aliasing -ftree-vectorize -fassociative-math -fno-signed-zeros \
    -fno-trapping-math -D_GNU_SOURCE -I"$headers" -I/usr/include/postgresql "$source"/src/*.c -lm \
    -o "$root/usr/lib/postgresql/$version/lib/vector.so"
  cp "$source/vector.control" "$source"/sql/vector--*--*.sql "$extension/"
  cp "$source/sql/vector.sql" "$extension/vector--$number.sql"
  printf '%s\n' "Package: $package" "Version: $number-0librebird" "Architecture: $(dpkg --print-architecture)" \
    "Depends: postgresql-$version" "Section: database" "Maintainer: Libre Bird" \
    "Description: pgvector, built from Debian's source for Libre Bird's tests" >"$root/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$root" "$work/$package.deb.part" >&2
  mv "$work/$package.deb.part" "$work/$package.deb"
}

# The folder of pgvector's source, fetched and checked by apt.
pgvector_source() {
  local work=$1 mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(debian_mirror debian)
  [[ -n $mirror ]] || {
    printf '%s\n' "apt's configuration names no Debian mirror: set LIBREBIRD_DEBIAN_MIRROR." >&2
    return 1
  }
  mkdir -p "$work"/lists/partial "$work"/cache/archives/partial "$work/source"
  printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$PGVECTOR_RELEASE" >"$work/sources.list"
  local -a options=(-q -o Acquire::Retries=3 -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=)
  apt-get "${options[@]}" update >&2
  (cd "$work" && apt-get "${options[@]}" source --download-only pgvector >&2)
  tar -xzf "$work"/pgvector_*.orig.tar.gz -C "$work/source" --strip-components=1
  printf %s "$work/source"
}

# The folder of the server's headers: where they are installed, or out of their package. Installing that would bring a
# whole compiler along.
pgvector_headers() {
  local version=$1 work=$2 installed=/usr/include/postgresql/$1/server
  if [[ -f $installed/postgres.h ]]; then
    printf %s "$installed"
    return 0
  fi
  (cd "$work" && apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User= download "postgresql-server-dev-$version" >&2)
  dpkg-deb -x "$work"/postgresql-server-dev-"$version"_*.deb "$work/headers"
  printf %s "$work/headers$installed"
}
