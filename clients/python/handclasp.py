"""Drives `handclasp serve` through its control socket: many streams on one connection.

    async with handclasp.connect("/run/handclasp/control.sock") as daemon:
        async with await daemon.open(plugin="dtls-srtp", controlling=True) as stream:
            async for event in stream:
                message = event.for_peer(stream.peer_role)
                if message is not None:
                    await signalling.send(message)
                elif isinstance(event, handclasp.ComponentStateReady):
                    ...

Events carry keys and passwords: they are left out of the `repr` of an event, but not of its fields.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import json
import logging
import os
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import (
    Any,
    Callable,
    Literal,
    TypedDict,
    Union,
    cast,
)

__version__ = "0.1.0"

Role = Literal["initiator", "responder"]
"""Who starts a handshake. The initiator is the stream that is controlling."""

Message = dict[str, Any]
"""A message for a stream, as JSON has it: its field `message`, and the fields of its kind."""

Address = Union[str, "os.PathLike[str]", tuple[str, int]]
"""The path of a Unix socket, or a host and a port."""

OptionValue = Union[str, bool, int, float, Sequence[Union[str, bool, int, float]]]
"""What an option of a plugin's is set to: one value, or several."""

_log = logging.getLogger("handclasp")

_MAX_SENT = 1 << 20
"""Bytes of a line that the daemon reads."""
_MAX_READ = 64 << 20
"""Bytes of a line beyond which what is read cannot be the daemon's."""
_OVERHEAD = 512
"""Bytes that an event takes beside those of its line, roughly."""


# What goes wrong.


class HandclaspError(Exception):
    """What this module raises."""


class Refused(HandclaspError):
    """The daemon has not done what it was asked for."""

    def __init__(self, request: str, kind: str, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.request = request
        """What was asked for, such as `open`."""
        self.kind = kind
        """For programs: a word such as `name_taken` or `rate`. Later releases may have others."""
        self.sentence = sentence
        """For people: what is wrong, and what to do."""
        self.retry_after = retry_after
        """Seconds after which it may be worth asking again, if it may."""


class Disconnected(HandclaspError):
    """There is no connection to the daemon any more, or there was none."""


class ProtocolError(Disconnected):
    """What came is not what a daemon says. The connection is closed."""


class Ended(HandclaspError):
    """The stream has ended: it takes no messages."""


# What a stream says.


@dataclass(frozen=True)
class Event:
    """Something that a stream or the daemon tells.

    One that this release of the module does not know is an `Event` and nothing more. Fields that it does not know are
    in `fields`.
    """

    event: str
    """Its name, such as `component_state_ready`."""
    stream: str | None
    """The stream that it is about, if it is about one."""
    fields: Mapping[str, Any] = dataclasses.field(repr=False, compare=False)
    """All of it, as JSON has it."""

    def for_peer(self, role: Role) -> Message | None:
        """The message for the other side's stream, whose role this is; `None` if the other side need not know."""
        return None


@dataclass(frozen=True)
class HandshakeInitData(Event):
    """What the plugin's `init` produced for the peer; again with each new association."""

    component_id: int
    init_data: bytes = dataclasses.field(repr=False)
    association: int | None
    payload_protection: str | None

    def for_peer(self, role: Role) -> Message | None:
        message: Message = {
            "message": "set_peer_init_data",
            "component_id": self.component_id,
            "role": role,
            "init_data": _base64(self.init_data),
        }
        if self.association is not None:
            message["association"] = self.association
        if self.payload_protection is not None:
            message["payload_protection"] = self.payload_protection
        return message


@dataclass(frozen=True)
class LocalCredentials(Event):
    """This side's `ufrag pwd`: once at the start, and at each ICE restart."""

    credentials: str = dataclasses.field(repr=False)
    generation: int | None

    def for_peer(self, role: Role) -> Message | None:
        message = {"message": "set_remote_credentials", "credentials": self.credentials}
        return message if self.generation is None else {**message, "generation": self.generation}


@dataclass(frozen=True)
class NewCandidateFull(Event):
    """A local candidate."""

    component_id: int
    candidate: str

    def for_peer(self, role: Role) -> Message | None:
        return {
            "message": "set_remote_candidate",
            "component_id": self.component_id,
            "candidate": self.candidate,
        }


@dataclass(frozen=True)
class CandidateGatheringDone(Event):
    """All local candidates are known, or have been waited for long enough."""

    def for_peer(self, role: Role) -> Message | None:
        return {"message": "peer_candidate_gathering_done"}


@dataclass(frozen=True)
class NewRemoteCandidateFull(Event):
    """A candidate of the peer's was taken in."""

    component_id: int
    candidate: str


@dataclass(frozen=True)
class NewSelectedPair(Event):
    """ICE selected a pair of addresses, the first or another."""

    component_id: int
    local: str
    remote: str
    transport: str
    """`udp` or `tcp`."""


@dataclass(frozen=True)
class HandshakeData(Event):
    """What the handshake agreed on, in the plugin's format: keys."""

    component_id: int
    handshake_data: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True)
