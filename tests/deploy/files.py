"""What is there to deploy with, read as the tools would read it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"
DOCKERFILE: Final = DEPLOY / "Dockerfile"
PAGE: Final = ROOT / "docs/deploying.md"

Object = Mapping[str, Any]


def objects() -> Mapping[tuple[str, str], Object]:
    """Everything for Kubernetes, by kind and name."""
    found = {}
    for path in KUBERNETES.glob("*.yaml"):
        for each in yaml.safe_load_all(path.read_text()):
            found[each["kind"], each.get("metadata", {}).get("name", "")] = each
    return found


def pod() -> Object:
    """The template of a node's pod."""
    template: Object = objects()["Deployment", "signaling"]["spec"]["template"]
    return template


def container() -> Object:
    """The one container of it."""
    (only,) = pod()["spec"]["containers"]
    return dict(only)


def settings() -> Mapping[str, str]:
    """The variables of a node in Kubernetes."""
    variables: Mapping[str, str] = objects()["ConfigMap", "signaling"]["data"]
    return variables


def compose() -> Object:
    """The compose file."""
    parsed: Object = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return parsed


def stages() -> Sequence[Sequence[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile: a word, and what follows it."""
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    told = [line for line in lines if line and not line.startswith("#")]
    text = "\n".join(told)
    return [
        list(_instructions(stage))
        for stage in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]
    ]


def _instructions(stage: str) -> Iterator[tuple[str, str]]:
    for line in stage.splitlines():
        word, _, rest = line.partition(" ")
        yield word, re.sub(r"\s+", " ", rest)
