#!/bin/sh
# Installs the Debian packages that building and testing need. Idempotent, and quick when nothing is missing.
set -eu

packages="make g++ cmake ninja-build ccache clang libclang-rt-14-dev libgtest-dev libdnnl-dev
libsentencepiece-dev libcli11-dev libyaml-cpp-dev nlohmann-json3-dev libpcre2-dev libfmt-dev libfaiss-dev
libopenblas-serial-dev poppler-utils python3 python3-pip"

fail() {
  echo "install_packages: $*" >&2
  exit 1
}

command -v dpkg-query >/dev/null 2>&1 ||
  fail "this script knows Debian only; install the equivalents of: $(echo $packages)"

missing=
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "packages: all present"
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || fail "not root and no sudo; as root run: apt-get install -y$missing"
  as_root=sudo
fi

echo "packages: installing$missing"
install() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -q $missing
}
# Package lists may be absent or stale: the first attempt is allowed to fail.
if ! install >/dev/null 2>&1; then
  echo "packages: refreshing the package lists"
  $as_root apt-get update -q || fail "apt-get update failed; is there a network?"
  install || fail "apt-get install failed; see above"
fi
echo "packages: done"
