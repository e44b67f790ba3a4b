"""The picture of a run's curves."""

import math
from xml.etree import ElementTree

import pytest

from chatune_core.learning.curves import Curve, curves_svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def lines(picture: str) -> list[str]:
    paths = ElementTree.fromstring(picture).iter(f"{SVG}path")
    return [path.attrib["d"] for path in paths if path.attrib.get("fill") == "none"]


def test_each_curve_has_its_title_its_scale_and_its_steps() -> None:
    picture = curves_svg([Curve("Loss <nats>", [0.5, 0.3, 0.1])])

    assert texts(picture) == ["Loss <nats>", "0.1", "0.2", "0.3", "0.4", "0.5", "1", "2", "3"]
    (line,) = lines(picture)
    assert line == "M56.0 34.0L231.0 112.0L406.0 190.0"


def test_a_long_curve_gets_its_running_mean() -> None:
    picture = curves_svg([Curve("Loss", [float(n % 2) for n in range(60)])])

    drawn, mean = lines(picture)
    assert drawn != mean


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [math.nan, 2.0, math.nan], [1e-9, 5e9]])
def test_what_is_hardly_a_curve_is_drawn_all_the_same(values: list[float]) -> None:
    picture = curves_svg([Curve("Few", values)])

    assert "nan" not in picture
    assert len(lines(picture)) == 1


def test_where_nothing_was_measured_it_says_so() -> None:
    assert "nothing was measured" in texts(curves_svg([Curve("Distance", [math.nan])]))
    assert texts(curves_svg([])) == []


def test_a_limit_is_drawn_within_the_picture() -> None:
    picture = curves_svg([Curve("Distance", [0.01, 0.02], limit=0.1)])

    assert "stroke-dasharray" in picture
    assert "0.1" in texts(picture)
