"""Curves of a run as an SVG picture: a few lines of our own in place of a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 34, 30
_COLUMNS = 2
_SMOOTHED = 12
"""A curve of more values than this also gets their running mean."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over steps, the first after step 1; NaN leaves a gap. limit: drawn as a dashed line."""

    title: str
    values: Sequence[float]
    limit: float | None = None


def curves_svg(curves: Sequence[Curve]) -> str:
    """Return one picture with a panel for each curve, readable on light and on dark paper."""
    rows = -(-len(curves) // _COLUMNS)
    width, height = _WIDTH * min(_COLUMNS, max(len(curves), 1)), _HEIGHT * max(rows, 1)
    panels = "".join(
        f'<g transform="translate({n % _COLUMNS * _WIDTH} {n // _COLUMNS * _HEIGHT})">'
        f"{_panel(curve)}</g>"
        for n, curve in enumerate(curves)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="system-ui, sans-serif" font-size="11" fill="#333">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{panels}</svg>\n'
    )


def _panel(curve: Curve) -> str:
    title = f'<text x="{_LEFT}" y="20" font-size="13">{escape(curve.title)}</text>'
    finite = [value for value in curve.values if math.isfinite(value)]
    if not finite:
        return title + f'<text x="{_LEFT}" y="{_HEIGHT // 2}">nothing was measured</text>'
    shown = finite if curve.limit is None else [*finite, curve.limit]
    ticks = _ticks(min(shown), max(shown))
    low, high = min(ticks[0], *shown), max(ticks[-1], *shown)
    across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(step: float) -> float:
        return _LEFT + across * (step - 1) / max(len(curve.values) - 1, 1)

    def y(value: float) -> float:
        return _TOP + up * (high - value) / (high - low)

    parts = [title]
    for tick in ticks:
        parts.append(
            f'<path d="M{_LEFT} {y(tick):.1f}h{across}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for step in sorted({1, (len(curve.values) + 1) // 2, len(curve.values)}):
        parts.append(
            f'<text x="{x(step):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{step}</text>'
        )
    if curve.limit is not None:
        parts.append(
            f'<path d="M{_LEFT} {y(curve.limit):.1f}h{across}" stroke="#b3261e" stroke-dasharray="5 4"/>'
        )
    many = len(curve.values) > _SMOOTHED
    line = _line([(x(n + 1), y(v)) for n, v in enumerate(curve.values) if math.isfinite(v)])
    parts.append(
        f'<path d="{line}" fill="none" stroke="{"#9db8e8" if many else "#1f5fbf"}"'
        f' stroke-width="{1 if many else 2}"/>'
    )
    if many:
        mean = _running_mean(curve.values)
        line = _line([(x(n + 1), y(v)) for n, v in enumerate(mean) if math.isfinite(v)])
        parts.append(f'<path d="{line}" fill="none" stroke="#1f5fbf" stroke-width="2"/>')
    return "".join(parts)


def _line(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        # A line of no length shows nothing, so a single value is a short dash.
        return f"M{points[0][0]:.1f} {points[0][1]:.1f}h6"
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _running_mean(values: Sequence[float]) -> list[float]:
    half = max(1, len(values) // 20)
    means = []
    for n in range(len(values)):
        near = [v for v in values[max(0, n - half) : n + half + 1] if math.isfinite(v)]
        means.append(sum(near) / len(near) if near else math.nan)
    return means


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from below `low` to above `high`, three to seven of them."""
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    unit = 10.0 ** math.floor(math.log10(high - low))
    step = next(unit * part for part in (0.2, 0.5, 1, 2) if (high - low) / (unit * part) <= 5)
    return [round(n * step, 12) for n in range(math.floor(low / step), math.ceil(high / step) + 1)]
