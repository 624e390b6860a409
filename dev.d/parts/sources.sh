# The files that belong to the project.

# project_files PATTERN…: tracked or new, never ignored; separated by NUL.
project_files() {
  git ls-files -z -c -o --exclude-standard --deduplicate -- "$@" | while IFS= read -r -d '' file; do
    if [[ -f $file ]]; then printf '%s\0' "$file"; fi
  done
}

cpp_files() { project_files '*.cpp' '*.hpp'; }

# changed_files PATTERN…: those that differ from the main branch.
changed_files() {
  local base
  base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  {
    git diff --name-only --diff-filter=d "$base" -- "$@"
    git ls-files -o --exclude-standard -- "$@"
  } | sort -u | tr '\n' '\0'
}
