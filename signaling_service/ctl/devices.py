"""`devices` and `kick`: which devices a user has, and to throw one out."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from signaling.v1 import calls_pb2 as calls_pb

from signaling_service.ctl import wording
from signaling_service.ctl.command import Terminal
from signaling_service.ctl.complaints import DONE
from signaling_service.ctl.connection import RPC_TIMEOUT

User = Annotated[str, typer.Argument(metavar="USER", help="Whose.", show_default=False)]
Device = Annotated[str, typer.Argument(metavar="DEVICE", help="Which.", show_default=False)]


async def devices(terminal: Terminal, user: User) -> int:
    """List the devices of a user that are connected, or may come back to their session."""
    wanted = calls_pb.ListDevicesRequest(user_id=user)
    async with terminal.connection.calls() as stub:
        response = await stub.ListDevices(
            wanted, metadata=terminal.connection.metadata, timeout=RPC_TIMEOUT
        )
    table = _table()
    for session in response.devices:
        terminal.screen.show(session, None)
        table.add_row(*_row(session))
    nobody = f"{wording.safe(user)} has no device here"
    terminal.screen.say(table if table.row_count else nobody)
    return DONE


async def kick(terminal: Terminal, user: User, device: Device) -> int:
    """Disconnect a device: its session ends, its calls do, and its tokens are refused."""
    wanted = calls_pb.DisconnectDeviceRequest(user_id=user, device_id=device)
    async with terminal.connection.calls() as stub:
        response = await stub.DisconnectDevice(
            wanted, metadata=terminal.connection.metadata, timeout=RPC_TIMEOUT
        )
    who = wording.safe(f"{user}/{device}")
    terminal.screen.show(response, f"{who} is off; tokens of before are refused")
    return DONE


def _table() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("DEVICE", overflow="fold")
    table.add_column("STREAM", no_wrap=True)
    table.add_column("SINCE", width=wording.SPAN_WIDTH, justify="right")
    table.add_column("ACTIVE", width=wording.SPAN_WIDTH, justify="right")
    table.add_column("AGENT", overflow="fold")
    table.add_column("LABELS", overflow="fold")
    return table


def _row(session: calls_pb.DeviceSession) -> tuple[Text, ...]:
    stream = Text("open", "green") if session.connected else Text("lost", "yellow")
    active = wording.age(session.active_time) if session.HasField("active_time") else "-"
    return (
        Text(wording.safe(session.device.device_id)),
        stream,
        Text(wording.age(session.connect_time)),
        Text(active),
        Text(wording.safe(session.agent)),
        Text(wording.pairs(session.labels)),
    )
