"""Which file is read, and what stands above it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import Config, ConfigFaults, ConfigMissing, find, load, places


def written(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def loaded(folder: Path, text: str, **environ: str) -> Config:
    return load(written(folder, text), environ=environ)


# --- where the file is ---------------------------------------------------------------------------------------------


def test_the_file_named_on_the_command_line_comes_before_all_others(tmp_path: Path) -> None:
    mine = written(tmp_path, "", "mine.toml")
    written(tmp_path, "")
    assert find(Path("mine.toml"), {"TIPSTAFF_CONFIG": "other.toml"}, tmp_path) == mine


def test_the_file_named_by_the_environment_comes_before_the_usual_places(tmp_path: Path) -> None:
    mine = written(tmp_path, "", "mine.toml")
    written(tmp_path, "")
    assert find(None, {"TIPSTAFF_CONFIG": str(mine)}, tmp_path) == mine


def test_the_usual_places_are_searched_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    kept = home / ".config" / "tipstaff"
    kept.mkdir(parents=True)
    here = tmp_path / "here"
    here.mkdir()
    in_home = written(kept, "")
    assert find(None, {"HOME": str(home)}, here) == in_home
    assert find(None, {"XDG_CONFIG_HOME": str(home / ".config")}, here) == in_home
    assert find(None, {"HOME": str(home)}, tmp_path if written(tmp_path, "") else here) == tmp_path / "config.toml"
    assert places(None, {}, here)[-1] == Path("/etc/tipstaff/config.toml")


def test_a_named_file_that_is_not_there_is_not_replaced_by_another(tmp_path: Path) -> None:
    written(tmp_path, "")
    with pytest.raises(ConfigMissing, match="named by --config"):
        find(Path("gone.toml"), {}, tmp_path)
    with pytest.raises(ConfigMissing, match=r"named by \$TIPSTAFF_CONFIG"):
        find(None, {"TIPSTAFF_CONFIG": "gone.toml"}, tmp_path)


def test_where_no_file_is_found_every_place_is_listed(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path / "home")}
    if any(place.exists() for place in places(None, environ, tmp_path)):
        pytest.skip("this machine has a config of its own in /etc/tipstaff")
    with pytest.raises(ConfigMissing) as missing:
        find(None, environ, tmp_path)
    for place in places(None, environ, tmp_path):
        assert str(place) in str(missing.value)


# --- what stands above the file ------------------------------------------------------------------------------------


def test_command_line_comes_before_environment_before_file_before_default(tmp_path: Path) -> None:
    path = written(tmp_path, "[tipstaff]\nlog_level = 'error'\n")
    environ = {"TIPSTAFF_LOG_LEVEL": "debug"}
    assert load(path, environ={}).tipstaff.log_level == "error"
    assert load(path, environ=environ).tipstaff.log_level == "debug"
    assert load(path, environ=environ, options={"log_level": "warning"}).tipstaff.log_level == "warning"
    assert load(path, environ={}).tipstaff.log_format == "text"


def test_every_variable_takes_the_place_of_its_key(tmp_path: Path) -> None:
    environ = {
        "TIPSTAFF_STORE": "/var/lib/x.db",
        "TIPSTAFF_CONTACT": "ops@acme.org",
        "TIPSTAFF_LOG_LEVEL": "warning",
        "TIPSTAFF_LOG_FORMAT": "json",
    }
    settings_ = loaded(tmp_path, "", **environ).tipstaff
    assert (settings_.store, settings_.contact) == ("/var/lib/x.db", "ops@acme.org")
    assert (settings_.log_level, settings_.log_format) == ("warning", "json")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[tipstaff]\nlog_level = 'error'\n", TIPSTAFF_LOG_LEVEL="").tipstaff.log_level == "error"


def test_a_fault_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults) as refused:
        loaded(tmp_path, "[tipstaff]\nlog_level = 'error'\n", TIPSTAFF_LOG_LEVEL="lots")
    assert str(refused.value).startswith("$TIPSTAFF_LOG_LEVEL: [tipstaff]: log_level: 'lots' is not one of")


def test_a_fault_in_an_option_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="--log-level"):
        load(written(tmp_path, ""), environ={}, options={"log_level": "lots"})


def test_the_store_counts_from_the_file_it_is_named_in_and_from_here_when_named_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert loaded(tmp_path, "").tipstaff.store == str(tmp_path / "data" / "tipstaff.db")
    assert loaded(tmp_path, "[tipstaff]\nstore = 'x.db'\n").tipstaff.store == str(tmp_path / "x.db")
    assert loaded(tmp_path, "", TIPSTAFF_STORE="x.db").tipstaff.store == str(elsewhere / "x.db")
    assert loaded(tmp_path, "", TIPSTAFF_STORE="postgresql://h/d").tipstaff.store == "postgresql://h/d"