class ComponentStateReady(Event):
    """The handshake has finished here and ICE is connected: data flows."""

    component_id: int
    handshake_data: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True)
class ExportedKey(Event):
    """A key that was asked for."""

    component_id: int
    label: str
    key: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True)
class CouldNotExportKey(Event):
    """A key that was asked for cannot be had."""

    component_id: int
    label: str
    reason: str


@dataclass(frozen=True)
class ComponentStateDisconnected(Event):
    """The peer is silent: nothing is sent until it is heard again, or the component fails."""

    component_id: int


@dataclass(frozen=True)
class ComponentStateFailed(Event):
    """The component's end; others go on."""

    component_id: int
    kind: str
    """For programs, such as `ice` or `handshake_timeout`."""
    reason: str
    """For people."""


@dataclass(frozen=True)
class ComponentClosed(Event):
    """The component's orderly end."""

    component_id: int
    by_peer: bool


@dataclass(frozen=True)
class CouldNotSendPayload(Event):
    """A datagram was not sent, or several that waited when the stream ended."""

    component_id: int
    reason: str


@dataclass(frozen=True)
class LocalSdp(Event):
    """This side's description, as asked for."""

    sdp: str = dataclasses.field(repr=False)

    def for_peer(self, role: Role) -> Message | None:
        return {"message": "parse_remote_sdp", "sdp": self.sdp}


@dataclass(frozen=True)
class IcePayload(Event):
    """A datagram from the peer."""

    component_id: int
    payload: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True)
class WarningEvent(Event):
    """Something the operator should read."""

    warning: str


@dataclass(frozen=True)
class ErrorEvent(Event):
    """A message was not understood, or refused; nothing has changed."""

    line: int
    """The number that `Stream.send` returned for it."""
    column: int | None
    """Where in the line, in bytes, counted from 1; `None` if it was understood, but refused."""
    error: str


@dataclass(frozen=True)
class Stopped(Event):
    """The last event of a stream."""


@dataclass(frozen=True)
class Lost(Event):
    """Told by this module, not by the daemon: events came that were read too slowly, and were dropped here."""

    datagrams: int
    events: int
    """Others than datagrams."""


# What happens to the daemon as a whole.


@dataclass(frozen=True)
class StreamOpened(Event):
    plugin: str
    generation: int


@dataclass(frozen=True)
class StreamReady(Event):
    """All components of a stream are ready."""

    seconds: float
    """Since it was opened."""


@dataclass(frozen=True)
class StreamFailed(Event):
    """A component of a stream has failed."""

    component_id: int
    kind: str
    reason: str


@dataclass(frozen=True)
class StreamEnded(Event):
    pass


@dataclass(frozen=True)
class OpenRefused(Event):
    kind: str
    reason: str


@dataclass(frozen=True)
class GenerationLoaded(Event):
    """A file has become a generation of its plugin."""

    plugin: str
    generation: int
    version: str
    sha256: str
    file: str
    canary: bool


@dataclass(frozen=True)
class GenerationEnded(Event):
    """The last stream of a generation has ended, and another has taken its place."""

    plugin: str
    generation: int


@dataclass(frozen=True)
class PluginRefused(Event):
    """A file is not used."""

    plugin: str | None
    file: str
    reason: str


@dataclass(frozen=True)
class PluginRetired(Event):
    """A plugin's file is gone."""

    plugin: str
    file: str


@dataclass(frozen=True)
class CanaryPromoted(Event):
    plugin: str
    generation: int


@dataclass(frozen=True)
class CanaryWentBack(Event):
    plugin: str
    generation: int
    reason: str


@dataclass(frozen=True)
class PluginQuarantined(Event):
    plugin: str
    reason: str


@dataclass(frozen=True)
class PluginReleased(Event):
    plugin: str


@dataclass(frozen=True)
class Reloaded(Event):
    """The configuration was read again, and is in force."""

    restart_needed: tuple[str, ...]


@dataclass(frozen=True)
class Draining(Event):
    """No stream is opened any more."""


@dataclass(frozen=True)
class TakenOver(Event):
    """Another daemon has taken over: connect to it to open streams. Those of this connection go on.

    `socket` is where this daemon takes connections from now on.
    """

    socket: str | None


# What requests are answered with. Later releases may add fields.


class _ComponentStatus(TypedDict):
    component_id: int
    state: str


class ComponentStatus(_ComponentStatus, total=False):
    """What a component has come to."""

    connected_after: float
    ready_after: float
    local: str
    remote: str
    transport: str
    reason: str


class _StreamStatus(TypedDict):
    stream: str
    plugin: str
    generation: int
    state: str
    seconds: float
    controlling: bool
    detached: bool
    attached: bool
    components: list[ComponentStatus]


class StreamStatus(_StreamStatus, total=False):
    """A stream as operators see it."""

    reason: str


