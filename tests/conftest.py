"""What holds for every test: examples of hypothesis may take their time, since a busy machine is no fault."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tipstaff", deadline=None, print_blob=True)
settings.load_profile("tipstaff")
