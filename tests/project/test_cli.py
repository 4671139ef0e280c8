"""The command ``tenantparity``, and the examples that use it on several machines."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from pytest_tenantparity.cli.app import app

from ..support.project import DRIFT, Migration, Project, report_files

pytest_plugins = ["tests.support.project"]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMAND = "from pytest_tenantparity.cli.app import app; app(prog_name='tenantparity')"


def run(*args: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command after some lines of Python."""
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{COMMAND}", *args],
        capture_output=True,
        text=True,
        check=False,
    )


# ---- the command


def test_without_typer_it_says_what_to_install() -> None:
    """Without its extra, the command prints one line and exits with 2, without a traceback."""
    done = run("report", "merge", "x", before="import sys; sys.modules['typer'] = None")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'pytest-tenantparity[cli]'" in done.stderr


WRONG_CALLS = [
    (["plan", "--nonsense"], "No such option: --nonsense", "tenantparity plan --help"),
    (["nonsense"], "No such command 'nonsense'", "tenantparity --help"),
    (["report", "merge"], "Missing argument 'REPORT...'", "tenantparity report merge --help"),
    (["init", "--ci=a\nb"], "'--ci'", "tenantparity init --help"),
]


@pytest.mark.parametrize(("words", "said", "hint"), WRONG_CALLS)
def test_wrong_call_is_one_line(words: list[str], said: str, hint: str) -> None:
    """A wrong command, option or value is one line on stderr that names the help; exit code 2."""
    done = CliRunner().invoke(app, words, prog_name="tenantparity")
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(r"ERROR: [^\n]*\n", done.stderr), done.stderr
    assert said in done.stderr
    assert done.stderr.endswith(f"; see {hint}\n")


def test_each_wrong_setting_has_a_line_of_its_own(files: Project) -> None:
    """Of three wrong settings, the command and pytest name each in one line, with its place."""
    settings = files.path / "tenantparity.toml"
    wrong = "[rules]\nnaive_zon = 'UTC'\njsn = 1\n[report]\nfindings = 'many'\n"
    settings.write_text(settings.read_text() + wrong)
    done = CliRunner().invoke(app, ["plan", f"--settings={settings}"])
    outcome = files.run()
    assert (done.exit_code, outcome.code) == (2, pytest.ExitCode.USAGE_ERROR)
    for lines in (done.stderr.splitlines(), outcome.stderr.splitlines()):
        said = [line for line in lines if line]
        found = [re.match(r"ERROR: \S+:\d+: \[\w+\] (\w+): ", line) for line in said]
        assert [each and each[1] for each in found] == ["naive_zon", "jsn", "findings"], said


def test_help_is_plain_and_in_lower_case() -> None:
    """Help begins like pytest's, has no colours and no frames, and is the same by ``-h``."""
    for words in ([], ["plan"], ["init"], ["report"], ["report", "merge"], ["tenants", "export"]):
        done = CliRunner().invoke(app, [*words, "--help"], prog_name="tenantparity", color=True)
        assert done.exit_code == 0
        name = " ".join(["tenantparity", *words])
        assert done.stdout.startswith(f"usage: {name} [options]")
        assert "\noptions:\n" in done.stdout
        assert done.stdout.isascii()
        assert "\x1b" not in done.stdout
        short = CliRunner().invoke(app, [*words, "-h"], prog_name="tenantparity")
        assert short.stdout == done.stdout
    bare = CliRunner().invoke(app, [], prog_name="tenantparity")
    assert bare.exit_code == 2
    assert "usage: tenantparity [options]" in bare.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """The script of ``--show-completion``, read by bash, completes what is typed."""
    environment = programs(tmp_path / "bin") | {"_TENANTPARITY_COMPLETE": "source_bash"}
    script = tmp_path / "completion.sh"
    with script.open("wb") as file:
        subprocess.run(["tenantparity"], stdout=file, check=True, env=environment)
    del environment["_TENANTPARITY_COMPLETE"]

    def completed(*words: str) -> set[str]:
        typed = " ".join(words)
        lines = (
            f"source {script}",
            f"COMP_WORDS=(tenantparity {typed}) COMP_CWORD={len(words)}",
            "$(complete -p tenantparity | sed 's/.*-F \\(\\S*\\).*/\\1/') tenantparity",
            "printf '%s\\n' \"${COMPREPLY[@]}\"",
        )
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        assert done.stderr == ""
        return set(done.stdout.split())

    assert {"init", "plan", "report", "tenants"} <= completed("''")
    assert completed("pl") == {"plan"}
    assert completed("plan", "--set") == {"--settings"}
    assert completed("report", "m") == {"merge"}
    assert completed("init", "--ci", "git") == {"github", "gitlab"}


