# CMake and Ninja.

# As many compile jobs as the processors and the memory allow: a coroutine-heavy source wants up to 1.5 GiB.
compile_jobs() {
  local processors kib by_memory
  processors=$(nproc)
  kib=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
  by_memory=$(((kib + 0) / (1536 * 1024)))
  if ((by_memory < 1)); then by_memory=1; fi
  printf %s "${LIBREBIRD_JOBS:-$((processors < by_memory ? processors : by_memory))}"
}

# compile PRESET TARGET…: configures when needed, builds.
compile() {
  local preset=$1 folder=build/$1 digest
  shift
  digest=$(cat CMakePresets.json cmake/Toolchain.cmake | digest_of)
  if [[ ! -f $folder/build.ninja || ! -f $folder/presets.stamp || $(<"$folder/presets.stamp") != "$digest" ]]; then
    cmake --preset "$preset" >&2 || fail "CMake could not configure the preset '$preset'."
    printf '%s\n' "$digest" >"$folder/presets.stamp"
  fi
  ninja -C "$folder" -j "$(compile_jobs)" "$@" >&2 || fail "The build of '$preset' failed; the first error is above."
}
