"""The compose file: what it names exists, and its parts fit together."""

import re

import yaml

from tests.deploy.files import DEPLOY, DOCKERFILE, PAGE, compose


def test_a_file_of_compose_exists_for_each_mount() -> None:
    """What Prometheus and Grafana read lies in the tree."""
    for name in ("prometheus", "grafana"):
        for volume in compose()["services"][name]["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists()
            else:
                assert source in compose()["volumes"]


def test_compose_mounts_every_secret_that_it_names() -> None:
    """From the directory that the page has one make."""
    compose_secrets = compose()["secrets"]
    for service in compose()["services"].values():
        assert set(service.get("secrets", ())) <= compose_secrets.keys()
    for name in compose_secrets:
        assert re.search(rf'"\$SIGNALING_SECRETS/{name}"', PAGE.read_text())


def test_grafana_finds_its_dashboard() -> None:
    """Where the compose file puts it."""
    (provider,) = yaml.safe_load((DEPLOY / "grafana/dashboards.yaml").read_text())["providers"]
    mounts = [each.split(":")[1] for each in compose()["services"]["grafana"]["volumes"]]

    assert f"{provider['options']['path']}/signaling.json" in mounts


def test_the_image_is_the_one_of_the_dockerfile() -> None:
    """And it is asked how it is by the command that the image has."""
    build = compose()["services"]["node-1"]["build"]

    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DOCKERFILE)
    assert compose()["x-node"]["healthcheck"]["test"] == ["CMD", "signaling-service", "health"]