def test_no_color(project: Migration) -> None:
    """With NO_COLOR, neither pytest with the plugin nor the command writes colours to a terminal.

    Without it pytest does: the test would otherwise show nothing.
    """
    project.modern.run(DRIFT)
    calls = {
        "pytest": [sys.executable, "-m", "pytest", "--tenants=cohort-1", "--fail-on-drift"],
        "plan": [sys.executable, "-c", COMMAND, "plan", "--tenants=cohort-1"],
        "wrong": [sys.executable, "-c", COMMAND, "plan", "--nonsense"],
    }
    coloured = re.compile(r"\x1b\[[\d;]*m")
    others = ("CI", "NO_COLOR", "FORCE_COLOR", "PY_COLORS")
    kept = {name: value for name, value in os.environ.items() if name not in others}
    plain = {
        name: on_a_terminal(call, project.path, kept | {"NO_COLOR": "1", "TERM": "xterm"})
        for name, call in calls.items()
    }
    assert "NO-GO for cohort-1" in plain["pytest"]
    assert "checks" in plain["plan"]
    assert "ERROR" in plain["wrong"]
    assert [name for name, said in plain.items() if coloured.search(said)] == []
    assert coloured.search(on_a_terminal(calls["pytest"], project.path, kept | {"TERM": "xterm"}))


def on_a_terminal(call: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command on a pseudo-terminal, and return the bytes that it wrote, as text."""
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        call, cwd=folder, env=environment, stdin=writer, stdout=writer, stderr=writer
    )
    os.close(writer)
    said = b""
    with suppress(OSError):  # on Linux: all writers have closed
        while block := os.read(reader, 65_536):
            said += block
    os.close(reader)
    process.wait(60)
    return said.decode()


@pytest.mark.slow
def test_interrupted_command_says_how_to_run_it_again(offline: Project) -> None:
    """Ctrl-C ends the command with one line, which runs it again, and with exit code 130.

    A line with a password is not printed.
    """
    hush = "postgresql://me:hush@127.0.0.1:1/nowhere"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/nowhere"
        offline.settings(legacy=f'url = "{url}"')
        (offline.path / "tenantparity.toml").rename(offline.path / "our audit.toml")
        words = ["plan", "--tenants=acme", "--settings=our audit.toml"]
        again = f"; again: tenantparity {shlex.join(words)}"
        assert interrupted(offline.path, words, silent) == again
        words = ["init", f"--legacy={url}", f"--modern={hush}", "--yes"]
        assert interrupted(offline.path, words, silent) == ""


def interrupted(folder: Path, words: list[str], silent: socket.socket) -> str:
    """Start the command, and interrupt it while a server does not answer.

    Return what follows the word "interrupted" in its only line.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    silent.settimeout(30)
    with process:
        try:
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, ""), err
    assert err.startswith("ERROR: interrupted"), err
    assert err.count("\n") == 1, err
    return err.strip().removeprefix("ERROR: interrupted")


