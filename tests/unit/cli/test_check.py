import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from chaosgood_ext.cli.check import check
from chaosgood_ext.cli.new import new

GOOD = "title: t\ndescription: d\nmethod: []\n"
BAD = "title: t\ndescription: d\nrollback: []\nmethod: []\n"
DOUBTFUL = "title: t\ndescription: d\ntags:\nmethod: []\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(check, [str(each) for each in arguments])


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_is_fine_ends_with_0(folder):
    done = run(write(folder / "good.yaml", GOOD))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "1 experiment checked: no problems\n")


def test_a_problem_is_one_line_that_editors_link_and_ends_with_1(folder):
    write(folder / "bad.yaml", BAD)
    done = run("bad.yaml")
    assert done.exit_code == 1
    assert done.stdout == (
        'bad.yaml:3:1: error: Chaos Toolkit knows no key "rollback" here and ignores it. Did you mean rollbacks? '
        "[misspelt-key at rollback]\n"
    )
    assert done.stderr == "1 experiment checked: 1 error, 0 warnings\n"


def test_warnings_fail_only_where_they_shall(folder):
    write(folder / "doubtful.yaml", DOUBTFUL)
    assert run("doubtful.yaml").exit_code == 0
    assert "warning" in run("doubtful.yaml").stdout
    assert run("--strict", "doubtful.yaml").exit_code == 1


def test_a_check_can_be_left_out_by_its_id(folder):
    write(folder / "bad.yaml", BAD)
    assert run("--ignore", "misspelt-key", "bad.yaml").exit_code == 0
    done = run("--ignore", "mispelt-key", "bad.yaml")
    assert done.exit_code == 2
    assert "Did you mean misspelt-key?" in done.stderr


@pytest.mark.parametrize("arguments", [("nothing.yaml",), (), ("empty",), ("--format", "xml"), ("notes.txt",)])
def test_bad_input_ends_with_2_and_one_line(folder, arguments):
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("hello")
    done = run(*arguments)
    assert done.exit_code == 2
    assert "Error: " in done.stderr
    assert "Traceback" not in done.output


def test_in_a_folder_experiments_are_found_and_other_files_are_passed_over(folder):
    write(folder / "experiments" / "bad.yaml", BAD)
    write(folder / "experiments" / "deeper" / "good.json", json.dumps({"title": "t", "description": "d", "method": []}))
    write(folder / "experiments" / "variables.yaml", "configuration: {a: 1}\n")
    write(folder / "experiments" / ".hidden" / "bad.yaml", BAD)
    write(folder / "experiments" / "broken.yml", "a: [")
    done = run()
    assert done.stderr == "3 experiments checked: 2 errors, 0 warnings\n"
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {
        "experiments/bad.yaml",
        "experiments/broken.yml",
    }


def test_a_file_that_is_named_is_checked_whatever_it_looks_like(folder):
    write(folder / "variables.yaml", "configuration: {a: 1}\n")
    assert run("variables.yaml").exit_code == 1


def test_json_has_all_that_a_program_needs(folder):
    write(folder / "bad.yaml", BAD)
    done = run("--json", "bad.yaml")
    report = json.loads(done.stdout)
    assert (report["files"], report["errors"], report["warnings"]) == (1, 1, 0)
    assert report["problems"] == [
        {
            "id": "misspelt-key",
            "severity": "error",
            "file": "bad.yaml",
            "path": "rollback",
            "line": 3,
            "column": 1,
            "what": 'Chaos Toolkit knows no key "rollback" here and ignores it',
            "meant": "rollbacks",
        }
    ]


def test_github_annotations_escape_what_the_format_reserves(folder):
    path = write(folder / "50%,a:b" / "bad.yaml", BAD)
    done = run("--format", "github", path.relative_to(folder))
    assert done.stdout == (
        "::error file=50%25%2Ca%3Ab/bad.yaml,line=3,col=1,title=misspelt-key::"
        'Chaos Toolkit knows no key "rollback" here and ignores it. Did you mean rollbacks?\n'
    )


