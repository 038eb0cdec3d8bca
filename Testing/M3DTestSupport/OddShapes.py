"""Parts made to mislead an alignment: nearly symmetric ones with one small mark, thin shells, a nearly mirrored one.

Cube, cylinder, ring, propeller, twins and bracket are their own mirror images, which no alignment can tell.
"""

from __future__ import annotations

from M3DLib.Phantom.PhantomShapes import (
    Box,
    Cylinder,
    Difference,
    Ellipsoid,
    HollowShell,
    Intersection,
    Moved,
    Sphere,
    Torus,
    Union,
    rotationAbout,
)


def notchedCube():
    """A cube whose only mark is a notch at one corner of an edge."""
    return Difference(Box((0, 0, 0), (40, 40, 40)), Box((18, 20, 20), (7, 6, 6))), 1.0, 24.0


def markedCylinder():
    """A cylinder with a small button on its side, off the middle."""
    return Union((Cylinder((0, 0, 0), (0, 0, 1), 16, 50), Sphere((16, 0, 12), 3.5))), 1.0, 30.0


def ringWithPin():
    """A ring with one small ball on it."""
    return Union((Torus((0, 0, 0), (0, 0, 1), 30, 5), Sphere((30, 3, 5), 3))), 1.0, 40.0


def nearlyMirrored():
    """A vertebra whose two sides differ by one knob: its mirror image is nearly the same."""
    body = Union((Ellipsoid((0, 0, 0), (24, 17, 14)), Torus((0, 22, 2), (0, 0.2, 1), 14, 5)))
    arms = (Cylinder((30, 26, 4), (1, 0.2, 0.1), 4, 26), Cylinder((-30, 26, 4), (-1, 0.2, 0.1), 4, 26))
    return Union((body, *arms, Box((0, 46, -4), (6, 30, 14)), Sphere((41, 28, 8), 4))), 1.3, 66.0


def implant():
    """A cranial implant: a curved shell with an outline of its own, nearly part of a ball."""
    shell = HollowShell(Ellipsoid((0, 0, 0), (72, 76, 70)), 4)
    outline = Union((Cylinder((0, 0, 50), (0, 0, 1), 34, 60), Box((22, 14, 50), (40, 30, 60))))
    return Intersection((shell, outline)), 1.3, 80.0


def propeller():
    """Three blades, one 2 mm longer."""
    blades = [
        Moved(Box(((20 + extra) / 2 + 6, 0, 0), (28 + extra, 9, 4)), tuple(map(tuple, rotationAbout((0, 0, 1), angle))))
        for angle, extra in ((0, 2), (120, 0), (240, 0))
    ]
    return Union((*blades, Cylinder((0, 0, 0), (0, 0, 1), 8, 14))), 1.0, 44.0


def drillGuide():
    """A curved base with two sleeves alike and a handle."""
    base = Intersection((HollowShell(Cylinder((0, 0, -40), (0, 1, 0), 46, 120), 4), Box((0, 0, 4), (50, 36, 30))))
    sleeves = (Cylinder((-14, 0, 8), (0.2, 0, 1), 5, 22), Cylinder((14, 4, 8), (-0.2, 0, 1), 5, 22))
    bores = (Cylinder((-14, 0, 8), (0.2, 0, 1), 2.5, 60), Cylinder((14, 4, 8), (-0.2, 0, 1), 2.5, 60))
    return Difference(Union((base, *sleeves, Box((0, -24, 6), (8, 16, 4)))), Union(bores)), 0.9, 44.0


def longBone():
    """A shaft with two heads that are nearly alike."""
    shaft = Cylinder((0, 0, 0), (0, 0, 1), 9, 130)
    heads = (Ellipsoid((2, 0, 66), (19, 15, 12)), Ellipsoid((-2, 1, -66), (19, 14, 12)), Sphere((14, 4, 70), 9))
    return Union((shaft, *heads)), 1.8, 86.0


