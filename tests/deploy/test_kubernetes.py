"""The manifests for Kubernetes: what they name exists, and their times fit together."""

import asyncio
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import (
    KUBERNETES,
    PAGE,
    compose,
    container,
    objects,
    pod,
    settings,
    stages,
)
from tests.examples.test_operating import variables
from tests.test_checking import health
from tests.transport.node import running
from tests.transport.test_tls import Authority

SPARE = 25  # s; what docs/operating.md asks for beside the drain


def ports() -> dict[str, int]:
    """The container's, by name."""
    return {each["name"]: each["containerPort"] for each in container()["ports"]}


def probes() -> Iterator[dict[str, Any]]:
    """All that ask whether it is well."""
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        yield container()[name]


def secrets() -> set[str]:
    """The names of the secrets, and of what is in them, that the pod asks for."""
    by_key = [each["valueFrom"]["secretKeyRef"]["key"] for each in container()["env"]]
    volumes = [volume["secret"] for volume in pod()["spec"]["volumes"]]
    items = [item["key"] for volume in volumes for item in volume.get("items", ())]
    return {*by_key, *items, *(volume["secretName"] for volume in volumes)}


def test_every_file_is_applied() -> None:
    """By the one that lists them."""
    listed = objects()["Kustomization", ""]["resources"]

    assert {*listed, "kustomization.yaml"} == {path.name for path in KUBERNETES.iterdir()}
    (image,) = objects()["Kustomization", ""]["images"]
    assert image["name"] == container()["image"] == compose()["x-node"]["image"]


def test_variables_are_a_nodes() -> None:
    """None is misspelt, and the secret ones are not among them."""
    secret = {each["name"] for each in container()["env"]}

    assert settings().keys() | secret <= variables()
    assert settings().keys() & secret == set()
    assert all(isinstance(value, str) for value in settings().values())


async def test_a_node_starts_with_them(tmp_path: Path) -> None:
    """But for its addresses and what is not on this machine; and it is well."""
    authority = Authority(tmp_path)
    (tmp_path / "turn-secret").write_text("planted-secret")
    here = {
        "SIGNALING_LISTEN": "127.0.0.1:0",
        "SIGNALING_METRICS_LISTEN": "127.0.0.1:0",
        "SIGNALING_TLS_CERT": str(authority.cert),
        "SIGNALING_TLS_KEY": str(authority.key),
        "SIGNALING_TURN_SECRET_FILE": str(tmp_path / "turn-secret"),
    }
    # an option is above a variable
    async with running(**{**settings(), **here}) as node:
        tls = {"SIGNALING_TLS_CERT": here["SIGNALING_TLS_CERT"]}
        assert await health(SIGNALING_LISTEN=node.address, **tls) == (0, "")
        where = (await node.logs("serving"))["metrics"]
        for probe in probes():
            await asyncio.to_thread(get, f"http://{where}{probe['httpGet']['path']}")


def get(url: str) -> None:
    """Ask as a probe does: what is not well raises HTTPError."""
    with urllib.request.urlopen(url) as response:  # noqa: S310 - the node's own
        assert response.status == 200


def test_ports_are_those_that_it_listens_on() -> None:
    """Of the settings, the probes, the services, the policy and whoever scrapes."""
    listen = settings()["SIGNALING_LISTEN"], settings()["SIGNALING_METRICS_LISTEN"]

    assert [f"0.0.0.0:{ports()[name]}" for name in ("grpc", "metrics")] == list(listen)
    assert {probe["httpGet"]["port"] for probe in probes()} == {"metrics"}
    annotations = pod()["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports()["metrics"])
    for name in ("signaling", "signaling-nodes"):
        for port in objects()["Service", name]["spec"]["ports"]:
            assert port["targetPort"] in ports()
    ingress = objects()["NetworkPolicy", "signaling"]["spec"]["ingress"]
    assert {port["port"] for rule in ingress for port in rule["ports"]} == ports().keys()
    exposed = next(rest for word, rest in stages()[-1] if word == "EXPOSE")
    assert exposed.split() == [str(port) for port in ports().values()]


def test_probes_ask_what_there_is() -> None:
    """Whether it is alive decides about a restart, and whether it is ready about who comes."""
    paths = [probe["httpGet"]["path"] for probe in probes()]

    assert paths == ["/livez", "/livez", "/readyz"]


def test_a_node_has_the_time_to_drain() -> None:
    """After the hook that waits until nobody sends devices there."""
    (_, wait) = container()["lifecycle"]["preStop"]["exec"]["command"]
    deadline = int(settings()["SIGNALING_DRAIN_DEADLINE"])

    assert pod()["spec"]["terminationGracePeriodSeconds"] >= int(wait) + deadline + SPARE


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "signaling", ("selector", "matchLabels")),
        ("Service", "signaling", ("selector",)),
        ("Service", "signaling-nodes", ("selector",)),
        ("PodDisruptionBudget", "signaling", ("selector", "matchLabels")),
        ("NetworkPolicy", "signaling", ("podSelector", "matchLabels")),
    ],
)
def test_selectors_find_the_pods(kind: str, name: str, path: tuple[str, ...]) -> None:
    """Those of the nodes, by their labels."""
    selector = objects()[kind, name]["spec"]
    for key in path:
        selector = selector[key]

    assert selector.items() <= pod()["metadata"]["labels"].items()
    for spread in pod()["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == selector


def test_nobody_is_root() -> None:
    """The user is the image's, and can do nothing but serve."""
    user = next(rest for word, rest in stages()[-1] if word == "USER")
    security = pod()["spec"]["securityContext"]
    own = container()["securityContext"]

    assert user == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert security["runAsNonRoot"]
    assert own["readOnlyRootFilesystem"]
    assert not own["allowPrivilegeEscalation"]
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_secrets_are_made_as_the_page_says() -> None:
    """Each name that the pod asks for is in its commands."""
    commands = re.findall(r"kubectl .*?(?<!\\)\n", PAGE.read_text(), re.DOTALL)
    made = " ".join(command for command in commands if "create secret" in command)

    assert secrets() == {"signaling", "signaling-tls", "backend-url", "turn-secret"}
    assert all(re.search(rf"[ =]{name}\b", made) for name in secrets())
    mounted = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    for variable in ("SIGNALING_TLS_CERT", "SIGNALING_TLS_KEY", "SIGNALING_TURN_SECRET_FILE"):
        assert str(Path(settings()[variable]).parent) in mounted.values()
