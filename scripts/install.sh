#!/usr/bin/env bash
# install.sh install|uninstall: the programs, eSpeak NG's data, completions, manual pages and documents, below $DESTDIR$PREFIX.
set -euo pipefail
cd "$(dirname "$0")/.."

root="${DESTDIR:-}${PREFIX:?PREFIX is not set}"
files=(
  bin/hearken
  bin/hearken-llm
  share/bash-completion/completions/hearken
  share/fish/vendor_completions.d/hearken.fish
  share/zsh/site-functions/_hearken
)
# The README, and whatever it and these link to, at the same place beside each other, so that links lead somewhere.
documents=(LICENSE ./*.md docs/*.md docs/*.svg assets/commands.toml tests/peers/README.md)

install_all() {
  local data document
  # The newest, when several builds of eSpeak NG lie there.
  data=$(ls -dt target/release/build/espeak-rs-sys-*/out/share/espeak-ng-data 2>/dev/null | head -n 1 || true)
  if [ ! -x target/release/hearken ] || [ -z "$data" ]; then
    echo "install: build first: make build" >&2
    exit 1
  fi
  install -D -m 755 target/release/hearken "$root/bin/hearken"
  install -D -m 755 target/release/hearken-llm "$root/bin/hearken-llm"
  mkdir -p "$root/share/hearken"
  # Beside the old one first, so that a full disk leaves the old one whole.
  rm -rf "$root/share/hearken/espeak-ng-data.new"
  cp -r "$data" "$root/share/hearken/espeak-ng-data.new"
  rm -rf "$root/share/hearken/espeak-ng-data"
  mv "$root/share/hearken/espeak-ng-data.new" "$root/share/hearken/espeak-ng-data"
  generate bash share/bash-completion/completions/hearken
  generate fish share/fish/vendor_completions.d/hearken.fish
  generate zsh share/zsh/site-functions/_hearken
  target/release/hearken completions man --out "$root/share/man/man1"
  for document in "${documents[@]}"; do
    install -D -m 644 "$document" "$root/share/doc/hearken/$document"
  done
  echo "installed below $root; next: hearken weights pull, then hearken run"
  case ":$PATH:" in
    *":$PREFIX/bin:"*) ;;
    *) echo "$PREFIX/bin is not on your PATH; add it to use the name hearken alone" ;;
  esac
}

generate() {
  mkdir -p "$root/$(dirname "$2")"
  target/release/hearken completions "$1" >"$root/$2"
}

uninstall_all() {
  local file
  for file in "${files[@]}"; do rm -f "$root/$file"; done
  # A page for each command, also of a version that had other commands.
  rm -f "$root"/share/man/man1/hearken.1 "$root"/share/man/man1/hearken-*.1
  rm -rf "$root/share/hearken/espeak-ng-data" "$root/share/doc/hearken"
  rmdir "$root/share/hearken" 2>/dev/null || true
  echo "uninstalled from $root; your configuration and weights are untouched"
}

case "${1:-}" in
  install) install_all ;;
  uninstall) uninstall_all ;;
  *) echo "usage: install.sh install|uninstall" >&2; exit 2 ;;
esac
