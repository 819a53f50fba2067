"""What a page really is, told from its status, its fields and its first bytes."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

import pytest
from clocks import START

from monitor.fetching.pages import HEAD, diagnose, expect_feed
from monitor.sources import Page, SourceFailure

RSS = '<rss version="2.0"><channel><title>t</title><item><title>a</title></item></channel></rss>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>1</id></entry></feed>'
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"></rdf:RDF>'


def page(body: str | bytes, content_type: str = "text/html", **fields: str) -> Page:
    raw = body if isinstance(body, bytes) else body.encode()
    headers = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in fields.items()}
    return Page(url="https://news.example/feed?key=s3cret", status=200, headers=headers, body=raw, at=START)


def refusal(body: str | bytes, **fields: str) -> SourceFailure:
    with pytest.raises(SourceFailure) as told:
        expect_feed(page(body, **fields))
    assert "s3cret" not in str(told.value)
    assert told.value.reason.startswith("news.example: ")
    return told.value


FEEDS: Mapping[str, str | bytes] = {
    "RSS": RSS,
    "Atom": ATOM,
    "RDF": RDF,
    "RSS 0.9x without a root's attributes": "<rss><channel></channel></rss>",
    "a declaration, comments, instructions and a document type before the root": (
        '\ufeff<?xml version="1.0"?>\n<!-- <html> --><?xml-stylesheet href="a.xsl"?>\n'
        '<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]>\n' + RSS
    ),
    "a prefix on the root": '<a:feed xmlns:a="http://www.w3.org/2005/Atom"></a:feed>',
    "capital letters": RSS.upper(),
    "an HTML document type by mistake": "<!DOCTYPE html>\n" + RSS,
    "warnings of the site's program before it": "<br />\n<b>Warning</b>: foo in <b>/x.php</b><br />\n" + RSS,
    "blank lines before it": "\n\n\n  " + RSS,
    "UTF-16 with a mark": codecs.BOM_UTF16_LE + RSS.encode("utf-16-le"),
    "UTF-16 without a mark": RSS.encode("utf-16-be"),
    "UTF-32": codecs.BOM_UTF32_BE + ATOM.encode("utf-32-be"),
    "JSON Feed": '{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": []}',
    "JSON Feed with escaped slashes": '{"version":"https:\\/\\/jsonfeed.org\\/version\\/1","items":[]}',
    "a feed that quotes a challenge page": RSS.replace("<title>a", "<title>Just a moment..."),
}


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_is_a_feed_whatever_its_content_type_says(name: str) -> None:
    for content_type in ("text/html; charset=utf-8", "application/rss+xml", "text/plain", ""):
        expect_feed(page(FEEDS[name], content_type))


HTML = "<!DOCTYPE html><html><head><title>{}</title></head><body>{}</body></html>"
NO_FEEDS: Mapping[str, tuple[str | bytes, str, str]] = {
    "nothing": ("", "empty", "empty"),
    "white space": (" \r\n\t\0 ", "empty", "empty"),
    "a mark alone": (codecs.BOM_UTF8, "empty", "empty"),
    "an HTML page": (HTML.format("Press room", "<p>News</p>"), "html", 'the title "Press room"'),
    "an HTML page in UTF-16": (codecs.BOM_UTF16_LE + HTML.format("Hi", "").encode("utf-16-le"), "html", '"Hi"'),
    "XHTML": ('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"></html>', "html", "an HTML page"),
    "an HTML page about feeds": (HTML.format("How to", "<pre><rss version='2.0'></pre>"), "html", "How to"),
    "a script that mentions feeds": (HTML.format("x", "<script>var a='<rss>'</script>"), "html", "an HTML page"),
    "a piece of HTML": ("<div>Sorry</div>", "html", "an HTML page"),
    "a login page": (HTML.format("Sign in", "<input name=p\n type='password'>"), "login", "a login page"),
    "a maintenance page": (HTML.format("Scheduled maintenance", ""), "maintenance", "maintenance"),
    "the SEC's file unavailable": (HTML.format("SEC.gov | File Temporarily Unavailable", ""), "maintenance", "SEC"),
    "plain words": ("upstream connect error", "not-a-feed", "plain text"),
    "a path": ("/etc/passwd", "not-a-feed", "plain text"),
    "an error in XML": (
        '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "not-a-feed", "an error message in XML"
    ),
    "a sitemap": ('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>', "not-a-feed", "a sitemap"),
    "a list of feeds": ("<opml><body/></opml>", "not-a-feed", "OPML"),
    "another XML": ("<thing/>", "not-a-feed", "<thing>"),
    "an error in JSON": ('{"error": "Rate limit exceeded"}', "json-error", "Rate limit exceeded"),
    "other JSON": ('[{"id": 1}]', "json-error", "JSON that is not a feed"),
    "broken JSON": ('{"a": ', "json-error", "not valid"),
    "deep JSON": ("[" * 60_000, "json-error", "not valid"),
    "Cloudflare's challenge": (
        HTML.format("", "<script src='/cdn-cgi/challenge-platform/h/b'></script>"), "challenge", "Cloudflare"
    ),
    "Cloudflare's block": (HTML.format("Attention Required! | Cloudflare", ""), "challenge", "Cloudflare"),
    "Imperva's challenge": (HTML.format("", "<iframe src='/_Incapsula_Resource?x'>"), "challenge", "Imperva"),
    "DataDome's challenge": (HTML.format("", "<script src=//geo.captcha-delivery.com/c>"), "challenge", "DataDome"),
    "AWS's challenge": (HTML.format("", "<script>window.gokuProps = {}</script>"), "challenge", "AWS WAF"),
    "some bot check": (HTML.format("x", "Please verify you are human"), "challenge", "a bot check"),
    "F5's rejection": (
        HTML.format("Request Rejected", "The requested URL was rejected. Your support ID is: 123"), "rejected", "F5"
    ),
    "Akamai's rejection": (
        HTML.format("Access Denied", "You don't have permission to access x on this server.<P>Reference #18"),
        "rejected",
        "Akamai",
    ),
    "the SEC's undeclared tool": (
        HTML.format("SEC.gov", "Your Request Originates from an Undeclared Automated Tool"),
        "undeclared-agent",
        "robot",
    ),
    "the SEC's rate threshold": (HTML.format("SEC.gov | Request Rate Threshold Exceeded", ""), "rate-limited", "ten"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_FEEDS)
def test_what_is_no_feed_has_a_name_and_never_passes_for_no_news(name: str) -> None:
    body, kind, words = NO_FEEDS[name]
    told = refusal(body)
    assert (told.kind, words in told.reason) == (kind, True), told


def test_a_challenge_is_known_by_its_field_too() -> None:
    assert refusal("<html></html>", cf_mitigated="challenge").kind == "challenge"
    assert refusal("<html></html>", x_amzn_waf_action="captcha").kind == "challenge"


def test_a_title_is_shown_without_controls_and_short() -> None:
    told = refusal(HTML.format("a\x1b[31m\r\nb" + "c" * 290, ""))
    assert told.reason.isprintable()
    assert len(told.reason) < 250


@pytest.mark.parametrize(
    "filler", ["<", "<!--", "<?", "<a ", "<title>", "<input ", "<script>", "<h1>x", " ", "<!DOCTYPE ["]
)
def test_a_page_made_to_be_slow_is_recognised_at_once(filler: str) -> None:
    import time  # noqa: PLC0415

    began = time.monotonic()
    with pytest.raises(SourceFailure):
        expect_feed(page("<html>" + filler * (HEAD // len(filler))))
    with pytest.raises(SourceFailure):
        expect_feed(page(filler * (HEAD // len(filler))))
    assert time.monotonic() - began < 2


# --- statuses ----------------------------------------------------------------------------------------------------


def diagnosis(status: int, body: str = "", **fields: str) -> SourceFailure:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    with pytest.raises(SourceFailure) as told:
        diagnose(status, headers, body.encode(), host="www.sec.gov", now=START)
    assert not told.value.network
    return told.value


def test_the_two_refusals_of_the_sec_are_told_apart() -> None:
    told = diagnosis(403, "<h1>Your Request Originates from an Undeclared Automated Tool</h1>")
    assert (told.kind, told.retry_after) == ("undeclared-agent", 600.0)
    assert "`contact`" in told.advice
    told = diagnosis(403, "<title>SEC.gov | Request Rate Threshold Exceeded</title>")
    assert (told.kind, told.retry_after) == ("rate-limited", 600.0)
    assert diagnosis(403, "Request Rate Threshold Exceeded", retry_after="1200").retry_after == 1200.0


def test_a_gate_keeper_is_named_behind_its_status() -> None:
    assert diagnosis(403, "", cf_mitigated="challenge").kind == "challenge"
    assert diagnosis(503, "<title>Just a moment...</title>").kind == "challenge"
    assert (
        diagnosis(403, "Access Denied. You don't have permission to access x on this server. Reference #1").kind
        == "rejected"
    )
    assert diagnosis(404, "<title>Just a moment...</title>").kind == "http-404"


def test_waiting_is_passed_on_from_429_and_503_and_nonsense_is_not() -> None:
    assert diagnosis(429, retry_after="30").retry_after == 30.0
    assert diagnosis(503, retry_after="Tue, 05 Mar 2024 21:00:30 -0000").retry_after == 30.0
    assert diagnosis(503, retry_after="later").retry_after is None


def test_a_page_that_is_gone_is_told_with_what_to_do() -> None:
    told = diagnosis(410)
    assert (told.kind, "removed for good" in told.reason) == ("gone", True)
    assert told.advice


def test_the_title_of_an_error_page_is_part_of_the_reason() -> None:
    assert (
        diagnosis(500, "<title>Database  down</title>").reason
        == "www.sec.gov: 500, the server failed (Database down)"
    )
