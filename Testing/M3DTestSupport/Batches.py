"""Tables of small cases for ``m3d batch``, and what it makes of them."""

import csv
import json

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box

# A closed box passes; one with a side taken out fails.
GOOD, OPEN = "good.stl", "open.stl"


def writeMeshes(folder):
    """A model that passes and one that fails, a few triangles each."""
    points, triangles = box((20.0, 14.0, 9.0))
    (folder / GOOD).write_bytes(stlBytes(TriangleMesh(points, triangles)))
    (folder / OPEN).write_bytes(stlBytes(TriangleMesh(points, triangles[2:])))


def writeTable(file, rows):
    """A CSV file with the columns that any of the rows has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(rows)
    return file


def runBatch(table, output, *more):
    """Run the command in this process with JSON reports only; its exit status."""
    return main(["batch", str(table), "--output", str(output), "--formats", "json", *map(str, more)])


def readSummary(output):
    """The summary, and its cases by their id."""
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    return summary, {case["id"]: case for case in summary["cases"]}
