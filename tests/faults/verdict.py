"""The invariants, over everything that every device of a run saw."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from signaling.v1 import signaling_pb2 as pb

from tests.faults.ledger import NO_CALL, Entry, Heard, Ledger, Noted, Sent, call_of
from tests.faults.numbers import name_of, sender_of
from tests.faults.passage import Passage

# how a call may end that nobody let ring for a minute, and whose people stayed
ENDS: Final = frozenset({pb.END_REASON_HANGUP, pb.END_REASON_CANCELLED, pb.END_REASON_DECLINED})
# what a losing device is told, by how the call ended for the caller
ELSEWHERE: Final = {
    pb.END_REASON_DECLINED: pb.END_REASON_DECLINED_ELSEWHERE,
    pb.END_REASON_BUSY: pb.END_REASON_DECLINED_ELSEWHERE,
}


@dataclass
class Verdict:
    """What was found, and how much there was to find."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)  # a call, and what is wrong


def judge(ledger: Ledger, ends: frozenset[pb.EndReason.ValueType] = ENDS) -> Verdict:
    """Look at every call of a run that is at rest; `ends` are the reasons that may be."""
    verdict = Verdict()
    calls: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger.entries:
        if call_of(entry) not in ("", NO_CALL):
            calls[call_of(entry)].append(entry)
    for call_id, entries in calls.items():
        case = Case(entries, ends, ledger.gone)
        verdict.problems += [(call_id, problem) for problem in case.problems()]
        verdict.counts += case.counts
    return verdict


class Case:
    """One call: what its devices asked for, and what they were told."""

    def __init__(
        self,
        entries: Sequence[Entry],
        ends: frozenset[pb.EndReason.ValueType],
        gone: AbstractSet[str] = frozenset(),
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._ends = ends
        self._gone = gone
        self._sent: dict[str, list[Sent]] = defaultdict(list)
        self._heard: dict[str, list[pb.ConnectResponse]] = defaultdict(list)
        self._refusals: dict[str, list[pb.RequestError]] = defaultdict(list)
        for entry in entries:
            self._sort(entry)
        first = next(entry for entry in entries if isinstance(entry, Sent))
        self.caller = first.device
        self.recipient = first.request.offer.recipient_user_id
        self.winners = [device for device in self._heard if _has_won(self._heard[device])]

    def _sort(self, entry: Entry) -> None:
        match entry:
            case Sent(device=device):
                self._sent[device].append(entry)
            case Heard(device=device, response=response) if response.HasField("error"):
                self._refusals[device].append(response.error)
            case Heard(device=device, response=response):
                self._heard[device].append(response)
            case Noted():
                raise AssertionError("is about no call")

    def problems(self) -> Iterator[str]:
        """Everything that is wrong."""
        yield from self._check_parties()
        yield from self._check_winner()
        yield from self._check_ends()
        yield from self._check_refusals()
        yield from self._check_presence()
        yield from self._check_passages()

    def _check_parties(self) -> Iterator[str]:
        for device in self._heard:
            if device != self.caller and device.partition("/")[0] != self.recipient:
                yield f"{device} is no party"

    def _check_winner(self) -> Iterator[str]:
        """At most one device won, and the caller has the answer of no other."""
        if len(self.winners) > 1:
            yield f"{self.winners} have all won"
        answers = [each for each in self._heard[self.caller] if each.HasField("answer")]
        answerers = {sender_of(answer) for answer in answers}
        if answerers != set(self.winners):
            yield f"{self.winners} won, the caller was answered by {answerers}"

    def _check_ends(self) -> Iterator[str]:
        """One `ended` at every device that was told of the call, the last it hears."""
        ended = {}
        for device, heard in self._heard.items():
            ends = [response.ended for response in heard if response.HasField("ended")]
            if device in self._gone and not ends:
                continue
            if len(ends) != 1:
                yield f"{device} was told of {len(ends)} ends"
                continue
            ended[device] = ends[0]
            if not heard[-1].HasField("ended"):
                yield f"{device} heard {heard[-1].WhichOneof('payload')} after the end"
        if self.caller in ended:
            yield from self._check_agreement(ended[self.caller], ended)

    def _check_agreement(self, end: pb.CallEnded, ended: dict[str, pb.CallEnded]) -> Iterator[str]:
        """Everybody was told the same, or what it means for a device that was not first."""
        if end.reason not in self._ends:
            yield f"it ended {pb.EndReason.Name(end.reason)}"
        for device, told in ended.items():
            expected = pb.CallEnded()
            expected.CopyFrom(end)
            if self.winners and device not in (self.caller, *self.winners):
                expected.reason = pb.END_REASON_ANSWERED_ELSEWHERE
                expected.ended_by.CopyFrom(_device(self.winners[0]))
            elif device not in (self.caller, name_of(end.ended_by)):
                expected.reason = ELSEWHERE.get(end.reason, end.reason)
            if told != expected:
                yield f"{device} was told {_line(told)}, not {_line(expected)}"

    def _check_refusals(self) -> Iterator[str]:
        """Requests came too late at most, or behind one that had not been stored."""
        offers = [each for each in self._sent[self.caller] if each.request.HasField("offer")]
        for device, errors in self._refusals.items():
            allowed = {pb.ERROR_CODE_WRONG_STATE, pb.ERROR_CODE_NOT_A_PARTY}
            if offers[0].is_reported:
                allowed.add(pb.ERROR_CODE_CALL_NOT_FOUND)
            if any(each.is_reported for each in self._sent[device]):
                allowed.add(pb.ERROR_CODE_STALE_CANDIDATE)  # sent again after a newer offer
            for error in errors:
                if error.code not in allowed:
                    yield f"{device} was refused: {_line(error)}"

    def _check_presence(self) -> Iterator[str]:
        """AWAY and BACK take turns."""
        kinds = (pb.PROGRESS_KIND_AWAY, pb.PROGRESS_KIND_BACK)
        for device, heard in self._heard.items():
            told = [each.progress.kind for each in heard if each.HasField("progress")]
            stays = [kind for kind in told if kind in kinds]
            if stays != [kinds[index % 2] for index in range(len(stays))]:
                yield f"{device} heard {[pb.ProgressKind.Name(kind) for kind in stays]}"

    def _check_passages(self) -> Iterator[str]:
        """What one device sent is heard by others in order, once, and under its name.

        Between the two that talk everything arrives that the service has accepted.
        """
        pair = [self.caller, *self.winners]
        for device, heard in self._heard.items():
            for sender, sent in self._sent.items():
                passage = Passage(sender, sent, device, heard)
                yield from passage.problems()
                self.counts["messages"] += len(passage.arrived)
                self.counts["doubled"] += len(passage.doubled)
                self.counts["reported, arrived"] += len({*passage.arrived} & passage.reported)
                are_pair = sorted(pair) == sorted([sender, device])
                if are_pair and device not in self._gone and passage.lost:
                    self.counts["lost"] += len(passage.lost)
                    yield f"{device} never heard of {sender}: {passage.lost}"


def _has_won(heard: Sequence[pb.ConnectResponse]) -> bool:
    return any(
        response.HasField("progress") and response.progress.kind == pb.PROGRESS_KIND_WON
        for response in heard
    )


def _device(name: str) -> pb.Device:
    user_id, _, device_id = name.partition("/")
    return pb.Device(user_id=user_id, device_id=device_id)


def _line(message: object) -> str:
    return " ".join(str(message).split())