def bracket():
    """An angle of two legs 1 mm different in length, with a hole in each."""
    legs = Union((Box((20, 0, 3), (40, 24, 6)), Box((3, 0, 20.5), (6, 24, 41))))
    holes = (Cylinder((28, 0, 3), (0, 0, 1), 4, 20), Cylinder((3, 0, 28), (1, 0, 0), 4, 20))
    return Difference(legs, Union(holes)), 0.9, 46.0


def crown():
    """A tooth of 10 mm with four cusps."""
    cusps = [Sphere((x, y, 4 + z), 2.2) for x, y, z in ((2, 2, 0.4), (-2, 2.1, 0), (2.2, -2, 0.1), (-2, -1.8, 0.6))]
    return Difference(Union((Ellipsoid((0, 0, 0), (5, 4.6, 5)), *cusps)), Sphere((0, 0, -4), 3.2)), 0.35, 8.0


def orbitalPlate():
    """A sheet of 1 mm, bent twice."""
    sheet = HollowShell(Union((Sphere((0, 0, -60), 66), Sphere((22, 6, -8), 14))), 1.2)
    return Intersection((sheet, Box((4, 0, 4), (44, 34, 40)))), 0.6, 30.0


def twins():
    """Two balls of nearly one size on a bar: half a turn brings it nearly onto itself."""
    balls = (Sphere((24, 0, 0), 12.0), Sphere((-24, 0, 0), 12.6))
    return Union((Cylinder((0, 0, 0), (1, 0, 0), 6, 48), *balls)), 1.0, 42.0


def pelvis():
    """A ring of two wings with sockets, nearly its own mirror image: one spine is longer."""
    wings = [Moved(HollowShell(Ellipsoid((0, 0, 0), (34, 40, 30)), 4), tilted(side)) for side in (-1, 1)]
    ring = Torus((0, 0, -18), (0, 0.4, 1), 40, 7)
    sockets = (Sphere((44, -8, -20), 13), Sphere((-44, -8, -20), 13))
    marks = (Box((0, 34, 2), (22, 14, 30)), Sphere((30, -30, 22), 6))
    return Difference(Union((*wings, ring, *marks)), Union(sockets)), 2.0, 92.0


def tilted(side):
    """Turn and place of a wing of the pelvis, for ``Moved``."""
    return tuple(map(tuple, rotationAbout((0, side, 0.2), 35)))


def holedBracket():
    """A bar whose four holes lie evenly, one 0.6 mm wider: half turns bring it nearly onto itself."""
    holes = [Cylinder((x, 0, 0), (0, 0, 1), 4.6 if x == 24 else 4.0, 20) for x in (-24, -8, 8, 24)]
    return Difference(Box((0, 0, 0), (66, 18, 5)), Union(tuple(holes))), 0.8, 38.0


def femoralHead():
    """A ball on a neck with the two trochanters."""
    head, neck = Sphere((0, 0, 30), 23), Cylinder((8, 0, 8), (0.5, 0, -1), 13, 44)
    return Union((head, neck, Ellipsoid((24, 4, -8), (14, 12, 18)), Sphere((6, -12, -22), 7))), 1.6, 62.0


def thinPlate():
    """A sheet of 1.2 mm with a slot and an outline of its own."""
    outline = Union((Box((0, 0, 0), (60, 30, 1.2)), Cylinder((26, 10, 0), (0, 0, 1), 13, 1.2)))
    return Difference(outline, Union((Box((-12, 6, 0), (20, 3, 9)), Cylinder((14, -7, 0), (0, 0, 1), 3, 9)))), 0.6, 44.0


ODD_SHAPES = {
    "pelvis": pelvis,
    "holed bracket": holedBracket,
    "femoral head": femoralHead,
    "thin plate": thinPlate,
    "notched cube": notchedCube,
    "marked cylinder": markedCylinder,
    "ring with pin": ringWithPin,
    "nearly mirrored": nearlyMirrored,
    "implant": implant,
    "propeller": propeller,
    "drill guide": drillGuide,
    "long bone": longBone,
    "bracket": bracket,
    "crown": crown,
    "orbital plate": orbitalPlate,
    "twins": twins,
}
