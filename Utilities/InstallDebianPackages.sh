#!/bin/sh
# Installs the Debian packages that SlicerM3D uses: "run" for the libraries behind the wheels, "test" for the other people's
# tools that the tests compare with. As root on Debian it installs what is missing; otherwise it says what to install.
set -eu

RUN="libgl1 libegl1 libosmesa6 fonts-dejavu-core fonts-droid-fallback"
TEST="dcmtk dicom3tools orthanc orthanc-dicomweb chromium poppler-utils prusa-slicer"

wanted=""
for group in "$@"; do
  case "$group" in
    run) wanted="$wanted $RUN" ;;
    test) wanted="$wanted $TEST" ;;
    *) echo "unknown group of packages: $group" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "Not a Debian system: please install the equivalents of$wanted. Tests that need a missing tool are skipped." >&2
  exit 0
fi

missing=""
for package in $wanted; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "Please install as root: apt-get install$missing. Without them pictures or some tests are left out." >&2
  exit 0
fi

echo "Installing$missing"
# A test of ours starts the Orthanc server itself, on a free port; the package must not start one for the whole machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
# shellcheck disable=SC2086  # the list is meant to be split
apt-get install -y -q --no-install-recommends $missing >/dev/null
