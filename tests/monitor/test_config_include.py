"""A config of several files reads as one, and each fault names its own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import ConfigFaults, Fault, load

SOURCE = "[[source]]\nid = '{id}'\nurl = 'https://{id}.org'\n"


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "config.toml"


def faults(path: Path) -> tuple[Fault, ...]:
    with pytest.raises(ConfigFaults) as refused:
        load(path, environ={})
    return refused.value.faults


def test_lists_of_tables_grow_in_the_order_of_the_files(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config="include = ['more/*.toml', 'last.toml']\n" + SOURCE.format(id="one"),
        more__b=SOURCE.format(id="three"),
        more__a=SOURCE.format(id="two")
        + "[[rule]]\nid = 'r'\nwhen = 'source:five'\n[[rule.example]]\nalert = true\ntext='x'\n",
        last=SOURCE.format(id="four") + SOURCE.format(id="five"),
    )
    config = load(path, environ={})
    assert [source.id for source in config.sources] == ["one", "two", "three", "four", "five"]
    assert len(config.rules[0].examples) == 1


def test_single_tables_are_put_together_key_by_key(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config="include = ['net.toml']\n[network]\nconcurrency = 3\n[network.hosts]\n'a.org' = '1s'\n",
        net="[network]\nports = [443]\n[network.hosts]\n'b.org' = '2s'\n",
    )
    network = load(path, environ={}).network
    assert (network.concurrency, network.ports, sorted(network.hosts)) == (3, (443,), ["a.org", "b.org"])


def test_one_key_in_two_files_is_a_fault_that_names_both(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config="include = ['net.toml']\n[network]\n\nconcurrency = 3\n",
        net="\n[network]\nconcurrency = 4\n",
    )
    (fault,) = faults(path)
    assert (fault.file, fault.line, fault.key) == (str(tmp_path / "net.toml"), 3, "network.concurrency")
    assert f"{path}:4" in fault.message


def test_each_fault_names_its_own_file_and_line(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config="include = ['a.toml', 'b/c.toml']\n[tipstaff]\nlog_level = 'x'\n",
        a="\n\n[[rule]]\nid = 'r'\nwhen = '''\n\ntitel:x\n'''\n",
        b__c="[[source]]\nid = 's'\n\nurl = 'nowhere'\n",
    )
    places = [(Path(f.file).name, f.line, f.key) for f in faults(path)]
    assert places == [("config.toml", 3, "log_level"), ("a.toml", 7, "when"), ("c.toml", 4, "url")]


def test_an_id_in_two_files_is_a_fault_that_names_both(tmp_path: Path) -> None:
    path = write(tmp_path, config="include = ['a.toml']\n" + SOURCE.format(id="x"), a="\n" + SOURCE.format(id="x"))
    (fault,) = faults(path)
    assert (Path(fault.file).name, fault.line) == ("a.toml", 3)
    assert f"{path}:3" in fault.message


def test_a_missing_file_is_a_fault_at_the_line_that_names_it(tmp_path: Path) -> None:
    path = write(tmp_path, config="include = [\n  'gone.toml',\n]\n")
    (fault,) = faults(path)
    assert (fault.file, fault.line, fault.key) == (str(path), 2, "include")
    assert "there is no such file" in fault.message


def test_a_pattern_that_finds_nothing_is_no_fault(tmp_path: Path) -> None:
    assert load(write(tmp_path, config="include = ['rules/*.toml']\n"), environ={}).rules == ()


def test_a_missing_file_blames_no_rule_for_what_may_stand_in_it(tmp_path: Path) -> None:
    text = "include = ['entities.toml']\n[[rule]]\nid = 'r'\nwhen = 'entity:acme titel:x'\nchannels = ['desk']\n"
    assert [(f.line, f.key) for f in faults(write(tmp_path, config=text))] == [(1, "include"), (4, "when")]


def test_broken_toml_in_one_file_hides_no_fault_of_another(tmp_path: Path) -> None:
    path = write(tmp_path, config="include = ['a.toml']\n[tipstaff]\nlog_level = 'x'\n", a="a b\n")
    assert [(Path(f.file).name, f.line) for f in faults(path)] == [("config.toml", 3), ("a.toml", 1)]


@pytest.mark.parametrize("inner", ["config.toml", "a.toml", "*.toml"])
def test_a_circle_is_a_fault(inner: str, tmp_path: Path) -> None:
    path = write(tmp_path, config="include = ['a.toml']\n", a=f"include = ['{inner}']\n")
    assert all("includes itself" in fault.message for fault in faults(path))


def test_a_file_included_twice_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path, config="include = ['a.toml', './a.toml']\n", a="")
    (fault,) = faults(path)
    assert "included twice" in fault.message


def test_files_may_include_files_to_a_bounded_depth(tmp_path: Path) -> None:
    def chain(length: int) -> Path:
        for number in range(length):
            write(tmp_path, **{f"f{number}": f"include = ['f{number + 1}.toml']\n" if number < length - 1 else ""})
        return write(tmp_path, config="include = ['f0.toml']\n")

    load(chain(7), environ={})
    (fault,) = faults(chain(8))
    assert "more than 8 files deep" in fault.message


def test_include_must_be_a_list_of_paths(tmp_path: Path) -> None:
    assert "must be a list" in faults(write(tmp_path, config="include = 'a.toml'\n"))[0].message
    assert "is not a path" in faults(write(tmp_path, config="include = [1]\n"))[0].message


def test_paths_in_an_included_file_count_from_that_file(tmp_path: Path) -> None:
    secret = tmp_path / "more" / "token"
    path = write(
        tmp_path,
        config="include = ['more/a.toml']\n",
        more__a=SOURCE.format(id="x") + "headers = { X-Token = { file = 'token' } }\n",
    )
    secret.write_text("s3cret-value\n")
    secret.chmod(0o600)
    config = load(path, environ={})
    assert config.secret_values == ("s3cret-value",)
    assert secret in config.files


def test_whatever_can_change_the_outcome_is_listed_to_be_watched(tmp_path: Path) -> None:
    path = write(tmp_path, config="include = ['rules/*.toml']\n", rules__a="")
    assert load(path, environ={}).files == (path, tmp_path / "rules" / "a.toml", tmp_path / "rules")
