"""Colours and sizes of the app, under the names of the design tokens.

The values are those of ``clinic_server/console/static/tokens.css``, light theme; a test
compares the two. No other file of the app holds a colour.
"""

TOKENS: dict[str, str] = {
    "bg": "#F3F5F7",
    "surface": "#FFFFFF",
    "surface2": "#E9EDF1",
    "sunken": "#DFE5EA",
    "ink": "#14202B",
    "ink2": "#3F4D59",
    "ink3": "#596773",
    "line": "#D3DAE0",
    "line-strong": "#7A8793",
    "brand": "#1B4F8F",
    "on-brand": "#FFFFFF",
    "brand-tint": "#E4EDF8",
    "brand-ink": "#173F73",
    "focus": "#0B57D0",
    "high": "#C1121F",
    "on-high": "#FFFFFF",
    "high-tint": "#FCE8E8",
    "high-ink": "#980D18",
    "medium": "#FFC61A",
    "on-medium": "#1C1500",
    "medium-tint": "#FFF3C7",
    "medium-ink": "#664A00",
    "low": "#35C4DA",
    "on-low": "#00212A",
    "low-tint": "#DDF4F8",
    "low-ink": "#005868",
    "silent": "#28323B",
    "on-silent": "#FFFFFF",
    "silent-hatch": "#34404B",
    "ok": "#0E6B4F",
    "on-ok": "#FFFFFF",
    "ok-tint": "#E3F2EC",
    "ok-ink": "#0B5740",
    "care": "#F5B301",
    "on-care": "#1C1500",
    "care-tint": "#FFF4D6",
    "care-ink": "#664A00",
    "paper": "#FFF9F6",
    "grid1": "#F8DEDA",
    "grid5": "#E8AFA8",
    "trace": "#10181F",
    "caliper": "#0B57D0",
    "bN": "#1F2B35",
    "bS": "#0067A8",
    "bV": "#B34700",
    "bF": "#8A1F78",
    "bQ": "#66727C",
    "bP": "#00684F",
}
"""Colour roles; what each is for is said in the design guide."""

FONT = "NotoSansSC"
FONT_BOLD = "NotoSansSCBold"
FONT_FILES = {FONT: "NotoSansSC-subset.otf", FONT_BOLD: "NotoSansSC-subset-bold.otf"}
"""Family to file; the web client has no Chinese font of its own, a phone has."""

SCHEME: dict[str, str] = {
    "primary": "brand",
    "on_primary": "on-brand",
    "primary_container": "brand-tint",
    "on_primary_container": "brand-ink",
    "surface": "bg",
    "surface_container_lowest": "surface",
    "surface_container_high": "surface2",
    "on_surface": "ink",
    "on_surface_variant": "ink2",
    "outline": "line-strong",
    "outline_variant": "line",
    "error": "high",
    "on_error": "on-high",
    "tertiary": "ok",
    "on_tertiary": "on-ok",
    "tertiary_container": "ok-tint",
}
"""Material role to token; care colours have no Material role and are passed by hand."""

TEXT_SCALES = (1.0, 1.25, 1.5, 2.0)
BAR_SCALE_CAP = 1.35
"""The navigation bar stops growing here: icon and place carry it."""
FOLD_FROM = 1.5
"""From this text size on, facts fold into one sentence."""


def colour(token: str) -> str:
    """Return the value of a token.

    Raises
    ------
    KeyError
        There is no such token: a mistake of the program.
    """
    return TOKENS[token]
