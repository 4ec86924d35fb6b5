"""Colours that can be read: contrast as WCAG 2.2 reckons it, and the nearest colour that has enough.

A colour is `#rrggbb`. The search goes through OKLab (https://bottosson.github.io/posts/oklab/), where equal steps
look equal, so what it finds is the same colour, only lighter or darker.
"""

from collections.abc import Iterator, Sequence

BLACK, WHITE = "#000000", "#ffffff"
STEPS = 200

Rgb = tuple[float, float, float]


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = _linear_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(background: str) -> str:
    """Black or white, whichever has more contrast on it."""
    return BLACK if contrast(background, BLACK) > contrast(background, WHITE) else WHITE


def passes(colour: str, backgrounds: Sequence[str], least: float) -> bool:
    """Whether the contrast to each of `backgrounds` is at least `least`."""
    return all(contrast(colour, background) >= least for background in backgrounds)


def nearest(colour: str, backgrounds: Sequence[str], least: float) -> str:
    """The colour closest to `colour` that passes: itself, or one that is lighter or darker. Where no lightness
    passes, `colour` as it is."""
    return next((one for one in _by_lightness(colour) if passes(one, backgrounds, least)), colour)


def _by_lightness(colour: str) -> Iterator[str]:
    """`colour`, then lighter and darker ones in turn, farther and farther away."""
    yield colour
    lightness, a, b = _to_oklab(_linear_rgb(colour))
    for step in range(1, STEPS + 1):
        for moved in (lightness - step / STEPS, lightness + step / STEPS):
            if 0 <= moved <= 1:
                yield _in_gamut(moved, a, b)


def _in_gamut(lightness: float, a: float, b: float) -> str:
    """The colour with as much of its chroma as a screen can show at this lightness."""
    for share in range(20, -1, -1):
        linear = _from_oklab(lightness, a * share / 20, b * share / 20)
        if all(-0.0005 <= channel <= 1.0005 for channel in linear):
            return _hex(linear)
    return WHITE if lightness > 0.5 else BLACK


def _linear_rgb(colour: str) -> Rgb:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return red, green, blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _hex(linear: Rgb) -> str:
    return "#" + "".join(f"{round(_encoded(min(max(channel, 0.0), 1.0)) * 255):02x}" for channel in linear)


def _encoded(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else float(1.055 * channel ** (1 / 2.4) - 0.055)


def _to_oklab(linear: Rgb) -> Rgb:
    red, green, blue = linear
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _from_oklab(lightness: float, a: float, b: float) -> Rgb:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
