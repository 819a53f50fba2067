"""Secrets are read from where the config says and are seen nowhere."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from monitor.config import Config, ConfigFaults, Secret, WebhookChannel, load, redacted, revealed
from monitor.config.secret import SecretFault

PASSWORD = "correct-horse-battery"
TOKEN = "Bearer tok-9f8e7d6c5b"
SIGNING = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="

TEXT = """
[tipstaff]
store = "postgresql://desk:db-pa55word@db.acme.org/tipstaff"

[[source]]
id = "wire"
url = "https://wire.acme.org/feed"
headers = { Authorization = { env = "WIRE" }, Accept-Language = "en" }

[[channel]]
id = "desk"
kind = "email"
host = "smtp.acme.org"
username = "alerts"
password = { file = "secrets/smtp" }
from = "alerts@acme.org"
to = ["desk@acme.org"]

[[channel]]
id = "hook"
kind = "webhook"
url = "https://hooks.acme.org/x"
secrets = [{ credential = "hook" }, { env = "HOOK_OLD" }]
"""


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    private(tmp_path / "secrets" / "smtp", PASSWORD + "\n")
    private(tmp_path / "credentials" / "hook", SIGNING)
    return {"WIRE": TOKEN, "HOOK_OLD": OTHER, "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}


@pytest.fixture
def config(tmp_path: Path, environ: dict[str, str]) -> Config:
    return load(write(tmp_path, TEXT), environ=environ)


def message(folder: Path, channel: str, mode: int = 0o600, **environ: str) -> str:
    text = f"[[channel]]\nid = 'h'\nkind = 'webhook'\nurl = 'https://h.acme.org'\n{channel}\n"
    with pytest.raises(ConfigFaults) as refused:
        load(write(folder, text, mode), environ=environ)
    (fault,) = refused.value.faults
    assert fault.line == 5
    return str(fault)


def test_secrets_come_from_environment_file_and_credential(config: Config) -> None:
    mail, hook = config.channels
    assert mail.password.reveal() == PASSWORD  # type: ignore[union-attr]
    assert [secret.reveal() for secret in hook.secrets] == [SIGNING, OTHER]  # type: ignore[union-attr]
    headers = config.sources[0].headers
    assert {name: revealed(value) for name, value in headers.items()} == {
        "Authorization": TOKEN,
        "Accept-Language": "en",
    }


def test_every_secret_is_listed_for_the_log_to_hide(config: Config) -> None:
    assert {PASSWORD, TOKEN, SIGNING, OTHER, "db-pa55word"} <= set(config.secret_values)


def test_no_secret_is_seen_in_any_rendering_of_a_config(config: Config) -> None:
    rendered = [
        repr(config),
        str(config),
        repr(config.channels),
        repr(config.sources),
        repr(config.tipstaff),
        str(config.tipstaff),
        json.dumps(redacted(config)),
        repr(config.warnings),
        str([str(warning) for warning in config.warnings]),
        f"{config.channels[0].password}",  # type: ignore[union-attr]
        config.channels[0].model_dump_json(),
        config.channels[1].model_dump_json(by_alias=True),
        str(config.sources[0].model_dump()),
    ]
    for text in rendered:
        for secret in (PASSWORD, TOKEN, SIGNING, OTHER, "db-pa55word"):
            assert secret not in text


def test_a_shown_config_says_where_its_secrets_are(config: Config) -> None:
    shown = redacted(config)
    assert shown["channel"][0]["password"] == {"file": "secrets/smtp"}
    assert shown["channel"][1]["secrets"] == [{"credential": "hook"}, {"env": "HOOK_OLD"}]
    assert shown["source"][0]["headers"] == {"Authorization": {"env": "WIRE"}, "Accept-Language": "en"}
    assert shown["source"][0]["interval"] == "5m"


def test_a_shown_config_loads_again(config: Config, tmp_path: Path, environ: dict[str, str]) -> None:
    shown = redacted(config)
    shown["tipstaff"].pop("store")
    again = load(private(tmp_path / "again.toml", as_toml(shown)), environ=environ)
    assert (again.sources, again.channels, again.network) == (config.sources, config.channels, config.network)


def as_toml(shown: dict[str, object]) -> str:
    def inline(value: object) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{json.dumps(key)} = {inline(inner)}" for key, inner in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(map(inline, value)) + "]"
        return json.dumps(value)

    return "".join(f"{key} = {inline(value)}\n" for key, value in shown.items() if value not in ([], {}))


def test_no_secret_is_seen_in_the_faults_of_a_config_that_is_full_of_them(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    text = (
        TEXT.replace("/feed", "/fe ed").replace('kind = "email"', 'kind = "emial"').replace('"alerts@acme.org"', "5")
        + f"password = '{PASSWORD}'\nsecrt = '{SIGNING}'\nsecret = '{SIGNING}x'\n"
        + f"[[source]]\nid = 'b'\nurl = 'https://u:{PASSWORD}@h.org/?token={PASSWORD}'\n"
        + f"[[source]]\nid = 'c'\nurl = 'https://u:{PASSWORD}@h.org:x/?token={PASSWORD}'\n"
        + f"[[source]]\nid = 'd'\nurl = 'htps://u:{PASSWORD}@h.org/?token={PASSWORD}'\n"
        + f"headers.Cookie = '{PASSWORD}\\n'\n"
    ).replace("postgresql://", "postgrsql://")
    for mode in (0o600, 0o644):
        with pytest.raises(ConfigFaults) as refused:
            load(write(tmp_path, text, mode), environ=environ)
        seen = str(refused.value) + repr(refused.value.faults) + "".join(traceback.format_exception(refused.value))
        assert len(refused.value.faults) >= 8
        for secret in (PASSWORD, TOKEN, SIGNING, OTHER, "db-pa55word"):
            assert secret not in seen


def test_no_secret_is_seen_in_the_fault_of_broken_toml(tmp_path: Path) -> None:
    for text in (f"password = '{PASSWORD}\n", f"password = {PASSWORD}\n", f'a = "{PASSWORD}" "{PASSWORD}"\n'):
        with pytest.raises(ConfigFaults) as refused:
            load(write(tmp_path, text), environ={})
        assert PASSWORD not in str(refused.value) + "".join(traceback.format_exception(refused.value))


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    assert "variable HOOK is not set" in message(tmp_path, "secret = { env = 'HOOK' }")
    assert "variable HOOK is empty" in message(tmp_path, "secret = { env = 'HOOK' }", HOOK="")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    gone = message(tmp_path, "secret = { file = 'gone' }")
    assert f"{tmp_path / 'gone'} cannot be read: No such file" in gone
    private(tmp_path / "empty", "\n")
    assert "is empty" in message(tmp_path, "secret = { file = 'empty' }")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in message(tmp_path, "secret = { file = 'binary' }")
    private(tmp_path / "long", "x" * 70_000)
    assert "longer than" in message(tmp_path, "secret = { file = 'long' }")


def test_a_credential_without_its_folder_says_what_the_unit_lacks(tmp_path: Path) -> None:
    assert "LoadCredential=hook" in message(tmp_path, "secret = { credential = 'hook' }")
    there = str(tmp_path)
    assert "not the name" in message(tmp_path, "secret = { credential = '../x' }", CREDENTIALS_DIRECTORY=there)
    assert "cannot be read" in message(tmp_path, "secret = { credential = 'hook' }", CREDENTIALS_DIRECTORY=there)


@pytest.mark.parametrize(
    "value", ["{}", "{ env = 'A', file = 'b' }", "{ evn = 'A' }", "{ env = 5 }", "{ env = '' }", "5", "['x']", "''"]
)
def test_what_is_no_reference_is_refused(value: str, tmp_path: Path) -> None:
    message(tmp_path, f"secret = {value}")


def test_one_line_break_at_the_end_of_a_file_is_dropped(tmp_path: Path) -> None:
    text = "[[source]]\nid = 's'\nurl = 'https://a.org'\nheaders = { X-Token = { file = 'token' } }\n"
    for raw, value in (("abc\n", "abc"), ("abc", "abc"), ("abc\r\n", "abc"), (" abc ", " abc ")):
        private(tmp_path / "token", raw)
        (tmp_path / "token").write_bytes(raw.encode())
        assert load(write(tmp_path, text), environ={}).secret_values == (value,)
    (tmp_path / "token").write_bytes(b"abc\n\n")
    with pytest.raises(ConfigFaults, match="line break"):
        load(write(tmp_path, text), environ={})


def test_a_secret_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    private(tmp_path / "token", "abcdef", 0o644)
    text = "[[source]]\nid = 's'\nurl = 'https://a.org'\nheaders = { X-Token = { file = 'token' } }\n"
    (warning,) = load(write(tmp_path, text), environ={}).warnings
    assert "can be read by others (mode 0644)" in warning.message
    assert (warning.line, "abcdef" in str(warning)) == (4, False)


def test_a_secret_written_out_is_refused_where_others_can_read_it(tmp_path: Path) -> None:
    refused = message(tmp_path, f"secret = '{SIGNING}'", 0o644)
    assert "others can read" in refused
    assert "chmod 600" in refused
    assert "others can read" in message(tmp_path, f"secret = '{SIGNING}'", 0o640)


def test_a_secret_written_out_in_a_private_file_is_a_warning(tmp_path: Path) -> None:
    text = f"[[channel]]\nid = 'h'\nkind = 'webhook'\nurl = 'https://h.acme.org'\nsecret = '{SIGNING}'\n"
    config = load(write(tmp_path, text), environ={})
    assert isinstance(config.channels[0], WebhookChannel)
    assert config.channels[0].secrets[0].reveal() == SIGNING
    assert config.secret_values == (SIGNING,)
    assert redacted(config)["channel"][0]["secret"] == "(hidden)"
    assert [warning.line for warning in config.warnings] == [5]


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-Client-Secret"])
def test_a_header_that_carries_a_credential_is_treated_as_a_secret(name: str, tmp_path: Path) -> None:
    text = f"[[source]]\nid = 's'\nurl = 'https://a.org'\nheaders = {{ {name} = 'abcdef' }}\n"
    with pytest.raises(ConfigFaults, match="others can read"):
        load(write(tmp_path, text, 0o644), environ={})
    config = load(write(tmp_path, text), environ={})
    assert config.secret_values == ("abcdef",)
    assert "abcdef" not in json.dumps(redacted(config))


@pytest.mark.parametrize("name", ["Host", "User-Agent", "accept-encoding", "webhook-signature", "bad name", "X:Y"])
def test_headers_that_are_not_the_users_to_set_are_refused(name: str, tmp_path: Path) -> None:
    text = f"[[source]]\nid = 's'\nurl = 'https://a.org'\n[source.headers]\nA = 'b'\n'{name}' = 'abc'\n"
    with pytest.raises(ConfigFaults) as refused:
        load(write(tmp_path, text), environ={})
    assert [fault.line for fault in refused.value.faults] == [6]


def test_secrets_of_what_is_not_enabled_are_not_looked_up(tmp_path: Path) -> None:
    text = TEXT.replace('store = "postgresql://desk:db-pa55word@db.acme.org/tipstaff"', "")
    for kind in ("source", "channel"):
        text = text.replace(f"[[{kind}]]\n", f"[[{kind}]]\nenabled = false\n")
    config = load(write(tmp_path, text), environ={})
    assert config.secret_values == ()
    assert not config.channels[0].password.available  # type: ignore[union-attr]


def test_a_config_can_be_looked_at_without_its_secrets(tmp_path: Path) -> None:
    config = load(write(tmp_path, TEXT), environ={}, secrets=False)
    assert redacted(config)["channel"][1]["secrets"] == [{"credential": "hook"}, {"env": "HOOK_OLD"}]
    with pytest.raises(SecretFault, match="env HOOK_OLD was not read"):
        config.channels[1].secrets[1].reveal()  # type: ignore[union-attr]


def test_the_form_of_references_is_checked_even_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="did you mean"):
        load(write(tmp_path, TEXT.replace("env =", "evn =")), environ={}, secrets=False)


@pytest.mark.parametrize(
    "value", ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "QUFB" * 30]
)
def test_what_is_no_signing_secret_is_refused_and_told_how_to_make_one(value: str, tmp_path: Path) -> None:
    refused = message(tmp_path, "secret = { env = 'HOOK' }", HOOK=value)
    assert "os.urandom(32)" in refused
    assert value not in refused.replace("whsec_ and", "").replace("'whsec_'+", "")


def test_secret_and_secrets_exclude_each_other_and_one_must_be_there(tmp_path: Path) -> None:
    both = "secret = { env = 'A' }\nsecrets = [{ env = 'A' }]"
    text = "[[channel]]\nid = 'h'\nkind = 'webhook'\nurl = 'https://h.acme.org'\n"
    with pytest.raises(ConfigFaults, match="stands beside secret"):
        load(write(tmp_path, text + both), environ={"A": SIGNING})
    for none in ("", "secrets = []"):
        with pytest.raises(ConfigFaults, match="every webhook is signed"):
            load(write(tmp_path, text + none), environ={})


def test_a_database_password_in_a_file_that_others_can_read_is_refused(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with pytest.raises(ConfigFaults, match="has a password in it"):
        load(write(tmp_path, TEXT, 0o644), environ=environ)
    outside = {**environ, "TIPSTAFF_STORE": "postgresql://desk:0ther-pw@db.acme.org/tipstaff"}
    config = load(write(tmp_path, TEXT, 0o644), environ=outside)
    assert "0ther-pw" in config.secret_values
    assert "0ther-pw" not in json.dumps(redacted(config)) + repr(config.tipstaff)


def test_a_secret_equals_itself_and_says_where_it_comes_from() -> None:
    secret = Secret("env", "HOOK", "value")
    assert secret == Secret("env", "HOOK", "value")
    assert secret != Secret("env", "HOOK", "other")
    assert (repr(secret), f"{secret!s:>10}") == ("Secret(env HOOK)", "  env HOOK")
