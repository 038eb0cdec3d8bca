#!/bin/sh
# Run the tests of Testing/Slicer and a small batch in a 3D Slicer that is at hand, without a display.
#
#   Utilities/RunInSlicer.sh SLICER [OUTPUT]
#
# SLICER is the application's launcher, as /opt/Slicer-5.12.3-linux-amd64/Slicer. OUTPUT (default: slicer-output) gets
# slicer-tests.xml and batch/junit.xml, which any continuous integration reads, and all that the batch has made. Packages
# that the application's Python lacks are installed into it by pip. M3D_SLICER_TESTS names another folder of tests.
#
# Exit status: 1 a test or a model fails, 3 none fails but one could not be done or assessed, 2 it could not be run.
set -eu

refuse() {
    echo "RunInSlicer: $1" >&2
    exit 2
}

[ $# -eq 1 ] || [ $# -eq 2 ] || refuse "give the launcher of 3D Slicer, and a folder for the results if you like."
case $1 in
    /*) slicer=$1 ;;
    *) slicer=$PWD/$1 ;;
esac
if [ ! -f "$slicer" ] || [ ! -x "$slicer" ]; then
    refuse "'$1' is no program; give the launcher of 3D Slicer, as .../Slicer."
fi
output=${2:-slicer-output}
mkdir -p "$output" || refuse "the folder '$output' cannot be made."
output=$(cd "$output" && pwd)
[ ! -e "$output/batch" ] || refuse "'$output' holds the results of an earlier run; choose another folder."
root=$(cd "$(dirname "$0")/.." && pwd)
tests=${M3D_SLICER_TESTS:-$root/Testing/Slicer}
m3d=$root/M3DValidation/M3DBatchLib/__main__.py

python=$(dirname "$slicer")/bin/PythonSlicer
[ -x "$python" ] || refuse "there is no '$python' beside the launcher, which the batch's workers need."
if ! "$python" -c 'import jinja2, junitparser, pytest' 2>/dev/null; then
    "$python" -m pip install --quiet --disable-pip-version-check jinja2 junitparser pytest ||
        refuse "the packages jinja2, junitparser and pytest could not be installed into the application's Python."
fi

# Without a display Qt draws nowhere; VTK renders by itself.
if [ -z "${DISPLAY:-}" ] && [ -z "${WAYLAND_DISPLAY:-}" ]; then
    QT_QPA_PLATFORM=${QT_QPA_PLATFORM:-offscreen}
    export QT_QPA_PLATFORM
fi

tested=0
"$slicer" --testing --no-splash --no-main-window --additional-module-paths "$root/M3DExport" "$root/M3DValidation" \
    --python-script "$root/Utilities/SlicerTests.py" --junit "$output/slicer-tests.xml" --tests "$tests" || tested=$?
[ -s "$output/slicer-tests.xml" ] || refuse "the tests left no results (exit status $tested)."

run() {
    "$slicer" --no-splash --no-main-window --disable-settings --python-script "$m3d" "$@"
}

run demo --output "$output/demo" || refuse "the phantom scan for the batch could not be made (exit status $?)."
cat > "$output/cases.csv" <<CASES
id,image,threshold,largest,title,profile
skull,demo,540,1,Skull,education
CASES
batched=0
run batch "$output/cases.csv" --output "$output/batch" --json "$output/batch.json" || batched=$?
[ -s "$output/batch/junit.xml" ] || refuse "the batch left no results (exit status $batched)."

echo "Results: $output/slicer-tests.xml (exit status $tested), $output/batch/junit.xml (exit status $batched)"
[ "$tested" -eq 0 ] || exit 1
exit "$batched"
