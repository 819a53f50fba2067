"""The colours and styles of the HTML mail; what is said in them is not decided here.

Mail readers drop style sheets, so every style is written on its element; the small sheet in the head only turns the
page dark and makes room on a phone, in readers that allow it (caniemail.com: prefers-color-scheme, @media).
"""

from __future__ import annotations

from typing import Final

from rules.model import Severity

SERIF: Final = "Georgia,'Times New Roman',Times,serif"
SANS: Final = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
MONO: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace"

INK: Final = "#1b1f24"
MUTED: Final = "#59626d"
LINE: Final = "#e1e3e6"
PAPER: Final = "#ffffff"
GROUND: Final = "#f2f2ef"
TINT: Final = "#f6f6f3"
LINKS: Final = "#1d3f72"
MARK: Final = "#fff2b8"

SEVERITY_COLOURS: Final[dict[Severity, str]] = {
    "low": "#5a6570",
    "normal": "#2b5a8c",
    "high": "#a84300",
    "critical": "#a3142e",
}
"""Each has a contrast of at least 5.5 : 1 with white, which stands on it."""

SHEET: Final = """\
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (max-width:520px){
.ground{padding:0!important}
.card{border-radius:0!important;border-left:0!important;border-right:0!important}
.pad{padding-left:20px!important;padding-right:20px!important}
.title{font-size:21px!important}
.button{width:100%!important}
.button a{display:block!important;text-align:center!important}
}
@media (prefers-color-scheme:dark){
body,.ground{background:#15171a!important}
.card{background:#1e2125!important;border-color:#363b41!important}
.ink,.ink a{color:#e8eaec!important}
.muted{color:#a3abb4!important}
.rule{border-color:#363b41!important}
.tint{background:#272b30!important;color:#e8eaec!important}
.mark{background:#5a4a12!important;color:#ffeeb0!important}
.quote{border-color:#8a7327!important}
.link{color:#a9c7f2!important}
.button{background:#c9d8ee!important}
.button a{color:#14243d!important}
}
"""
