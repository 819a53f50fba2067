"""What a valid config says, defaults and warnings included."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config import Config, ConfigFaults, Fault, load

DESK = """
[[channel]]
id = "desk"
kind = "email"
host = "localhost"
tls = "none"
from = "tipstaff@localhost"
to = ["root@localhost"]
"""


def written(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def loaded(folder: Path, text: str, **environ: str) -> Config:
    return load(written(folder, text), environ=environ)


def fault(folder: Path, text: str) -> Fault:
    with pytest.raises(ConfigFaults) as refused:
        loaded(folder, text)
    (only,) = refused.value.faults
    return only


def test_a_rule_without_channels_tells_every_enabled_channel(tmp_path: Path) -> None:
    off = DESK.replace('"desk"', '"off"') + "enabled = false\n"
    config = loaded(
        tmp_path, DESK + off + "[[rule]]\nid = 'r'\nwhen = 'a'\n[[rule]]\nid = 's'\nwhen = 'a'\nchannels = []\n"
    )
    assert [rule.channels for rule in config.rules] == [("desk",), ()]
    assert "nobody is told" in str(config.warnings[0])


def test_a_disabled_rule_is_not_asked(tmp_path: Path) -> None:
    config = loaded(
        tmp_path, DESK + "[[rule]]\nid = 'r'\nwhen = 'a'\nenabled = false\n[[rule]]\nid = 's'\nwhen = 'a'\n"
    )
    assert [rule.id for rule in config.rules] == ["s"]
    assert [rule.id for rule in config.rulebook.rules] == ["s"]


def test_a_disabled_channel_that_a_rule_names_is_a_warning(tmp_path: Path) -> None:
    text = "[[rule]]\nid = 'r'\nwhen = 'a'\nchannels = ['desk', 'off']\n"
    config = loaded(tmp_path, text + DESK + DESK.replace('"desk"', '"off"') + "enabled = false\n")
    (warning,) = config.warnings
    assert (warning.line, warning.key) == (4, "channels")
    assert "not enabled" in warning.message


@pytest.mark.parametrize("contact", ["desk@example.com", "x https://example.org/about", "a@b.example", "a@b.invalid"])
def test_a_placeholder_contact_counts_as_none_and_the_sec_sources_are_named(contact: str, tmp_path: Path) -> None:
    text = f"[tipstaff]\ncontact = '{contact}'\n[[source]]\nid = 's'\nurl = 'https://www.sec.gov/x'\n"
    config = loaded(tmp_path, text)
    assert config.tipstaff.contact is None
    assert "these sources will fail: s" in str(config.warnings[0])
    real = loaded(tmp_path, text.replace(contact, "Acme desk@acme.org"))
    assert (real.tipstaff.contact, real.warnings) == ("Acme desk@acme.org", ())


def test_an_address_that_the_guard_will_refuse_is_a_warning_that_says_how_to_allow_it(tmp_path: Path) -> None:
    source = "[[source]]\nid = 's'\nurl = 'http://10.1.2.3:8080/feed'\n"
    (warning,) = loaded(tmp_path, source).warnings
    assert 'allow = ["10.1.2.3/32:8080"]' in warning.hint
    assert loaded(tmp_path, "[network]\nallow = ['10.1.2.0/24:8080']\n" + source).warnings == ()
    (port,) = loaded(tmp_path, source.replace("10.1.2.3:8080", "feeds.acme.org:81")).warnings
    assert "81" in port.hint


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("", timedelta(days=180)),
        ("[history]\n", timedelta(days=180)),
        ("[history]\nkeep = '1d'\n", timedelta(days=1)),
        ("[history]\nkeep = '52w'\n", timedelta(weeks=52)),
        ("[history]\nkeep = 'forever'\n", None),
    ],
)
def test_texts_are_kept_for_half_a_year_unless_the_config_says_otherwise(
    text: str, keep: timedelta | None, tmp_path: Path
) -> None:
    assert loaded(tmp_path, text).history.keep == keep


@pytest.mark.parametrize(
    ("value", "said", "advice"),
    [
        ("'23h'", "shorter than 1d", ""),
        ("'0s'", "shorter than 1d", ""),
        ("'forevr'", "neither forever nor a duration", 'did you mean "forever"?'),
        ("180", "neither forever nor a duration", '"180d"'),
        ("false", "neither forever nor a duration", '"180d"'),
        ("'9999w'", "neither forever nor a duration", '"forever"'),
    ],
)
def test_a_keep_that_is_none_is_refused_with_what_to_write(
    value: str, said: str, advice: str, tmp_path: Path
) -> None:
    refused = fault(tmp_path, f"[history]\nkeep = {value}\n")
    assert (refused.line, refused.key) == (2, "keep")
    assert said in refused.message and advice in refused.hint


def test_a_short_interval_is_for_this_machine_alone(tmp_path: Path) -> None:
    text = "[network]\nallow = ['127.0.0.1/32:8080']\n"
    text += "[[source]]\nid = 's'\nurl = 'http://127.0.0.1:8080/'\ninterval = '1s'\n"
    assert loaded(tmp_path, text).sources[0].interval == timedelta(seconds=1)
    assert "shorter than 30s" in fault(tmp_path, text.replace("http://127.0.0.1", "http://feeds.acme.org")).message


def test_the_port_of_a_mail_server_follows_its_tls_mode(tmp_path: Path) -> None:
    for tls, port in (("starttls", 587), ("tls", 465), ("none", 25)):
        assert loaded(tmp_path, DESK.replace('"none"', f'"{tls}"')).channels[0].port == port  # type: ignore[union-attr]


def test_a_host_spacing_holds_for_the_hosts_below_it(tmp_path: Path) -> None:
    network = loaded(tmp_path, '[network.hosts]\n"SEC.gov" = "200ms"\n"data.sec.gov" = "1s"\n').network
    assert network.spacing("www.sec.gov") == timedelta(milliseconds=200)
    assert network.spacing("data.sec.gov") == timedelta(seconds=1)
    assert network.spacing("notsec.gov") == timedelta(milliseconds=500)


def test_a_host_name_without_quotes_is_told_to_be_quoted(tmp_path: Path) -> None:
    found = fault(tmp_path, "[network.hosts]\nsec.gov = '200ms'\n")
    assert found.line == 2
    assert "in quotes" in found.hint


def test_first_is_silent_or_a_time(tmp_path: Path) -> None:
    source = "[[source]]\nid = 's'\nurl = 'https://a.org'\n"
    assert loaded(tmp_path, source).sources[0].first is None
    assert loaded(tmp_path, source + "first = 'silent'").sources[0].first is None
    assert loaded(tmp_path, source + "first = '24h'").sources[0].first == timedelta(hours=24)


def test_a_config_does_not_change(tmp_path: Path) -> None:
    config = loaded(tmp_path, DESK + "[[source]]\nid = 's'\nurl = 'https://a.org'\nheaders = { A = 'b' }\n")
    with pytest.raises(Exception, match="frozen"):
        config.sources[0].id = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.sources[0].headers["A"] = "c"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.rules = ()  # type: ignore[misc]


def test_kinds_of_source_are_those_that_the_program_has(tmp_path: Path) -> None:
    text = "[[source]]\nid = 's'\nkind = 'edgar'\nurl = 'https://a.org'\n"
    assert "not one of feed" in fault(tmp_path, text).message
    assert load(tmp_path / "config.toml", environ={}, source_kinds=("feed", "edgar")).sources[0].kind == "edgar"
