"""Words that so many documents have that a rule is better looked up by another of its words: a table, nothing more.

The function words of English and a few of German and French, and what press releases and the news are full of. A
word that is missing here, or here without reason, costs a little speed and changes no answer.
"""

from __future__ import annotations

from typing import Final

_LISTED: Final = """
$ 0 1 10 100 11 12 15 2 20 2023 2024 2025 2026 3 30 4 5 6 7 8 9 a able about above according across act added
after again against ago agreement all allow almost alone along already also although always am among amount an
and announced another any anyone are area around as asked at available away back based be became because become
been before began being below best better between big billion both business but by call called can case cases
certain change city close come common companies company could country court current data date day days de
decision der des did die different do does done down due during each early either end enough et even every
example executive expected far federal few filed financial find first five following for form former found four
free from full future general get given global go going good government great group had has have he held help
her here high him his home how however i if important in inc include including increase information
international into is issue it its itself january job july june just keep key know known la large last late
later law least left less level like likely line list little local long look made main make making many march
market may me means members might million more most motion much must my name national near need needs never new
news next no non not nothing now number of off office often old on once one only open or order other others our
out over own paid part people per percent place plan plans point possible president press price private process
products provide public put rate real really recent related release report reported reports required research
result results right rise s said same say says sec second section security see seen september service services
set several share shares she should show shows since small so some something special start state statement
states still such support system t take taken team technology ten term than that the their them then there these
they thing things think this those though three through time times to today together told too took top total two
u.s un und under united until up upon us use used using v value very via von want was way we week weeks well
were what when where whether which while white who whole whose why will with within without work working world
would year years yet york you your zu
"""
COMMON: Final = frozenset(_LISTED.split())
