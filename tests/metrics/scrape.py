"""What Prometheus would find at a node."""

from typing import Final

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from signaling_service.app import App
from tests.valkey.waiting import until

Labels = frozenset[tuple[str, str]]
Series = tuple[str, Labels]

# the outcomes of set-ups come one by one, each when the first call has it
GROWING: Final = "signaling_call_setup_seconds"


def scrape(app: App) -> dict[Series, float]:
    """Every series of a node and its value, as the text format has them."""
    text = generate_latest(app.metrics.registry).decode()
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(each.name, frozenset(each.labels.items())): each.value for each in samples}


def value(app: App, name: str, **labels: str) -> float:
    """The value of one series, which has to be there."""
    return scrape(app)[name, frozenset(labels.items())]


async def comes_to(expected: float, app: App, name: str, **labels: str) -> None:
    """Wait until a series has this value."""

    async def is_so() -> bool:
        return value(app, name, **labels) == expected

    await until(is_so)


async def exceeds(bound: float, app: App, name: str, **labels: str) -> None:
    """Wait until a series has a higher value than this."""

    async def is_so() -> bool:
        return value(app, name, **labels) > bound

    await until(is_so)


def counted(app: App, name: str, label: str) -> dict[str, float]:
    """By one label, the values of a metric's series that are not 0."""
    return {
        dict(labels)[label]: count
        for (found, labels), count in scrape(app).items()
        if found == name and count
    }