class GenerationStatus(TypedDict):
    """A file of a plugin that is or was in use."""

    generation: int
    state: str
    version: str
    sha256: str
    file: str
    since: int
    streams: int
    opened: int
    ready: int
    failed: int


class _PluginStatus(TypedDict):
    plugin: str
    state: str
    generations: list[GenerationStatus]


class PluginStatus(_PluginStatus, total=False):
    """A plugin of the daemon's."""

    reason: str


class _DaemonStatus(TypedDict):
    version: str
    process: int
    seconds: float
    streams: int
    half_open: int
    draining: bool


class DaemonStatus(_DaemonStatus, total=False):
    """The daemon as a whole."""

    predecessor: int


class ReloadResult(TypedDict):
    """What reading the configuration again has come to."""

    changed: list[str]
    restart_needed: list[str]
    loaded: list[tuple[str, int]]
    retired: list[str]


# From lines to events.


def _base64(data: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(data).decode("ascii")


class _Malformed(Exception):
    """A field is not what it should be."""


def _read_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _Malformed from None


def _read_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Malformed
    return tuple(value)


def _reader(*types: type[Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) not in types:
            raise _Malformed
        return value

    return read


_READERS: dict[str, Callable[[Any], Any]] = {
    "int": _reader(int),
    "float": _reader(int, float),
    "str": _reader(str),
    "bool": _reader(bool),
    "bytes": _read_bytes,
    "int | None": _reader(int, type(None)),
    "str | None": _reader(str, type(None)),
    "tuple[str, ...]": _read_texts,
}
"""How a field of an event is read, by its type."""


class _Kind:
    """How events of one name are read."""

    def __init__(self, kind: type[Event]) -> None:
        self.kind = kind
        self.fields = [
            (field.name, _READERS[str(field.type)])
            for field in dataclasses.fields(kind)[len(dataclasses.fields(Event)) :]
        ]

    def read(self, name: str, stream: str | None, line: dict[str, Any]) -> Event:
        values = {}
        for field, read in self.fields:
            try:
                values[field] = read(line.get(field))
            except _Malformed:
                raise ProtocolError(f"the event {name} has no right field {field}") from None
        return self.kind(event=name, stream=stream, fields=line, **values)


_OF_STREAMS: dict[str, _Kind] = {
    name: _Kind(kind)
    for name, kind in {
        "handshake_init_data": HandshakeInitData,
        "local_credentials": LocalCredentials,
        "new_candidate_full": NewCandidateFull,
        "candidate_gathering_done": CandidateGatheringDone,
        "new_remote_candidate_full": NewRemoteCandidateFull,
        "new_selected_pair": NewSelectedPair,
        "handshake_data": HandshakeData,
        "component_state_ready": ComponentStateReady,
        "exported_key": ExportedKey,
        "could_not_export_key": CouldNotExportKey,
        "component_state_disconnected": ComponentStateDisconnected,
        "component_state_failed": ComponentStateFailed,
        "component_closed": ComponentClosed,
        "could_not_send_payload": CouldNotSendPayload,
        "local_sdp": LocalSdp,
        "ice_payload": IcePayload,
        "warning": WarningEvent,
        "error": ErrorEvent,
        "stopped": Stopped,
    }.items()
}

_NEWS: dict[str, _Kind] = {
    name: _Kind(kind)
    for name, kind in {
        "stream_opened": StreamOpened,
        "stream_ready": StreamReady,
        "stream_failed": StreamFailed,
        "stream_ended": StreamEnded,
        "open_refused": OpenRefused,
        "generation_loaded": GenerationLoaded,
        "generation_ended": GenerationEnded,
        "plugin_refused": PluginRefused,
        "plugin_retired": PluginRetired,
        "canary_promoted": CanaryPromoted,
        "canary_went_back": CanaryWentBack,
        "plugin_quarantined": PluginQuarantined,
        "plugin_released": PluginReleased,
        "reloaded": Reloaded,
        "draining": Draining,
        "taken_over": TakenOver,
    }.items()
}


def _read_event(line: dict[str, Any], kinds: Mapping[str, _Kind]) -> Event:
    name, stream = line["event"], line.get("stream")
    if not isinstance(name, str) or not isinstance(stream, (str, type(None))):
        raise ProtocolError("an event has no name, or no right field stream")
    kind = kinds.get(name)
    return Event(name, stream, line) if kind is None else kind.read(name, stream, line)


class _Inbox:
    """Events that wait for whoever reads them, in bounded memory. Whoever puts one in waits for nothing."""

    def __init__(self, stream: str | None, limits: _Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._waiting: deque[tuple[Event | None, int]] = deque()  # None stands for what was lost there
        self._event_bytes = 0
        self._datagram_bytes = 0
        self._lost = [0, 0]
        self._has_ended = False
        self._error: Disconnected | None = None
        self._reader: asyncio.Future[None] | None = None
        self.dropped_datagrams = 0

    def put(self, event: Event, size: int) -> None:
        size += _OVERHEAD
        if isinstance(event, IcePayload):
            if self._datagram_bytes + size > self._limits.datagram_bytes:
                self.dropped_datagrams += 1
                return self._lose(0)
            self._datagram_bytes += size
        else:
            # The last event is always told.
            if self._event_bytes + size > self._limits.event_bytes and not isinstance(event, Stopped):
                return self._lose(1)
            self._event_bytes += size
        self._waiting.append((event, size))
        self._wake()

    def _lose(self, what: int) -> None:
        if self._lost == [0, 0]:
            self._waiting.append((None, 0))
            self._wake()
        self._lost[what] += 1

    def end(self, error: Disconnected | None = None) -> None:
        """Nothing more is put in; `error` is raised once all is read."""
        if not self._has_ended:
            self._has_ended, self._error = True, error
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def next(self) -> Event:
        while not self._waiting:
            if self._has_ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._reader is not None:
                raise RuntimeError("these events are being read by another task already")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        event, size = self._waiting.popleft()
        if event is None:
            (datagrams, events), self._lost = self._lost, [0, 0]
            fields = {"event": "lost", "datagrams": datagrams, "events": events}
            return Lost("lost", self._stream, fields, datagrams, events)
        if isinstance(event, IcePayload):
            self._datagram_bytes -= size
        else:
            self._event_bytes -= size
        return event


@dataclass(frozen=True)
class _Limits:
    """Bytes of one stream's events that wait to be read."""

    event_bytes: int
    datagram_bytes: int


# The connection.


@dataclass
class _Pending:
    """A request that is not answered yet."""

    id: int
    request: str
    answer: asyncio.Future[dict[str, Any]]
    answered: Callable[[dict[str, Any], bool], None] | None
    """Called with the answer, and whether somebody still waits for it, before any line that follows is read."""
    parts: list[Any] = dataclasses.field(default_factory=list)


class _Connection(asyncio.Protocol):
    """Lines to and from the daemon. What comes is taken at once, whoever is slow to read it."""

    def __init__(
        self,
        on_event: Callable[[dict[str, Any], int], None],
        on_end: Callable[[Disconnected | None], None],
    ) -> None:
        self._on_event = on_event
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._part: list[bytes] = []
        self._part_size = 0
        self._pending: deque[_Pending] = deque()
        self._next_id = 1
        self._lines = 0
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_closing = False
        self._error: Disconnected | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def data_received(self, data: bytes) -> None:
        if self._error is not None:
            return
        end = data.rfind(b"\n")
        if end < 0:
            self._part.append(data)
            self._part_size += len(data)
        else:
            whole = b"".join((*self._part, data[:end]))
            self._part, self._part_size = [data[end + 1 :]], len(data) - end - 1
            try:
                for line in whole.split(b"\n"):
                    if line and not line.isspace():
                        self._take(line)
            except ProtocolError as error:
                return self._fail(error)
        if self._part_size > _MAX_READ:
            self._fail(ProtocolError(f"a line is longer than {_MAX_READ} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        error = self._error
        if error is None and not self._is_closing:
            if exc is not None:
                error = Disconnected(f"the connection to the daemon is broken: {exc}")
            elif self._part_size:
                error = Disconnected("the daemon has ended the connection in the middle of a line")
            else:
                error = Disconnected("the daemon has ended the connection")
        self._error = error or Disconnected("the connection was closed here")
        self._part, self._part_size = [], 0
        for pending in self._pending:
            if not pending.answer.done():
                pending.answer.set_exception(self._error)
                pending.answer.exception()  # whoever waited for it may be gone
        self._pending.clear()
        self._on_end(error)
        self._can_write.set()
        if not self._lost.done():
            self._lost.set_result(None)

    # What came.

    def _fail(self, error: ProtocolError) -> None:
        self._error = error
        if self._transport is not None:
            self._transport.abort()

    def _take(self, text: bytes) -> None:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            raise ProtocolError("a line is not JSON") from None
        if not isinstance(line, dict):
            raise ProtocolError("a line is not a JSON object")
        if "response" in line:
            self._take_response(line)
        elif "event" in line:
            self._on_event(line, len(text))
        # Anything else is of a later release.

    def _take_response(self, line: dict[str, Any]) -> None:
        if not self._pending or line.get("id", self._pending[0].id) != self._pending[0].id:
            raise ProtocolError("a response does not belong to the request that is to be answered next")
        pending = self._pending[0]
        if pending.request == "streams" and "error" not in line:
            pending.parts.extend(line.get("streams", ()))
            if line.get("more"):
                return
            line["streams"] = pending.parts
        self._pending.popleft()
        is_wanted = not pending.answer.done()
        if "error" in line:
            if is_wanted:
                refused = Refused(
                    pending.request,
                    str(line.get("kind", "")),
                    str(line["error"]),
                    _seconds(line.get("retry_after")),
                )
                pending.answer.set_exception(refused)
            return
        if pending.answered is not None:
            try:
                pending.answered(line, is_wanted)
            except ProtocolError as error:
                if is_wanted:
                    pending.answer.set_exception(error)
                raise
        if is_wanted:
            pending.answer.set_result(line)

    # What is sent.

    def write(self, line: Mapping[str, Any]) -> int:
        """Sends a line, and returns its number, counted from 1."""
        text = json.dumps(line, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        if len(text) > _MAX_SENT:
            raise ValueError(f"a line of {len(text)} bytes is longer than the daemon reads: {_MAX_SENT}")
        if self._error is not None:
            raise self._error
        if self._transport is None or self._is_closing:
            raise Disconnected("the connection was closed here")
        self._transport.write(text + b"\n")
        self._lines += 1
        return self._lines

    async def drain(self) -> None:
        """Waits until the daemon reads what was sent."""
        if not self._can_write.is_set():
            await self._can_write.wait()
            if self._error is not None:
                raise self._error

    async def ask(
        self,
        request: str,
        fields: Mapping[str, Any],
        answered: Callable[[dict[str, Any], bool], None] | None = None,
    ) -> dict[str, Any]:
        number = self._next_id
        self.write({"request": request, "id": number, **fields})
        self._next_id += 1
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._pending.append(_Pending(number, request, answer, answered))
        await self.drain()
        return await answer

    async def close(self, within: float) -> None:
        """Sends nothing more, and reads what the daemon still has to say."""
        if self._transport is None:
            return
        if not self._is_closing:
            self._is_closing = True
            if self._transport.can_write_eof() and not self._transport.is_closing():
                self._transport.write_eof()
            else:
                self._transport.close()
        try:
            await asyncio.wait([self._lost], timeout=within)
        finally:
            if not self._lost.done():
                self._transport.abort()
        if not self._lost.done():
            await asyncio.wait([self._lost], timeout=within)


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


@dataclass(frozen=True)
class _Place:
    """Where a daemon is, and how it is talked to."""

    address: Address
    token: str | None = dataclasses.field(repr=False)
    limits: _Limits
    on_event: Callable[[Event], None]

    async def connect(
        self,
        on_event: Callable[[dict[str, Any], int], None],
        on_end: Callable[[Disconnected | None], None],
    ) -> _Connection:
        loop = asyncio.get_running_loop()

        def make() -> _Connection:
            return _Connection(on_event, on_end)

        try:
            if isinstance(self.address, tuple):
                _, connection = await loop.create_connection(make, *self.address)
            else:
                _, connection = await loop.create_unix_connection(make, os.fspath(self.address))
        except OSError as error:
            raise Disconnected(f"there is no daemon at {_shown(self.address)}: {error}") from error
        if self.token is not None:
            try:
                await connection.ask("authenticate", {"token": self.token})
            except BaseException:
                await connection.close(0)
                raise
        return connection


def _shown(address: Address) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else os.fspath(address)


def default_socket() -> str:
    """Where a daemon's control socket is that is not told otherwise."""
    if os.geteuid() == 0:
        return "/run/handclasp/control.sock"
    directory = os.environ.get("XDG_RUNTIME_DIR")
    if not directory:
        raise Disconnected("there is no default socket, as XDG_RUNTIME_DIR is not set: name the daemon's")
    return os.path.join(directory, "handclasp", "control.sock")


def _log_event(event: Event) -> None:
    if isinstance(event, WarningEvent):
        _log.warning("%s", event.warning)
    elif isinstance(event, ErrorEvent):
        _log.warning("stream %s, line %d: %s", event.stream, event.line, event.error)
    else:
        _log.debug("an event of no stream here: %s", event.event)


class Connecting:
    """What `connect` returns: to be awaited, or to be entered with `async with`."""

    def __init__(self, place: _Place) -> None:
        self._place = place
        self._daemon: Daemon | None = None

    def __await__(self) -> Generator[Any, None, Daemon]:
        return Daemon._connect(self._place).__await__()

    async def __aenter__(self) -> Daemon:
        self._daemon = await self
        return self._daemon

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._daemon is not None:
            await self._daemon.close()


def connect(
    address: Address | None = None,
    *,
    token: str | None = None,
    event_bytes: int = 1 << 20,
    datagram_bytes: int = 1 << 20,
    on_event: Callable[[Event], None] = _log_event,
) -> Connecting:
    """Connects to a daemon: to the Unix socket at this path, or over TCP to a host and port, with its token.

    Of each stream events of `event_bytes` at most wait to be read, and datagrams of `datagram_bytes`; each counts 512
    bytes on top of its own. What is beyond is dropped, and told as `Lost`. `on_event` is called with events that belong
    to no stream of this connection, such as a warning that the connection is read too slowly; it logs them by default.

    Raises `Disconnected` if nobody is there, and `Refused` if the token is wrong.
    """
    place = _Place(
        default_socket() if address is None else address,
        token,
        _Limits(event_bytes, datagram_bytes),
        on_event,
    )
    return Connecting(place)


# Streams.

_OF_PEER: dict[str, tuple[str, ...]] = {
    "set_peer_init_data": ("component_id", "role", "init_data", "association", "payload_protection"),
    "set_remote_credentials": ("credentials", "generation"),
    "set_remote_candidate": ("component_id", "candidate"),
    "peer_candidate_gathering_done": (),
    "parse_remote_sdp": ("sdp",),
}
"""What the other side may say to a stream."""


class Stream:
    """A stream of the daemon's: says events, and takes messages.

    Events are read by `async for`, by one task at a time; the iteration ends after `Stopped`, and raises `Disconnected`
    if the connection ends before that. As an `async with` it is stopped at the end, and its end is waited for.

    Each message returns the number of its line, which an `ErrorEvent` has if the daemon refuses it. It waits while the
    daemon does not read what was sent before, and raises `Ended` once the stream has ended.
    """

    def __init__(self, daemon: Daemon, name: str, plugin: str, generation: int, controlling: bool) -> None:
        self._daemon = daemon
        self._inbox = _Inbox(name, daemon._place.limits)
        self.name = name
        self.plugin = plugin
        self.generation = generation
        """Which generation of its plugin it has."""
        self.controlling = controlling
        self.has_ended = False
        """Whether `Stopped` has come, though it may wait to be read."""

    def __repr__(self) -> str:
        return f"<Stream {self.name} with {self.plugin}>"

    @property
    def role(self) -> Role:
        """Its role in the handshake."""
        return "initiator" if self.controlling else "responder"

    @property
    def peer_role(self) -> Role:
        """Its peer's role in the handshake."""
        return "responder" if self.controlling else "initiator"

    @property
    def dropped_datagrams(self) -> int:
        """How many datagrams were dropped here, because they were not read."""
        return self._inbox.dropped_datagrams

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Event:
        return await self._inbox.next()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if not self.has_ended:
                await self.stop()
            async for _ in self:
                pass
        except (Ended, Disconnected):
            pass  # it has ended, and whatever ended it is told elsewhere

    async def send(self, message: Mapping[str, Any]) -> int:
        """Sends a message as it is, such as what `Event.for_peer` returned on the other side."""
        if self.has_ended:
            raise Ended(f"stream {self.name} has ended")
        connection = self._daemon._connection
        line = connection.write({**message, "stream": self.name})
        await connection.drain()
        return line

    async def from_peer(self, message: Mapping[str, Any]) -> int:
        """Sends a message that came from the other side, which need not be trusted.

        It must be one of those that `Event.for_peer` makes, else `ValueError` is raised. The role is this stream's own.
        """
        fields = _OF_PEER.get(str(message.get("message")))
        if fields is None:
            raise ValueError("the other side may not send this message")
        unknown = [key for key in message if key != "message" and key not in fields]
        if unknown:
            raise ValueError("the other side's message has fields that are not known")
        if message["message"] == "set_peer_init_data":
            message = {**message, "role": self.role}
        return await self.send(message)

    async def _send(self, message: str, **fields: Any) -> int:
        given = {key: value for key, value in fields.items() if value is not None}
        return await self.send({"message": message, **given})

    async def set_remote_credentials(self, credentials: str, generation: int | None = None) -> int:
        """The peer's `ufrag pwd`."""
        return await self._send("set_remote_credentials", credentials=credentials, generation=generation)

    async def set_remote_candidate(self, candidate: str, component_id: int = 1) -> int:
        """A candidate of the peer's, `candidate:…`."""
        return await self._send("set_remote_candidate", candidate=candidate, component_id=component_id)

    async def parse_remote_sdp(self, sdp: str) -> int:
        """The peer's description: credentials, candidates, init data, who starts."""
        return await self._send("parse_remote_sdp", sdp=sdp)

    async def generate_local_sdp(self) -> int:
        """Asks for `LocalSdp`."""
        return await self._send("generate_local_sdp")

    async def peer_candidate_gathering_done(self) -> int:
        """The peer has no more candidates."""
        return await self._send("peer_candidate_gathering_done")

    async def gather_candidates(self) -> int:
        """Looks for local addresses again, and asks servers again that did not answer."""
        return await self._send("gather_candidates")

    async def restart_stream(self) -> int:
        """Restarts ICE with new credentials; the handshake stays, and data goes on."""
        return await self._send("restart_stream")

    async def set_peer_init_data(
        self,
        init_data: bytes,
        component_id: int = 1,
        *,
        role: Role | None = None,
        association: int | None = None,
        payload_protection: str | None = None,
    ) -> int:
        """What the peer's `init` produced, and this side's role, which is the stream's own if it is left out."""
        return await self._send(
            "set_peer_init_data",
            component_id=component_id,
            role=role or self.role,
            init_data=_base64(init_data),
            association=association,
            payload_protection=payload_protection,
        )

    async def listen(self, component_id: int = 1) -> int:
        """Asks for `HandshakeData` again."""
        return await self._send("listen", component_id=component_id)

    async def export_key(self, label: str, length: int, component_id: int = 1, *, context: bytes | None = None) -> int:
        """Asks for `ExportedKey`, of `length` bytes."""
        return await self._send(
            "export_key",
            component_id=component_id,
            label=label,
            context=None if context is None else _base64(context),
            length=length,
        )

    async def send_payload(self, payload: bytes | bytearray | memoryview, component_id: int = 1) -> int:
        """Sends a datagram of 1 to 65507 bytes to the peer, as it is: encrypt it before."""
        return await self._send("send_payload", component_id=component_id, payload=_base64(payload))

    async def close(self) -> int:
        """Lets every handshake say its last words; the stream stays to report it."""
        return await self._send("close")

    async def stop(self) -> int:
        """Closes and ends the stream: `Stopped` follows."""
        return await self._send("stop")


class News:
    """What happens to the daemon as a whole, read by `async for`. It has a connection of its own."""

    def __init__(self, limits: _Limits) -> None:
        self._inbox = _Inbox(None, limits)
        self._connection: _Connection | None = None

    def __aiter__(self) -> News:
        return self

    async def __anext__(self) -> Event:
        return await self._inbox.next()

    async def __aenter__(self) -> News:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Nothing more is told."""
        self._inbox.end()
        if self._connection is not None:
            await self._connection.close(1)

    def _take(self, line: dict[str, Any], size: int) -> None:
        self._inbox.put(_read_event(line, _NEWS), size)


class _Gate:
    """Lets through one task at a time, in their order."""

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def enter(self, until: float) -> bool:
        """Returns whether that was in time."""
        if not self._is_held:
            self._is_held = True
            return True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(turn)

        def is_late() -> None:
            if not turn.done():
                turn.set_result(False)

        late = loop.call_at(until, is_late)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()
            raise
        finally:
            late.cancel()

    def leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn.set_result(True)
        self._is_held = False


class Daemon:
    """A connection to a daemon, made by `connect`. The streams that it has opened end with it, but for detached ones.

    Every request raises `Refused` if the daemon does not do it, and `Disconnected` if the connection ends.
    """

    def __init__(self, place: _Place) -> None:
        self._place = place
        self._connection: _Connection  # by _connect, which alone makes a Daemon
        self._streams: dict[str, Stream] = {}
        self._gates: dict[tuple[str, str | None], _Gate] = {}

    @classmethod
    async def _connect(cls, place: _Place) -> Daemon:
        daemon = cls(place)
        daemon._connection = await place.connect(daemon._take, daemon._end)
        return daemon

    async def close(self, within: float = 6.0) -> None:
        """Ends the connection, and with it the streams that it has opened, but for detached ones.

        What they say to their end can still be read. The daemon may take `within` seconds to end it on its side.
        """
        await self._connection.close(within)

    def _take(self, line: dict[str, Any], size: int) -> None:
        event = _read_event(line, _OF_STREAMS)
        stream = None if event.stream is None else self._streams.get(event.stream)
        if stream is None:
            return self._place.on_event(event)
        stream._inbox.put(event, size)
        if isinstance(event, Stopped):
            del self._streams[stream.name]
            stream.has_ended = True
            stream._inbox.end()

    def _end(self, error: Disconnected | None) -> None:
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream._inbox.end(error)

    def _add(self, line: Mapping[str, Any], controlling: bool) -> Stream:
        name, plugin, generation = line.get("stream"), line.get("plugin"), line.get("generation")
        if not isinstance(name, str) or not isinstance(plugin, str) or not isinstance(generation, int):
            raise ProtocolError("the response has no right fields stream, plugin and generation")
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(self, name, plugin, generation, controlling)
        return stream

    async def open(
        self,
        *,
        plugin: str | None = None,
        controlling: bool = False,
        options: Mapping[str, OptionValue] | None = None,
        name: str | None = None,
        detached: bool = False,
        components: int | None = None,
        own_ports: bool = False,
        ice_lite: bool | None = None,
        hide_addresses: bool | None = None,
        mtu: int | None = None,
        init_timeout: float | None = None,
        handshake_timeout: float | None = None,
        ice_timeout: float | None = None,
        retry: float = 0.0,
    ) -> Stream:
        """Opens a stream; what is left out is as the daemon is configured.

        A daemon that is too busy says when to ask again. Within `retry` seconds that is done, in the order of the
        calls; after them `Refused` is raised, as it is at once for other reasons. If the caller is cancelled, the
        stream is stopped.
        """
        fields: dict[str, Any] = {
            "plugin": plugin,
            "controlling": controlling or None,
            "options": options,
            "name": name,
            "detached": detached or None,
            "components": components,
            "own_ports": own_ports or None,
            "ice_lite": ice_lite,
            "hide_addresses": hide_addresses,
            "mtu": mtu,
            "init_timeout": init_timeout,
            "handshake_timeout": handshake_timeout,
            "ice_timeout": ice_timeout,
        }
        fields = {key: value for key, value in fields.items() if value is not None}
        loop = asyncio.get_running_loop()
        until = loop.time() + retry
        try:
            return await self._open(fields, controlling)
        except Refused as error:
            refused = error
        # One call at a time asks again for all that wait for the same: else they would wake together.
        key = (refused.kind, plugin if refused.kind == "plugin_streams" else None)
        gate = self._gates.setdefault(key, _Gate())
        if refused.retry_after is None or not await gate.enter(until):
            raise refused
        try:
            while True:
                wait = max(refused.retry_after or 0.0, 0.001)
                if loop.time() + wait > until:
                    raise refused
                await asyncio.sleep(wait)
                try:
                    return await self._open(fields, controlling)
                except Refused as error:
                    refused = error
                    if refused.retry_after is None:
                        raise
        finally:
            gate.leave()

    async def _open(self, fields: Mapping[str, Any], controlling: bool) -> Stream:
        opened: list[Stream] = []

        def answered(line: dict[str, Any], is_wanted: bool) -> None:
            stream = self._add(line, controlling)
            opened.append(stream)
            if not is_wanted:
                self._stop(stream)

        try:
            await self._connection.ask("open", fields, answered)
        except asyncio.CancelledError:
            if opened:  # the answer has come, and nobody was told of it
                self._stop(opened[0])
            raise
        return opened[0]

    def _stop(self, stream: Stream) -> None:
        try:
            self._connection.write({"stream": stream.name, "message": "stop"})
        except Disconnected:
            pass  # the stream ends with the connection

    async def attach(self, stream: str) -> Stream:
        """From now on this connection hears of a stream, and first again what its peer is to be told."""
        attached: list[Stream] = []

        def answered(line: dict[str, Any], is_wanted: bool) -> None:
            attached.append(self._add(line, bool(line.get("controlling"))))

        await self._connection.ask("attach", {"stream": stream}, answered)
        return attached[0]

    async def connect(self, one: Stream | str, other: Stream | str) -> None:
        """Makes two streams of the daemon each other's peers. One must be controlling, and one have `own_ports`."""
        await self._connection.ask("connect", {"stream": _name(one), "peer": _name(other)})

    async def stop(self, stream: Stream | str) -> None:
        """Ends a stream, whoever has opened it."""
        await self._connection.ask("stop", {"stream": _name(stream)})

    async def streams(self) -> list[StreamStatus]:
        """All streams of the daemon."""
        answer = await self._connection.ask("streams", {})
        return cast(list[StreamStatus], answer["streams"])

    async def stream(self, stream: Stream | str) -> StreamStatus:
        """What a stream has come to."""
        return cast(StreamStatus, await self._ask("stream", stream=_name(stream)))

    async def plugins(self) -> list[PluginStatus]:
        """All plugins of the daemon, and their generations."""
        answer = await self._connection.ask("plugins", {})
        return cast(list[PluginStatus], answer.get("plugins", []))

    async def quarantine(self, plugin: str, reason: str | None = None) -> None:
        """Has opens of a plugin refused until it is released."""
        fields = {"plugin": plugin} if reason is None else {"plugin": plugin, "reason": reason}
        await self._connection.ask("quarantine", fields)

    async def release(self, plugin: str) -> None:
        """Lets a plugin be used again."""
        await self._connection.ask("release", {"plugin": plugin})

    async def reload(self) -> ReloadResult:
        """Reads the configuration and the plugins again; returns once all is in force."""
        return cast(ReloadResult, await self._ask("reload"))

    async def drain(self) -> int:
        """Opens no streams any more; the daemon ends with the last one. Returns how many there are."""
        return int((await self._connection.ask("drain", {})).get("streams", 0))

    async def shutdown(self) -> int:
        """Stops all streams and ends the daemon. Returns how many there were."""
        return int((await self._connection.ask("shutdown", {})).get("streams", 0))

    async def status(self) -> DaemonStatus:
        """The daemon as a whole."""
        return cast(DaemonStatus, await self._ask("status"))

    async def subscribe(self, events: Iterable[str] | None = None) -> News:
        """What happens to the daemon from now on: events of these names, or all."""
        news = News(self._place.limits)
        connection = await self._place.connect(news._take, news._inbox.end)
        news._connection = connection
        try:
            await connection.ask("subscribe", {} if events is None else {"events": list(events)})
        except BaseException:
            await connection.close(0)
            raise
        return news

    async def _ask(self, request: str, **fields: Any) -> dict[str, Any]:
        answer = await self._connection.ask(request, fields)
        return {key: value for key, value in answer.items() if key not in ("response", "id")}


def _name(stream: Stream | str) -> str:
    return stream.name if isinstance(stream, Stream) else stream
