"""`calls` and `end`: which calls there are, and to stop one."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.table import Table
from rich.text import Text
from signaling.v1 import calls_pb2 as calls_pb
from signaling.v1 import signaling_pb2 as pb

from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE
from signaling_service.ctl.connection import RPC_TIMEOUT, Connection

if TYPE_CHECKING:
    from signaling.v1.calls_pb2_grpc import CallServiceAsyncStub

STATE_STYLES: Final = {
    pb.CALL_STATE_RINGING: "magenta",
    pb.CALL_STATE_ANSWERED: "green",
    pb.CALL_STATE_CONNECTED: "bold green",
    pb.CALL_STATE_RECONNECTING: "bold yellow",
    pb.CALL_STATE_ENDED: "dim",
}
UUID_WIDTH: Final = 36  # so that it can be copied
PAGE: Final = 1000  # calls; the service gives no more at a time

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call's id.", show_default=False)]
User = Annotated[
    str | None, typer.Option(metavar="USER", help="Only calls that this user placed or received.")
]
State = Annotated[
    Literal["ringing", "answered", "connected", "reconnecting", "ended"] | None,
    typer.Option(help="Only calls that stand so."),
]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="The newest so many.")]
EndText = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="What its devices are told.")
]


async def calls(
    terminal: Terminal, user: User = None, state: State = None, limit: Limit = 50
) -> int:
    """List calls, the newest first: those that live, and those of the last ten minutes."""
    wanted = calls_pb.ListCallsRequest(user_id=user, page_size=min(limit, PAGE))
    if state is not None:
        wanted.state = pb.CallState.Value(f"CALL_STATE_{state.upper()}")
    table = _table()
    async with terminal.connection.calls() as stub:
        async for call in _pages(stub, terminal.connection, wanted, limit):
            terminal.screen.show(call, None)
            table.add_row(*_row(call))
    terminal.screen.say(table if table.row_count else "no calls")
    return DONE


async def end(terminal: Terminal, call: CallId, text: EndText = None) -> int:
    """End a call; its devices hear that it was TERMINATED."""
    wanted = calls_pb.EndCallRequest(call_id=call, text=text)
    async with terminal.connection.calls() as stub:
        response = await stub.EndCall(
            wanted, metadata=terminal.connection.metadata, timeout=RPC_TIMEOUT
        )
    reason = wording.word(pb.EndReason, response.call.ended.reason)
    is_ours = response.call.ended.reason == pb.END_REASON_TERMINATED
    ended = "ended" if is_ours else "was over already"
    terminal.screen.show(response.call, f"{wording.safe(call)} {ended}: {reason}")
    return DONE


async def _pages(
    stub: "CallServiceAsyncStub", to: Connection, wanted: calls_pb.ListCallsRequest, limit: int
) -> AsyncIterator[calls_pb.Call]:
    """The calls of one page after the other, `limit` at most."""
    while limit > 0:
        page = await stub.ListCalls(wanted, metadata=to.metadata, timeout=RPC_TIMEOUT)
        for call in page.calls[:limit]:
            yield call
        limit -= len(page.calls)
        if not page.next_page_token:
            return
        wanted.page_token = page.next_page_token


def _table() -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("CALL", overflow="fold", width=UUID_WIDTH)
    table.add_column("STATE", no_wrap=True)
    table.add_column("AGE", width=wording.SPAN_WIDTH, justify="right")
    table.add_column("FROM → TO", overflow="fold")
    return table


def _row(call: calls_pb.Call) -> tuple[str | Text, ...]:
    is_over = call.state == pb.CALL_STATE_ENDED
    state = wording.word(pb.CallState, call.state)
    if is_over:
        state = wording.word(pb.EndReason, call.ended.reason)
    callee = call.callee if call.HasField("callee") else pb.Device(user_id=call.callee_user_id)
    return (
        Text(wording.safe(call.call_id)),
        Text(state, STATE_STYLES.get(call.state, "")),
        Text(wording.age(call.create_time)),
        Text(f"{wording.device(call.caller)} → {wording.device(callee)}", "dim" * is_over),
    )
