"""A picture with two logarithmic axes and one curve for each series, as perf/tools/plot.cpp draws them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 580, 90, 190, 104, 510
INK, PALE, GREY = "#222222", "#e4e4e4", "#6b6b6b"
# Told apart by people with any kind of colour sight (Okabe and Ito).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]
DASHES = ["", "7 4", "2 3"]  # where there are more curves than colours
LINE_STEP = 17  # between the names at the right end


@dataclass
class Series:
    label: str
    points: list[tuple[float, float]]
    grey: bool = False
    dashed: bool = False


def time_text(us: float) -> str:
    value, unit = (us, "µs") if us < 1e3 else (us / 1e3, "ms") if us < 1e6 else (us / 1e6, "s")
    return f"{value:g} {unit}"


@dataclass
class Chart:
    title: str
    subtitle: str
    x_name: str
    y_name: str
    x_ticks: list[tuple[float, str]]
    y_text: Callable[[float], str] = time_text


@dataclass
class LogAxis:
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * math.log(value / self.low) / math.log(self.high / self.low)


def text(x: float, y: float, anchor: str, colour: str, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def y_axis(chart: Chart, y: LogAxis) -> list[str]:
    few = y.high / y.low < 1e3
    parts, decade = [], y.low
    while decade <= y.high * 1.001:
        for step in (1, 2, 5) if few else (1,):
            value = decade * step
            if value <= y.high * 1.001:
                parts.append(line(LEFT, y.at(value), WIDTH - RIGHT, y.at(value), PALE))
                parts.append(text(LEFT - 8, y.at(value) + 4, "end", GREY, chart.y_text(value)))
        decade *= 10
    return parts


def x_axis(chart: Chart, x: LogAxis) -> list[str]:
    parts = []
    for value, words in chart.x_ticks:
        parts.append(line(x.at(value), TOP, x.at(value), BOTTOM, PALE))
        parts.append(text(x.at(value), BOTTOM + 20, "middle", GREY, words))
    return parts + [text((x.start + x.end) / 2, BOTTOM + 44, "middle", INK, chart.x_name)]


def looks(all_series: list[Series]) -> list[tuple[str, str]]:
    """Colour and dashes of each."""
    found, next_one = [], 0
    for series in all_series:
        if series.grey:
            found.append((GREY, DASHES[1] if series.dashed else ""))
        else:
            found.append((COLOURS[next_one % len(COLOURS)], DASHES[next_one // len(COLOURS) % len(DASHES)]))
            next_one += 1
    return found


def curve(series: Series, look: tuple[str, str], x: LogAxis, y: LogAxis) -> list[str]:
    colour, dashes = look
    points = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in series.points)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    parts = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"{dash}/>']
    return parts + [f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{colour}"/>' for a, b in series.points]


def names(all_series: list[Series], all_looks: list[tuple[str, str]], y: LogAxis) -> list[str]:
    """At the right end of each curve, moved apart where they would overlap."""
    ends = sorted((y.at(series.points[-1][1]) + 4, series.label, look[0]) for series, look in zip(all_series, all_looks))
    places: list[float] = []
    for end, _label, _colour in ends:
        places.append(max(end, places[-1] + LINE_STEP) if places else end)
    overflow = max(0.0, places[-1] - BOTTOM)
    for at in range(len(places) - 1, -1, -1):  # pushed up again where the last ones would leave the picture
        ceiling = BOTTOM if at == len(places) - 1 else places[at + 1] - LINE_STEP
        places[at] = min(places[at], ceiling) if overflow else places[at]
    return [
        text(WIDTH - RIGHT + 12, place, "start", colour, label, 'font-weight="bold"')
        for place, (_end, label, colour) in zip(places, ends)
    ]


def draw(chart: Chart, all_series: list[Series]) -> str:
    xs = [a for series in all_series for a, _ in series.points]
    ys = [b for series in all_series for _, b in series.points]
    x = LogAxis(min(xs), max(xs), LEFT + 14, WIDTH - RIGHT - 14)
    y = LogAxis(10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys) * 1.0001)), BOTTOM, TOP)
    all_looks = looks(all_series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        text(24, 34, "start", INK, chart.title, 'font-size="20" font-weight="bold"'),
        text(24, 56, "start", GREY, chart.subtitle),
        *x_axis(chart, x),
        *y_axis(chart, y),
        line(LEFT, BOTTOM, WIDTH - RIGHT, BOTTOM, GREY),
        text(24, TOP - 18, "start", INK, chart.y_name),
    ]
    for series, look in zip(all_series, all_looks):
        parts += curve(series, look, x, y)
    return "\n".join([*parts, *names(all_series, all_looks, y), "</svg>"]) + "\n"


def stacked(pictures: list[str]) -> str:
    """One picture of several, one below the other."""
    height = HEIGHT * len(pictures)
    parts = [picture.replace("<svg ", f'<svg y="{at * HEIGHT}" ', 1) for at, picture in enumerate(pictures)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return "\n".join([head, *parts]) + "</svg>\n"