def test_directory_without_reports_is_refused(tmp_path: Path) -> None:
    """For a directory without reports, the command prints one line to stderr and exits with 2."""
    done = run("report", "merge", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{tmp_path}: there is no cab-report.json" in done.stderr


def test_merge_without_its_report_has_not_passed(files: Project) -> None:
    """Merging refuses a report that is not a shard's, and a report that cannot be written.

    The report that is merged stays as it is.
    """
    assert files.run().verdict == "GO"
    latest, blocked = files.path / "reports/latest", files.write("blocked", "a file")
    assert "is no shard's report" in refusal(latest, files.path / "out")
    before = report_files(latest)
    refusal(latest, latest)
    assert report_files(latest) == before

    assert files.run("--parity-shard=1/1").verdict == "GO"
    assert merged(latest, files.path / "out").exit_code == 0
    assert "could not be written" in refusal(latest, blocked / "out")


def merged(reports: Path, out: Path) -> Result:
    """Merge reports in this process."""
    return CliRunner().invoke(app, ["report", "merge", str(reports), f"--out={out}"])


def refusal(reports: Path, out: Path) -> str:
    """Require that merging is refused with one line on stderr, and return that line."""
    done = merged(reports, out)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr


# ---- the examples


def documents(name: str) -> list[dict[str, Any]]:
    """Return the YAML documents of an example."""
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def jobs() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the specs of the two Kubernetes jobs: shards and merge."""
    specs = {each["metadata"]["name"]: each for each in documents("kubernetes-indexed-job.yaml")}
    assert {specs[name]["apiVersion"] for name in ("audit", "audit-merge")} == {"batch/v1"}
    return specs["audit"]["spec"], specs["audit-merge"]["spec"]


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    """Return the only container of a job."""
    (container,) = job["template"]["spec"]["containers"]
    return dict(container)


def scripts() -> dict[str, str]:
    """Return every shell script in the examples by a name."""
    workflow = documents("github-actions-matrix.yml")[0]["jobs"]
    found = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.sh")}
    for name, job in workflow.items():
        lines = [step["run"] for step in job["steps"] if "run" in step]
        found |= {f"GitHub {name} {number}": line for number, line in enumerate(lines)}
    for job in jobs():
        container = container_of(job)
        assert container["command"] == ["bash", "-euc"]
        found[f"Kubernetes {container['name']}"] = container["args"][0]
    return found


@pytest.mark.parametrize("name", sorted(scripts()))
def test_scripts_parse(name: str) -> None:
    """Each shell script of the examples is parsed by bash without an error."""
    checked = ["bash", "-n", "-c", scripts()[name]]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_options_exist(offline: Project) -> None:
    """Every option in the examples exists in pytest or in the command."""
    done = run("report", "merge", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    helps = offline.run("--help").stdout + done.stdout
    known = set(re.findall(r"--[a-z-]+", helps))
    used = {
        option
        for script in scripts().values()
        for line in script.splitlines()
        if "pytest" in line or "--parity" in line or "tenantparity report" in line
        for option in re.findall(r"(?<=\s)--[a-z-]+", line.partition(" #")[0])
    }
    assert {"--parity-shard", "--parity-report", "--out", "--rsyncignore"} <= used
    assert used <= known


def test_matrix_has_as_many_jobs_as_shards() -> None:
    """GitHub's matrix has one job per shard, keeps every report, and merges even after failures."""
    (workflow,) = documents("github-actions-matrix.yml")
    shard, verdict = workflow["jobs"]["shard"], workflow["jobs"]["verdict"]
    assert shard["strategy"]["matrix"]["shard"] == list(range(1, workflow["env"]["SHARDS"] + 1))
    assert shard["strategy"]["fail-fast"] is False
    (upload,) = [step for step in shard["steps"] if "upload" in step.get("uses", "")]
    assert (upload["if"], upload["with"]["path"]) == ("always()", "report")
    assert (verdict["needs"], verdict["if"]) == ("shard", "always()")
    (download,) = [step for step in verdict["steps"] if "download" in step.get("uses", "")]
    assert upload["with"]["name"].startswith(download["with"]["pattern"].rstrip("*"))


def test_indexed_job_has_as_many_pods_as_shards() -> None:
    """Kubernetes' indexed job has one pod per shard, and both jobs use the same volume."""
    (claim,) = [
        each
        for each in documents("kubernetes-indexed-job.yaml")
        if each["kind"] == "PersistentVolumeClaim"
    ]
    audit, merge = jobs()
    assert audit["completionMode"] == "Indexed"
    assert merge["suspend"] is True
    environments = [{e["name"]: e["value"] for e in container_of(j)["env"]} for j in (audit, merge)]
    assert environments[0]["SHARDS"] == str(audit["completions"])
    assert environments[0]["AUDIT"] == environments[1]["AUDIT"]
    for job in (audit, merge):
        pod = job["template"]["spec"]
        assert pod["restartPolicy"] == "Never"
        (volume,) = pod["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        (mount,) = container_of(job)["volumeMounts"]
        assert (mount["name"], mount["mountPath"]) == (volume["name"], "/reports")


def programs(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment whose PATH starts with pytest, the command and ``more`` programs."""
    own = {
        "pytest": f'exec "{sys.executable}" -m pytest "$@"',
        "tenantparity": f'exec "{sys.executable}" -c "{COMMAND}" "$@"',
    }
    folder.mkdir()
    for name, line in {**own, **more}.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def frozen(project: Migration) -> None:
    """Declare both databases frozen."""
    why = 'frozen = "a copy that is restored for the test"'
    project.settings(legacy=why, modern=why)


@pytest.mark.slow
def test_kubernetes_pods_do_what_they_say(project: Migration) -> None:
    """The scripts of both jobs, run one pod after the other, end with the merged verdict."""
    frozen(project)
    reports = project.path / "volume"
    audit, merge = (
        container_of(job)["args"][0].replace("/reports", str(reports)) for job in jobs()
    )
    environment = programs(project.path / "bin") | {"SHARDS": "2", "AUDIT": "first"}
    project.modern.run("DELETE FROM tenant_trades WHERE id = 4")

    def pod(script: str, index: int) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["bash", "-euc", script],
            cwd=project.path,
            env=environment | {"JOB_COMPLETION_INDEX": str(index)},
            capture_output=True,
            check=False,
        )

    assert [pod(audit, index).returncode for index in (0, 1)] == [0, 0]
    done = pod(merge, 0)
    assert done.returncode == 1, done.stderr
    assert b"NO-GO for cohort-1. 1 of 2 tenants drifts." in done.stdout
    shutil.rmtree(reports / "first/shard-1")
    assert b"without shard 1 of 2" in pod(merge, 0).stdout


def test_github_steps_do_what_they_say(project: Migration) -> None:
    """The commands of the workflow, run shard after shard, end with the merged verdict."""
    frozen(project)
    lines = scripts()
    environment = programs(project.path / "bin") | {"SHARDS": "2", "TENANTS": "cohort-1"}

    def step(line: str, **more: str) -> int:
        return subprocess.run(
            ["bash", "-e", "-c", line], cwd=project.path, env=environment | more, check=False
        ).returncode

    for shard in ("1", "2"):
        assert step(lines["GitHub shard 1"], SHARD=shard) == 0
        shutil.move(project.path / "report", project.path / "shards" / f"shard-{shard}")
    assert step(lines["GitHub verdict 1"]) == 0
    summary = project.path / "summary.md"
    assert step(lines["GitHub verdict 2"], GITHUB_STEP_SUMMARY=str(summary)) == 0
    assert summary.read_text().startswith("# GO for cohort-1.")


@pytest.mark.slow
def test_hosts_share_one_snapshot(project: Migration) -> None:
    """The script starts a worker on each host through ``ssh``, and their audit is GO."""
    ssh = 'echo "$2" >> hosts.txt; for last; do :; done; exec sh -c "$last"'
    environment = programs(project.path / "bin", ssh=ssh)
    environment |= {"HOSTS": "audit-1 audit-2", "WORKERS": "1", "PYTHON": sys.executable}
    done = subprocess.run(
        [EXAMPLES / "xdist-hosts.sh", "--tenants=all", "--fail-on-drift"],
        cwd=project.path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GO for all tenants. All 4 tenants are proven equal." in done.stdout
    assert sorted((project.path / "hosts.txt").read_text().split()) == ["audit-1", "audit-2"]
    left = {path.name for path in project.path.rglob("*") if path.suffix == ".py"}
    assert left == {"test_audit.py"}
