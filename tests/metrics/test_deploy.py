"""What the alerts, their pages and the dashboard name is what a node has."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from signaling.v1 import signaling_pb2 as pb

from signaling_service.app import App
from signaling_service.config import Settings
from tests.devices import User, answered_call
from tests.examples import test_docs as docs
from tests.examples.test_operating import sources
from tests.metrics.deployed import PAGES, PROMETHEUS, ROOT, Alert, alerts, dashboard, panels, shown
from tests.metrics.promql import groupings_of, labels_of, metrics_of, mistakes
from tests.metrics.scrape import Series, scrape
from tests.shared import cell_at
from tests.valkey import Valkey

SECTIONS = [
    *("What it means", "What users feel", "How to look", "What to do", "When it is false"),
]
ALERT_NAMES = [alert.name for alert in alerts()]
NO_POLICY = "grpc://127.0.0.1:1"


@pytest.fixture
async def series(
    app: App, alice: User, bob: User, valkey: Valkey, tmp_path: Path
) -> dict[Series, float]:
    """All that nodes have: one of its own memory, and one with an engine and all else."""
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery staple")
    call = await answered_call(alice, bob)
    await alice.phone.reports(call, pb.PEER_CONNECTION_STATE_CONNECTED)
    await bob.phone.hears("connection_state")
    settings = Settings(
        listen="127.0.0.1:0",
        backend=cell_at(valkey.url),
        call_policy=NO_POLICY,
        webhook_url="http://127.0.0.1:1/",
        webhook_secret_file=secret,
    )
    async with App(settings) as other:
        return scrape(app) | scrape(other)


def test_every_word_that_is_none_is_a_metric() -> None:
    """How queries are read here: their words are known, labels and values are told apart."""
    query = 'sum by (a, le) (rate(some_total{b=~"c|$d"}[5m] offset 1d)) > on (e) 2e8 * up'

    assert metrics_of(query) == {"some_total", "up"}
    assert groupings_of(query) == {"a", "le", "e"}
    series = {("some_total", frozenset({("b", "x")})): 0.0}
    assert mistakes(query, series) == ["a", "e", "le", "b=c"]
    assert mistakes('sum by (b) (some_total{b!="x"}) and up', series) == []
    assert mistakes("smoe_total", series) == ["smoe_total"]


async def test_alerts_name_what_there_is(series: dict[Series, float]) -> None:
    """Metrics, labels, and the values of labels."""
    assert {alert.name: mistakes(alert.query, series) for alert in alerts()} == {
        name: [] for name in ALERT_NAMES
    }


async def test_texts_of_alerts_name_labels_that_there_are(series: dict[Series, float]) -> None:
    """Those that the query leaves."""
    for alert in alerts():
        named = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
        aggregates = re.search(r"\b(sum|max|histogram_quantile)\b", alert.query)
        has = {one for each in metrics_of(alert.query) for one in labels_of(series, each)}
        assert named <= (groupings_of(alert.query) if aggregates else has), alert.name


async def test_the_dashboard_shows_what_there_is(series: dict[Series, float]) -> None:
    """And its legends name labels that the queries leave."""
    for query, legend in shown():
        assert mistakes(query, series) == [], query
        kept = groupings_of(query)
        if not re.search(r"\b(sum|max|count|histogram_quantile)\b", query):
            kept = {one for each in metrics_of(query) for one in labels_of(series, each)}
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= kept, query


async def test_every_metric_is_explained(series: dict[Series, float]) -> None:
    """In the table for operators, with its labels; and nothing else is."""
    told = {
        name: set(re.findall(r"`(\w+)`", labels))
        for names, labels, _ in docs.table("docs/operating.md", "## Metrics")
        for name in re.findall(r"`(\w+)`", names)
    }
    found: dict[str, set[str]] = {}
    for name, labels in series:
        keys = {key for key, _ in labels}
        if re.search(r"_seconds_(bucket|count|sum)$", name):
            name = name.rpartition("_")[0]  # noqa: PLW2901 - of a histogram
        found[name] = found.get(name, set()) | keys - {"le"}

    assert told == found


def test_every_alert_has_its_page() -> None:
    """And every page its alert; the table of the page for operators has both."""
    told = {
        re.findall(r"`(\w+)`", link)[0]: severity
        for link, severity, _ in docs.table("docs/operating.md", "### Dashboard and alerts")
    }

    assert sorted(page.stem for page in PAGES.glob("*")) == sorted(ALERT_NAMES)
    assert told == {alert.name: alert.severity for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=ALERT_NAMES)
def test_alert_is_complete(alert: Alert) -> None:
    """How bad it is, for how long, what it says, and where its page is."""
    assert alert.severity in ("critical", "warning")
    assert re.fullmatch(r"\d+[sm]", alert.lasts)
    assert alert.name.startswith("Signaling")
    assert alert.page == f"docs/alerts/{alert.name}.md"
    assert alert.description.endswith(".")
    assert not alert.summary.endswith(".")
    assert (ROOT / alert.page).exists()


@pytest.mark.parametrize("alert", alerts(), ids=ALERT_NAMES)
async def test_page_says_what_is_so(alert: Alert, series: dict[Series, float]) -> None:
    """Its parts are there; what it names exists: metrics, labels, log events, and links."""
    page = f"docs/alerts/{alert.name}.md"
    text = docs.read(page)
    assert text.startswith(f"# {alert.name}\n\n`{alert.severity}`, after ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    docs.test_links_lead_somewhere(page)

    names = {name for name, _ in series} | {name.rpartition("_")[0] for name, _ in series}
    values = {value for _, labels in series for _, value in labels}
    events = {
        event for source in sources() for event in re.findall(r'\blog\.\w+\(\s*"(\w+)"', source)
    }
    for span in docs.code_spans(page):
        if re.fullmatch(r"(signaling|process)_\w+", span):
            assert span in names, span
        elif re.search(r"\b(signaling|process)_\w+[{\[]|^up\{", span):
            assert mistakes(span, series) == [], span
        elif re.fullmatch(
            r"(backend|call|jwt|worker|rpc|stream|sweep|link|metrics|webhook)_\w+", span
        ):
            assert span in events | values, span


def test_the_dashboard_fits() -> None:
    """No two panels have the same id or overlap; all ask the Prometheus that was chosen."""
    board = dashboard()
    everything = board["panels"]
    variables = {each["name"]: each["type"] for each in board["templating"]["list"]}

    assert variables == {"datasource": "datasource", "instance": "query"}
    assert board["schemaVersion"] >= 39  # of Grafana 11
    assert len({each["id"] for each in everything}) == len(everything)
    assert {each["datasource"]["uid"] for each in panels()} == {"${datasource}"}
    taken: set[tuple[int, int]] = set()
    for each in everything:
        at = each["gridPos"]
        area = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not area & taken, each["title"]
        taken |= area
    for each in panels():
        refs = [target["refId"] for target in each["targets"]]
        assert all(a < b for a, b in pairwise(refs))


def test_the_scrape_configuration_fits_the_alerts() -> None:
    """The job that they name, and the port that a node has unless it is told otherwise."""
    text = PROMETHEUS.read_text()

    assert re.findall(r"job_name: (\w+)", text) == ["signaling"]
    assert "- alerts.yaml" in text
    port = Settings().metrics_address()
    assert port is not None
    assert f"- {port[0]}:{port[1]}\n" in text


def test_what_was_not_run_is_said() -> None:
    """Whoever imports the dashboard reads that first."""
    assert "**Not run here**: Grafana, Alertmanager" in docs.read("docs/operating.md")