def test_sarif_has_a_rule_and_a_place_for_every_problem(folder):
    write(folder / "bad.yaml", BAD)
    write(folder / "broken.yaml", "a: [")
    log = json.loads(run("--format", "sarif", "bad.yaml", "broken.yaml").stdout)
    assert log["version"] == "2.1.0"
    (told,) = log["runs"]
    rules = told["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["misspelt-key", "syntax"]
    assert all(rule["shortDescription"]["text"] for rule in rules)
    for result in told["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        location = result["locations"][0]["physicalLocation"]
        assert location["artifactLocation"]["uri"].endswith(".yaml")
        assert location["region"]["startLine"] >= 1


def test_control_characters_do_not_reach_the_terminal(folder):
    path = write(folder / "a\x1b[31m.yaml", 'title: t\ndescription: d\n"\\e[31mred": 1\nmethod: []\n')
    done = run(path)
    assert "red" in done.stdout
    assert "\x1b" not in done.output


def test_the_schema_is_printed(folder):
    schema = json.loads(run("--schema").stdout)
    assert schema["$id"] == "urn:chaosgood:schema:experiment:1"


def test_nothing_of_an_experiment_is_run(folder, monkeypatch):
    write(folder / "trap.py", "open('sprung', 'w')\ndef spring(): open('sprung', 'w')\n")
    monkeypatch.syspath_prepend(str(folder))
    provider = "{type: python, module: trap, func: spring}"
    write(
        folder / "trap.yaml",
        f"""
title: t
description: d
configuration: {{a: {{type: probe, name: p, provider: {provider}}}}}
controls: [{{name: c, provider: {{type: python, module: trap}}}}]
steady-state-hypothesis: {{title: h, probes: [{{type: probe, name: p, tolerance: true, provider: {provider}}}]}}
method: [{{type: action, name: a, provider: {provider}}},
         {{type: action, name: b, provider: {{type: process, path: touch, arguments: [sprung]}}}}]
rollbacks: [{{type: action, name: a, provider: {provider}}}]
""",
    )
    done = run("trap.yaml")
    assert "control-without-functions" in done.stdout
    assert "trap" not in sys.modules
    assert not (folder / "sprung").exists()


def test_environment_variables_and_secrets_need_not_be_there(folder):
    text = (
        GOOD + "configuration: {a: {type: env, key: NOT_SET_ANYWHERE}}\nsecrets: {b: {c: {type: env, key: NOR_THIS}}}\n"
    )
    assert run(write(folder / "a.yaml", text)).exit_code == 0


def test_a_new_scenario_has_no_problems_and_is_never_overwritten(folder):
    made = CliRunner().invoke(new, ["disk-full"])
    assert made.exit_code == 0
    assert "experiments/disk-full.yaml" in made.stdout
    assert run("--strict").stderr == "1 experiment checked: no problems\n"
    again = CliRunner().invoke(new, ["disk-full"])
    assert again.exit_code == 2
    assert "is there already" in again.stderr


@pytest.mark.parametrize("name", ["Disk Full", "../disk", "disk_full", "-disk", "", "x" * 61])
def test_a_new_scenario_needs_a_name_that_files_and_variables_can_have(folder, name):
    done = CliRunner().invoke(new, ["--", name])
    assert done.exit_code == 2
    assert "cannot be a scenario's name" in done.stderr
    assert list(folder.iterdir()) == []


def test_a_new_scenario_names_the_schema_for_editors_where_there_is_one(folder):
    write(folder / "schemas" / "experiment.schema.json", "{}")
    CliRunner().invoke(new, ["disk-full", "--folder", "experiments/hard"])
    first = (folder / "experiments" / "hard" / "disk-full.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schemas/experiment.schema.json"


def test_a_folder_that_cannot_be_made_is_bad_input(folder):
    write(folder / "experiments", "a file")
    done = CliRunner().invoke(new, ["disk-full"])
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_chaos_offers_both_commands():
    chaos = Path(sys.executable).with_name("chaos")
    done = subprocess.run([chaos, "--no-version-check", "--help"], capture_output=True, text=True, check=True)
    assert "\n  check " in done.stdout
    assert "\n  new " in done.stdout


def test_a_reader_that_has_seen_enough_is_no_defect():
    chaos = Path(sys.executable).with_name("chaos")
    command = f"set -o pipefail; {chaos} --no-version-check check --schema | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (141, "{\n", "")
