"""The outbox: what is owed, what was sent, what failed; it never knows why.

A message is owed in the transaction of the change it tells of, and sent by a tick outside
any transaction. It carries a number, a tier and a link: no name, no finding. A failed
channel is tried again after 2, 10 and 30 s, then the next channel is owed at once; when
the last one has failed the message stays failed and the caller shows it.

Being sent is not being seen: only a person's acknowledgement stops an escalation.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from clinic_server.db import Database
from clinic_server.i18n import DEFAULT, t
from clinic_server.notify.models import Channel, OutboxMessage
from clinic_server.staff.models import Staff

CONSOLE = "console"
"""The screen of whoever is on duty: the channel that needs no set-up."""
RETRY_S = (2, 10, 30)
BATCH = 50


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message made ready to send."""

    message_id: int
    channel: str
    address: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Alarms that a channel took, and alarms for which the last channel has failed."""

    sent: frozenset[int]
    exhausted: frozenset[int]


Send = Callable[[str, str, str], str]
"""``(address, title, body) -> error``; an empty answer means the channel took it."""


def owe(
    session: Session,
    *,
    alarm_id: int | None,
    step: int,
    staff_id: int | None,
    occurrence: str,
    code: str,
    params: Mapping[str, Any],
    now: datetime,
) -> list[OutboxMessage]:
    """Owe a message to a person: on the console, and through the first active channel.

    While that channel is failing, through the next one as well: nobody waits for its
    retries, and it is still tried.

    Parameters
    ----------
    occurrence : str
        Names this calling; the same one again owes nothing.
    """
    channels = _channels(session)
    first = list(channels[:1])
    if first and _failing(first[0]):
        working = [one for one in channels[1:] if not _failing(one)] or channels[1:]
        first += working[:1]
    rows: list[OutboxMessage] = []
    for name in (CONSOLE, *(channel.name for channel in first)):
        row = _owe(
            session, alarm_id, step, staff_id, name, occurrence, code, dict(params), now
        )
        if row is not None:
            rows.append(row)
    return rows


def owe_outside(
    session: Session,
    *,
    staff_id: int | None,
    occurrence: str,
    code: str,
    params: Mapping[str, Any],
    now: datetime,
    every_channel: bool = False,
) -> list[OutboxMessage]:
    """Owe a message that is about no single alarm; the screen shows such things itself.

    Parameters
    ----------
    every_channel : bool
        Through each active channel (a test of all), not only through the first.
    """
    channels = _channels(session)
    rows = [
        _owe(session, None, 0, staff_id, c.name, occurrence, code, dict(params), now)
        for c in (channels if every_channel else channels[:1])
    ]
    return [row for row in rows if row is not None]


def _owe(
    session: Session,
    alarm_id: int | None,
    step: int,
    staff_id: int | None,
    channel: str,
    occurrence: str,
    code: str,
    params: dict[str, Any],
    now: datetime,
) -> OutboxMessage | None:
    key = f"{occurrence}:{staff_id}:{channel}"[:120]
    known = session.exec(select(OutboxMessage.id).where(OutboxMessage.dedupe_key == key))
    if known.first() is not None:
        return None
    row = OutboxMessage(
        alarm_id=alarm_id,
        step=step,
        staff_id=staff_id,
        channel=channel,
        dedupe_key=key,
        code=code,
        params=params,
        created_at=now,
        due_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _channels(session: Session) -> Sequence[Channel]:
    return session.exec(
        select(Channel).where(col(Channel.active).is_(True)).order_by(col(Channel.position))
    ).all()


def put_on_console(
    session: Session, staff_id: int, alarm_ids: Sequence[int], now: datetime
) -> list[int]:
    """Note that alarms have reached the connected screen of a person who was called.

    Returns
    -------
    list of int
        Alarms whose message was still owed to this person's screen.
    """
    rows = session.exec(
        select(OutboxMessage).where(
            OutboxMessage.staff_id == staff_id,
            OutboxMessage.channel == CONSOLE,
            col(OutboxMessage.sent_at).is_(None),
            col(OutboxMessage.alarm_id).in_(alarm_ids),
        )
    ).all()
    for row in rows:
        row.sent_at = now
        session.add(row)
    return sorted({row.alarm_id for row in rows if row.alarm_id is not None})


def due(session: Session, now: datetime, base_url: str) -> list[Parcel]:
    """Make ready what should be sent now, oldest first, a bounded batch."""
    channels = {channel.name: channel for channel in _channels(session)}
    rows = session.exec(
        select(OutboxMessage)
        .where(
            OutboxMessage.channel != CONSOLE,
            col(OutboxMessage.sent_at).is_(None),
            col(OutboxMessage.failed_at).is_(None),
            OutboxMessage.due_at <= now,
        )
        .order_by(col(OutboxMessage.due_at), col(OutboxMessage.id))
        .limit(BATCH)
    ).all()
    parcels: list[Parcel] = []
    for row in rows:
        staff = None if row.staff_id is None else session.get(Staff, row.staff_id)
        locale = staff.locale if staff else DEFAULT
        channel = channels.get(row.channel)
        phone = staff.phone if staff else ""
        parcels.append(
            Parcel(
                message_id=row.id or 0,
                channel=row.channel,
                # one address may serve everybody: a hospital's SMS gateway takes a number
                address=channel.address.replace("{phone}", phone) if channel else "",
                title=t("notify.title", locale),
                body=t(row.code, locale, link=_link(base_url, row), **row.params),
            )
        )
    return parcels


def _link(base_url: str, row: OutboxMessage) -> str:
    path = f"/console/alarms/{row.alarm_id}" if row.alarm_id else row.params.get("path", "")
    return f"{base_url}{path}"


def send_all(
    parcels: Sequence[Parcel], send: Send, note: Callable[[Mapping[int, str]], None]
) -> None:
    """Send outside any transaction: channels side by side, each one message at a time.

    What became of a message is noted before the channel's next one is sent: killed at any
    moment, at most one message per channel is sent again. When a channel fails, the rest
    of its batch counts as tried in vain: a channel that hangs must not cost every message
    its own time-out.

    Parameters
    ----------
    note : callable
        Given messages and their errors (empty: taken); from several threads.
    """
    if not parcels:
        return
    by_channel: dict[str, list[Parcel]] = {}
    for parcel in parcels:
        by_channel.setdefault(parcel.channel, []).append(parcel)

    def drain(mine: list[Parcel]) -> None:
        for i, parcel in enumerate(mine):
            error = "channel_gone"
            if parcel.address:
                error = send(parcel.address, parcel.title, parcel.body)
            if error:
                note({p.message_id: error for p in mine[i:]})
                return
            note({parcel.message_id: ""})

    with ThreadPoolExecutor(max_workers=len(by_channel)) as pool:
        for done in [pool.submit(drain, mine) for mine in by_channel.values()]:
            done.result()


def settle(session: Session, errors: Mapping[int, str], now: datetime) -> Settled:
    """Write down what became of messages; owe the next channel where one has failed."""
    sent: set[int] = set()
    exhausted: set[int] = set()
    channels = _channels(session)
    for message_id, error in errors.items():
        row = session.get(OutboxMessage, message_id)
        if row is None or row.sent_at is not None or row.failed_at is not None:
            continue
        row.attempts += 1
        channel = next((c for c in channels if c.name == row.channel), None)
        if not error:
            row.sent_at, row.error = now, ""
            if channel:
                channel.last_ok_at = now
            if row.alarm_id is not None:
                sent.add(row.alarm_id)
        else:
            row.error = error[:200]
            if channel:
                channel.last_error_at = now
            if row.attempts <= len(RETRY_S):
                row.due_at = now + timedelta(seconds=RETRY_S[row.attempts - 1])
            else:
                row.failed_at = now
                if not _next_channel(session, row, channels, now) and row.alarm_id:
                    exhausted.add(row.alarm_id)
        session.add(row)
        if channel:
            session.add(channel)
    session.flush()
    return Settled(frozenset(sent), frozenset(exhausted))


def _next_channel(
    session: Session, row: OutboxMessage, channels: Sequence[Channel], now: datetime
) -> bool:
    names = [channel.name for channel in channels]
    # a channel that was removed since has no place: begin with the first one again
    position = names.index(row.channel) + 1 if row.channel in names else 0
    if position >= len(names):
        return False
    occurrence = row.dedupe_key.removesuffix(f":{row.staff_id}:{row.channel}")
    _owe(
        session,
        row.alarm_id,
        row.step,
        row.staff_id,
        names[position],
        occurrence,
        row.code,
        dict(row.params),
        now,
    )
    return True


def all_failing(session: Session) -> bool:
    """Say whether channels exist and the last try of each of them failed."""
    channels = _channels(session)
    return bool(channels) and all(map(_failing, channels))


def _failing(channel: Channel) -> bool:
    """Say whether the last try of a channel failed."""
    error_at, ok_at = channel.last_error_at, channel.last_ok_at
    return error_at is not None and (ok_at is None or error_at > ok_at)


def every_channel(session: Session) -> Sequence[Channel]:
    """Give all channels, also those switched off, in their order."""
    return session.exec(select(Channel).order_by(col(Channel.position))).all()


def save_channel(
    session: Session, *, name: str, address: str, position: int, active: bool = True
) -> Channel:
    """Add or change a channel (administrator)."""
    row = session.exec(select(Channel).where(Channel.name == name)).first()
    if row is None:
        row = Channel(name=name, address=address, position=position, active=active)
    row.address, row.position, row.active = address, position, active
    session.add(row)
    session.flush()
    return row


def try_channel(db: Database, name: str, send: Send, now: datetime) -> str:
    """Send a test message through one channel; the administrator's button.

    Returns
    -------
    str
        Empty when the channel took it, else what went wrong.
    """
    with db.read() as session:
        channel = session.exec(select(Channel).where(Channel.name == name)).first()
        address = channel.address if channel else ""
    error = send(address, t("notify.title"), t("notify.test")) if address else "unknown"
    with db.write() as session:
        channel = session.exec(select(Channel).where(Channel.name == name)).first()
        if channel is not None:
            if error:
                channel.last_error_at = now
            else:
                channel.last_ok_at = now
            session.add(channel)
    return error
