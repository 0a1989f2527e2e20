#!/usr/bin/env bash
# deps.sh build|test: installs the system packages that the build needs, or the build, the demo and the tests (Debian,
# Ubuntu); elsewhere says what they are. Never removes a package.
set -euo pipefail

packages=(build-essential cmake pkg-config libclang-dev libasound2-dev libsonic-dev libssl-dev python3 python3-pip git)
case "${1:-}" in
  build) ;;
  test) packages+=(pulseaudio pulseaudio-utils libasound2-plugins sox espeak-ng pocketsphinx-testdata systemd dbus strace openssl faketime) ;;
  *) echo "usage: deps.sh build|test" >&2; exit 2 ;;
esac

if ! command -v cargo >/dev/null; then
  echo "deps: there is no Rust toolchain; install 1.92 or newer (rustup) and try again." >&2
  exit 1
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  if [ "$(uname -s)" = Linux ]; then
    echo "deps: this is no Debian or Ubuntu. Install what they call:" "${packages[@]}" >&2
    echo "deps: then build with cargo build --release --locked, or run the script in scripts/ that make would have run." >&2
  else
    echo "deps: only Linux is supported so far; hearken needs cmake, a C++ compiler, libclang, ALSA, sonic, OpenSSL." >&2
  fi
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "deps: installing ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "deps: these need root, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  sudo=(sudo)
fi
${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get update -qq
${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" >/dev/null || {
  echo "deps: apt-get could not install them without removing something else." >&2
  echo "deps: where PipeWire's own sound server is installed, pulseaudio conflicts with it: the demo and the tests then" >&2
  echo "deps: need another machine or a container; make run and make install do not need pulseaudio." >&2
  exit 1
}
