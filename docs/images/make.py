"""Makes the README's pictures from a real run of the demo: `python docs/images/make.py` (needs chromium, pillow).

The terminal is recorded by rich, the mail is the last one that the demo's mail server received.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email import message_from_bytes, policy
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from monitor.commands.demo import Stand
from monitor.demo.stage import play

HERE = Path(__file__).parent
GREY = [
    (40, 44, 52),
    (196, 60, 70),
    (126, 190, 120),
    (229, 192, 123),
    (97, 175, 239),
    (198, 120, 221),
    (86, 182, 194),
]
THEME = TerminalTheme((15, 18, 24), (214, 218, 224), [*GREY, (240, 240, 240)], [*GREY, (255, 255, 255)])
CHROMIUM = (
    "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync"
)


def shoot(page: Path, picture: Path, width: int, height: int) -> None:
    """Render a page as a picture of this size, in 256 colours."""
    with tempfile.TemporaryDirectory() as profile:
        where = [f"--user-data-dir={profile}", f"--screenshot={picture}", f"--window-size={width},{height}"]
        subprocess.run([*CHROMIUM.split(), *where, page.as_uri()], check=True, capture_output=True)
    from PIL import Image  # noqa: PLC0415 - only here, and no part of tipstaff

    with Image.open(picture) as image:
        image.convert("RGB").quantize(256).save(picture, optimize=True)


def main() -> None:
    """Play the day, then take both pictures."""
    folder = Path(tempfile.mkdtemp(prefix="tipstaff-pictures-"))
    silence = io.StringIO()
    console = Console(record=True, width=112, force_terminal=True, file=silence, color_system="truecolor")
    stand = Stand(once=True, tipstaff="python3 run.py", console=console)
    if not asyncio.run(play(folder, stand, dict(os.environ), once=True)):
        sys.exit("not every message arrived; no pictures taken")
    drawn = folder / "demo.svg"
    console.save_svg(str(drawn), title="python3 run.py demo --once", theme=THEME)
    page = folder / "demo.html"
    page.write_text(f'<body style="margin:0"><img src="{drawn.name}" style="width:1120px;display:block">')
    box = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', drawn.read_text())
    assert box is not None
    shoot(page, HERE / "demo.png", 1120, int(1120 * float(box[2]) / float(box[1])) + 1)
    mail = message_from_bytes(sorted((folder / "mails").glob("*.eml"))[-1].read_bytes(), policy=policy.default)
    part = mail.get_body(("html",))
    assert part is not None
    (folder / "mail.html").write_text(part.get_content(), encoding="utf-8")
    shoot(folder / "mail.html", HERE / "mail.png", 720, 900)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
