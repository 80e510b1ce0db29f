"""An audit is green only if every package was looked up."""

from typing import Any

import pytest

from scripts.audit import CLEAN, NOT_AUDITED, VULNERABLE, Verdict, judge

PINNED = ("Jinja2==2.10", "typing_extensions==4.1")
CLEAN_JINJA = {"name": "jinja2", "version": "2.10", "vulns": []}
CLEAN_TYPING = {"name": "typing-extensions", "version": "4.1", "vulns": []}
SKIPPED = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}
BAD_JINJA = {
    "name": "jinja2",
    "version": "2.10",
    "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}],
}
FOUND = "jinja2 2.10: PYSEC-2019-217, fixed in 2.10.1"


@pytest.mark.parametrize(
    ("dependencies", "verdict", "status"),
    [
        ([CLEAN_JINJA, CLEAN_TYPING], Verdict([], []), CLEAN),
        ([SKIPPED, CLEAN_TYPING], Verdict([], ["jinja2"]), NOT_AUDITED),
        ([CLEAN_TYPING], Verdict([], ["jinja2"]), NOT_AUDITED),
        ([], Verdict([], ["jinja2", "typing-extensions"]), NOT_AUDITED),
        ([BAD_JINJA, CLEAN_TYPING], Verdict([FOUND], []), VULNERABLE),
        ([BAD_JINJA], Verdict([FOUND], ["typing-extensions"]), VULNERABLE),
    ],
    ids=["clean", "skipped", "left out", "empty", "vulnerable", "vulnerable and left out"],
)
def test_what_was_not_looked_up_is_not_clean(
    dependencies: list[dict[str, Any]], verdict: Verdict, status: int
) -> None:
    """pip-audit itself calls a package that nobody knows one without vulnerabilities."""
    judged = judge({"dependencies": dependencies, "fixes": []}, PINNED)

    assert judged == verdict
    assert judged.status == status
