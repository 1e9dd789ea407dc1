/**
 * Drives `handclasp serve` through its control socket: many streams on one connection.
 *
 * Events carry keys and passwords: do not log them as they are.
 */
import { createConnection, type Socket } from "node:net";

/** Who starts a handshake. The initiator is the stream that is controlling. */
export type Role = "initiator" | "responder";

/** The path of a Unix socket, or a host and a port. */
export type Address = string | { readonly host: string; readonly port: number };

/** A message for a stream, as JSON has it: its field `message`, and the fields of its kind. */
export type Message = { readonly message: string; readonly [field: string]: unknown };

/** What an option of a plugin's is set to: one value, or several. */
export type OptionValue = string | boolean | number | readonly (string | boolean | number)[];

/** Bytes of a line that the daemon reads. */
const MAX_SENT = 1 << 20;
/** Bytes of a line beyond which what is read cannot be the daemon's. */
const MAX_READ = 64 << 20;
/** Bytes that an event takes beside those of its line, roughly. */
const OVERHEAD = 512;

/** What this module throws. */
export class HandclaspError extends Error {
  override name = "HandclaspError";
}

/** The daemon has not done what it was asked for. The message is its sentence. */
export class Refused extends HandclaspError {
  override name = "Refused";
  constructor(
    /** What was asked for, such as `open`. */
    readonly request: string,
    /** For programs: a word such as `name_taken` or `rate`. Later releases may have others. */
    readonly kind: string,
    sentence: string,
    /** Seconds after which it may be worth asking again, if it may. */
    readonly retryAfter?: number,
  ) {
    super(sentence);
  }
}

/** There is no connection to the daemon any more, or there was none. */
export class Disconnected extends HandclaspError {
  override name = "Disconnected";
}

/** What came is not what a daemon says. The connection is closed. */
export class ProtocolError extends Disconnected {
  override name = "ProtocolError";
}

/** The stream has ended: it takes no messages. */
export class Ended extends HandclaspError {
  override name = "Ended";
}

type Fields = Readonly<Record<string, unknown>>;

interface Told<Name extends string> {
  readonly event: Name;
  /** The stream that it is about, if it is about one. */
  readonly stream?: string;
  /** All of it, as JSON has it: with fields that this release does not know. */
  readonly fields: Fields;
}

/** How fields of events are read, by what they are. */
const readers = {
  int: (value: unknown) => (Number.isInteger(value) ? (value as number) : undefined),
  float: (value: unknown) => (typeof value === "number" ? value : undefined),
  text: (value: unknown) => (typeof value === "string" ? value : undefined),
  flag: (value: unknown) => (typeof value === "boolean" ? value : undefined),
  bytes: (value: unknown) => (typeof value === "string" ? decoded(value) : undefined),
  texts: (value: unknown) =>
    Array.isArray(value) && value.every((one) => typeof one === "string") ? (value as readonly string[]) : undefined,
} as const;

type Readers = typeof readers;
type FieldType = keyof Readers | `${keyof Readers}?`;
type Kinds = Readonly<Record<string, Readonly<Record<string, FieldType>>>>;
type Value<Type extends FieldType> = Type extends `${infer Plain extends keyof Readers}?`
  ? Exclude<ReturnType<Readers[Plain]>, undefined> | undefined
  : Type extends keyof Readers
    ? Exclude<ReturnType<Readers[Type]>, undefined>
    : never;
type Event<All extends Kinds> = {
  [Name in keyof All & string]: Told<Name> & {
    readonly [Field in keyof All[Name] as CamelCase<Field & string>]: Value<All[Name][Field]>;
  };
}[keyof All & string];
type CamelCase<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Name;

/** What streams say: docs/json-lines.md says what it means. */
const ofStreams = {
  handshake_init_data: { component_id: "int", init_data: "bytes", association: "int?", payload_protection: "text?" },
  local_credentials: { credentials: "text", generation: "int?" },
  new_candidate_full: { component_id: "int", candidate: "text" },
  candidate_gathering_done: {},
  new_remote_candidate_full: { component_id: "int", candidate: "text" },
  new_selected_pair: { component_id: "int", local: "text", remote: "text", transport: "text" },
  handshake_data: { component_id: "int", handshake_data: "bytes" },
  component_state_ready: { component_id: "int", handshake_data: "bytes" },
  exported_key: { component_id: "int", label: "text", key: "bytes" },
  could_not_export_key: { component_id: "int", label: "text", reason: "text" },
  component_state_disconnected: { component_id: "int" },
  component_state_failed: { component_id: "int", kind: "text", reason: "text" },
  component_closed: { component_id: "int", by_peer: "flag" },
  could_not_send_payload: { component_id: "int", reason: "text" },
  local_sdp: { sdp: "text" },
  ice_payload: { component_id: "int", payload: "bytes" },
  warning: { warning: "text" },
  error: { line: "int", column: "int?", error: "text" },
  stopped: {},
} as const satisfies Kinds;

/** What happens to the daemon as a whole. */
const ofDaemon = {
  stream_opened: { plugin: "text", generation: "int" },
  stream_ready: { seconds: "float" },
  stream_failed: { component_id: "int", kind: "text", reason: "text" },
  stream_ended: {},
  open_refused: { kind: "text", reason: "text" },
  generation_loaded: {
    plugin: "text",
    generation: "int",
    version: "text",
    sha256: "text",
    file: "text",
    canary: "flag",
  },
  generation_ended: { plugin: "text", generation: "int" },
  plugin_refused: { plugin: "text?", file: "text", reason: "text" },
  plugin_retired: { plugin: "text", file: "text" },
  canary_promoted: { plugin: "text", generation: "int" },
  canary_went_back: { plugin: "text", generation: "int", reason: "text" },
  plugin_quarantined: { plugin: "text", reason: "text" },
  plugin_released: { plugin: "text" },
  reloaded: { restart_needed: "texts" },
  draining: {},
  taken_over: { socket: "text?" },
} as const satisfies Kinds;

/** An event that this release of the module does not know. */
export interface UnknownEvent extends Told<"unknown"> {
  /** What the daemon calls it. */
  readonly name: string;
}

/** Told by this module, not by the daemon: events came that were read too slowly, and were dropped here. */
export interface Lost extends Told<"lost"> {
  readonly datagrams: number;
  /** Others than datagrams. */
  readonly events: number;
}

/** What a stream says: the field `event` tells which it is. */
export type StreamEvent = Event<typeof ofStreams> | UnknownEvent | Lost;

/** What happens to the daemon as a whole. */
export type NewsEvent = Event<typeof ofDaemon> | UnknownEvent | Lost;

/** What a component has come to. */
export interface ComponentStatus {
  readonly component_id: number;
  readonly state: string;
  readonly connected_after?: number;
  readonly ready_after?: number;
  readonly local?: string;
  readonly remote?: string;
  readonly transport?: string;
  readonly reason?: string;
}

/** A stream as operators see it. */
export interface StreamStatus {
  readonly stream: string;
  readonly plugin: string;
  readonly generation: number;
  readonly state: string;
  readonly seconds: number;
  readonly controlling: boolean;
  readonly detached: boolean;
  readonly attached: boolean;
  readonly components: readonly ComponentStatus[];
  readonly reason?: string;
}

/** A file of a plugin that is or was in use. */
export interface GenerationStatus {
  readonly generation: number;
  readonly state: string;
  readonly version: string;
  readonly sha256: string;
  readonly file: string;
  readonly since: number;
  readonly streams: number;
  readonly opened: number;
  readonly ready: number;
  readonly failed: number;
}

/** A plugin of the daemon's. */
export interface PluginStatus {
  readonly plugin: string;
  readonly state: string;
  readonly generations: readonly GenerationStatus[];
  readonly reason?: string;
}

/** The daemon as a whole. */
export interface DaemonStatus {
  readonly version: string;
  readonly process: number;
  readonly seconds: number;
  readonly streams: number;
  readonly half_open: number;
  readonly draining: boolean;
  /** The process that this daemon has taken over from, as long as that has streams. */
  readonly predecessor?: number;
}

/** What reading the configuration again has come to. */
export interface ReloadResult {
  readonly changed: readonly string[];
  readonly restart_needed: readonly string[];
  readonly loaded: readonly (readonly [string, number])[];
  readonly retired: readonly string[];
}

/** What a stream is to be; what is left out is as the daemon is configured. Times are seconds. */
export interface OpenOptions {
  readonly plugin?: string;
  readonly controlling?: boolean;
  readonly options?: Readonly<Record<string, OptionValue>>;
  readonly name?: string;
  /** It goes on when the connection ends. */
  readonly detached?: boolean;
  readonly components?: number;
  /** It has ports of its own, and not the daemon's. */
  readonly ownPorts?: boolean;
  readonly iceLite?: boolean;
  readonly hideAddresses?: boolean;
  readonly mtu?: number;
  readonly initTimeout?: number;
  readonly handshakeTimeout?: number;
  readonly iceTimeout?: number;
  /** How long to ask again, when the daemon says so, if it is too busy. */
  readonly retry?: number;
  /** If it is aborted, no stream is left. */
  readonly signal?: AbortSignal;
}

/** How a daemon is talked to. */
export interface ConnectOptions {
  /** What must be known over TCP. */
  readonly token?: string;
  /** Bytes of each stream's events that wait to be read, 1 MiB by default; each counts 512 on top of its own. */
  readonly eventBytes?: number;
  /** The same for datagrams. */
  readonly datagramBytes?: number;
  /** Called with events that belong to no stream of this connection; by default warnings go to `console.warn`. */
  readonly onEvent?: (event: StreamEvent) => void;
}

/** The message for the other side's stream, whose role this is; `undefined` if the other side need not know. */
export function forPeer(event: StreamEvent, role: Role): Message | undefined {
  switch (event.event) {
    case "handshake_init_data":
      return given("set_peer_init_data", {
        component_id: event.componentId,
        role,
        init_data: encoded(event.initData),
        association: event.association,
        payload_protection: event.payloadProtection,
      });
    case "local_credentials":
      return given("set_remote_credentials", { credentials: event.credentials, generation: event.generation });
    case "new_candidate_full":
      return given("set_remote_candidate", { component_id: event.componentId, candidate: event.candidate });
    case "candidate_gathering_done":
      return given("peer_candidate_gathering_done", {});
    case "local_sdp":
      return given("parse_remote_sdp", { sdp: event.sdp });
    default:
      return undefined;
  }
}

/** What the other side may say to a stream. */
const ofPeer: Readonly<Record<string, readonly string[]>> = {
  set_peer_init_data: ["component_id", "role", "init_data", "association", "payload_protection"],
  set_remote_credentials: ["credentials", "generation"],
  set_remote_candidate: ["component_id", "candidate"],
  peer_candidate_gathering_done: [],
  parse_remote_sdp: ["sdp"],
};

/** Without the fields that are undefined. */
function given(message: string, fields: Record<string, unknown>): Message {
  return { message, ...defined(fields) };
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function encoded(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decoded(text: string): Uint8Array | undefined {
  return BASE64.test(text) ? new Uint8Array(Buffer.from(text, "base64")) : undefined;
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function readEvent(fields: Fields, kinds: Kinds): StreamEvent | NewsEvent {
  const { event: name, stream } = fields;
  if (typeof name !== "string" || (stream !== undefined && typeof stream !== "string")) {
    throw new ProtocolError("an event has no name, or no right field stream");
  }
  const event: Record<string, unknown> = { event: name, fields };
  if (stream !== undefined) {
    event["stream"] = stream;
  }
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) {
    return { ...event, event: "unknown", name } as UnknownEvent;
  }
  for (const [field, type] of Object.entries(kind)) {
    const plain = type.replace("?", "") as keyof Readers;
    const isAbsent = fields[field] === undefined || fields[field] === null;
    const value = isAbsent ? undefined : readers[plain](fields[field]);
    if (value !== undefined) {
      event[camelCase(field)] = value;
    } else if (!isAbsent || plain === type) {
      throw new ProtocolError(`the event ${name} has no right field ${field}`);
    }
  }
  return event as unknown as StreamEvent | NewsEvent;
}

interface Limits {
  readonly eventBytes: number;
  readonly datagramBytes: number;
}

/** Events that wait for whoever reads them, in bounded memory. Whoever puts one in waits for nothing. */
class Inbox<E extends StreamEvent | NewsEvent> {
  /** Undefined stands for what was lost there. */
  #waiting: ({ readonly event: E; readonly size: number } | undefined)[] = [];
  #first = 0;
  #eventBytes = 0;
  #datagramBytes = 0;
  #lost = { datagrams: 0, events: 0 };
  #hasEnded = false;
  #error: Disconnected | undefined;
  #readers: (() => void)[] = [];
  droppedDatagrams = 0;

  constructor(
    private readonly stream: string | undefined,
    private readonly limits: Limits,
  ) {}

  put(event: E, length: number): void {
    const size = length + OVERHEAD;
    if (event.event === "ice_payload") {
      if (this.#datagramBytes + size > this.limits.datagramBytes) {
        this.droppedDatagrams += 1;
        return this.#lose("datagrams");
      }
      this.#datagramBytes += size;
    } else {
      // The last event is always told.
      if (this.#eventBytes + size > this.limits.eventBytes && event.event !== "stopped") {
        return this.#lose("events");
      }
      this.#eventBytes += size;
    }
    this.#waiting.push({ event, size });
    this.#wake();
  }

  #lose(what: "datagrams" | "events"): void {
    if (this.#lost.datagrams + this.#lost.events === 0) {
      this.#waiting.push(undefined);
      this.#wake();
    }
    this.#lost[what] += 1;
  }

  /** Nothing more is put in; `error` is thrown once all is read. */
  end(error?: Disconnected): void {
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#error = error;
      this.#wake();
    }
  }

  #wake(): void {
    for (const wake of this.#readers.splice(0)) {
      wake();
    }
  }

  async next(): Promise<IteratorResult<E, undefined>> {
    while (this.#first === this.#waiting.length) {
      if (this.#error !== undefined) {
        throw this.#error;
      }
      if (this.#hasEnded) {
        return { done: true, value: undefined };
      }
      await new Promise<void>((wake) => this.#readers.push(wake));
    }
    const taken = this.#waiting[this.#first];
    this.#waiting[this.#first] = undefined;
    this.#first += 1;
    if (this.#first >= 64 && 2 * this.#first >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    if (taken === undefined) {
      const lost = this.#lost;
      this.#lost = { datagrams: 0, events: 0 };
      const event = { event: "lost", ...(this.stream === undefined ? {} : { stream: this.stream }), fields: {}, ...lost };
      return { done: false, value: event as unknown as E };
    }
    if (taken.event.event === "ice_payload") {
      this.#datagramBytes -= taken.size;
    } else {
      this.#eventBytes -= taken.size;
    }
    return { done: false, value: taken.event };
  }
}

/** A request that is not answered yet. */
interface Pending {
  readonly id: number;
  readonly request: string;
  readonly parts: unknown[];
  /** Called before any line that follows is read. */
  resolve(answer: Fields): void;
  reject(error: HandclaspError): void;
}

interface Listener {
  event(fields: Fields, size: number): void;
  end(error: Disconnected | undefined): void;
}

/** Lines to and from the daemon. What comes is taken at once, whoever is slow to read it. */
class Connection {
  #part: Buffer[] = [];
  #partSize = 0;
  #pending: Pending[] = [];
  #nextId = 1;
  #lines = 0;
  #isClosing = false;
  #error: Disconnected | undefined;
  #drained: Promise<void> | undefined;
  readonly #closed: Promise<void>;

  private constructor(
    private readonly socket: Socket,
    private readonly listener: Listener,
  ) {
    let reason: Error | undefined;
    socket.setNoDelay(true);
    socket.on("data", (data) => this.#read(data));
    socket.on("error", (error) => (reason = error));
    socket.on("end", () => socket.end());
    this.#closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#lost(reason);
        resolve();
      });
    });
  }

  static async open(place: Place, listener: Listener): Promise<Connection> {
    const { address, options } = place;
    const where = typeof address === "string" ? { path: address } : { host: address.host, port: address.port };
    const socket = createConnection({ ...where, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      const shown = typeof address === "string" ? address : `${address.host}:${address.port}`;
      const fail = (error: Error) =>
        reject(new Disconnected(`there is no daemon at ${shown}: ${error.message}`, { cause: error }));
      socket.once("error", fail);
      socket.once("connect", () => {
        socket.off("error", fail);
        resolve();
      });
    });
    const connection = new Connection(socket, listener);
    if (options.token !== undefined) {
      try {
        await connection.ask("authenticate", { token: options.token });
      } catch (error) {
        await connection.close(0);
        throw error;
      }
    }
    return connection;
  }

  #read(data: Buffer): void {
    if (this.#error !== undefined) {
      return;
    }
    const end = data.lastIndexOf(10);
    if (end < 0) {
      this.#part.push(data);
      this.#partSize += data.length;
    } else {
      const whole = Buffer.concat([...this.#part, data.subarray(0, end)]);
      const rest = data.subarray(end + 1);
      this.#part = [rest];
      this.#partSize = rest.length;
      try {
        for (let start = 0; start < whole.length; ) {
          const next = whole.indexOf(10, start);
          const stop = next < 0 ? whole.length : next;
          this.#take(whole.subarray(start, stop));
          start = stop + 1;
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) {
          throw error;
        }
        this.#fail(error);
      }
    }
    if (this.#partSize > MAX_READ) {
      this.#fail(new ProtocolError(`a line is longer than ${MAX_READ} bytes`));
    }
  }

  #fail(error: ProtocolError): void {
    this.#error = error;
    this.socket.destroy();
  }

  #lost(reason: Error | undefined): void {
    let error = this.#error;
    if (error === undefined && !this.#isClosing) {
      if (reason !== undefined) {
        error = new Disconnected(`the connection to the daemon is broken: ${reason.message}`, { cause: reason });
      } else if (this.#partSize > 0) {
        error = new Disconnected("the daemon has ended the connection in the middle of a line");
      } else {
        error = new Disconnected("the daemon has ended the connection");
      }
    }
    const final = error ?? new Disconnected("the connection was closed here");
    this.#error = final;
    this.#part = [];
    for (const pending of this.#pending.splice(0)) {
      pending.reject(final);
    }
    this.listener.end(error);
  }

  #take(text: Buffer): void {
    let line: unknown;
    try {
      const decoded = new TextDecoder("utf-8", { fatal: true }).decode(text);
      if (decoded.trim() === "") {
        return;
      }
      line = JSON.parse(decoded);
    } catch {
      throw new ProtocolError("a line is not JSON");
    }
    if (typeof line !== "object" || line === null || Array.isArray(line)) {
      throw new ProtocolError("a line is not a JSON object");
    }
    const fields = line as Fields;
    if ("response" in fields) {
      this.#takeResponse(fields);
    } else if ("event" in fields) {
      this.listener.event(fields, text.length);
    } // anything else is of a later release
  }

  #takeResponse(fields: Fields): void {
    const pending = this.#pending[0];
    if (pending === undefined || (fields["id"] !== undefined && fields["id"] !== pending.id)) {
      throw new ProtocolError("a response does not belong to the request that is to be answered next");
    }
    if (Array.isArray(fields["streams"])) {
      pending.parts.push(...(fields["streams"] as unknown[]));
      if (fields["more"] === true) {
        return;
      }
    }
    this.#pending.shift();
    const { error, kind, retry_after: retryAfter } = fields;
    if (error !== undefined) {
      const after = typeof retryAfter === "number" ? retryAfter : undefined;
      const words = [pending.request, typeof kind === "string" ? kind : "", String(error)] as const;
      pending.reject(after === undefined ? new Refused(...words) : new Refused(...words, after));
    } else {
      pending.resolve(Array.isArray(fields["streams"]) ? { ...fields, streams: pending.parts } : fields);
    }
  }

  /** Sends a line, and returns its number, counted from 1. */
  write(line: Record<string, unknown>): number {
    const text = Buffer.from(`${JSON.stringify(line)}\n`);
    if (text.length > MAX_SENT) {
      throw new RangeError(`a line of ${text.length} bytes is longer than the daemon reads: ${MAX_SENT}`);
    }
    if (this.#error !== undefined || this.#isClosing) {
      throw this.#error ?? new Disconnected("the connection was closed here");
    }
    if (!this.socket.write(text) && this.#drained === undefined) {
      this.#drained = new Promise((resolve) => {
        const go = () => {
          this.#drained = undefined;
          this.socket.off("drain", go);
          this.socket.off("close", go);
          resolve();
        };
        this.socket.on("drain", go);
        this.socket.on("close", go);
      });
    }
    this.#lines += 1;
    return this.#lines;
  }

  /** Waits until the daemon reads what was sent. */
  async drain(): Promise<void> {
    if (this.#drained !== undefined) {
      await this.#drained;
      if (this.#error !== undefined) {
        throw this.#error;
      }
    }
  }

  ask(request: string, fields: Record<string, unknown>): Promise<Fields>;
  ask<T>(request: string, fields: Record<string, unknown>, answered: (answer: Fields) => T): Promise<T>;
  /** `answered` is called with the answer before any line that follows is read. */
  ask(request: string, fields: Record<string, unknown>, answered = (answer: Fields): unknown => answer): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId;
      this.write({ request, id, ...fields });
      this.#nextId += 1;
      const take = (answer: Fields) => {
        try {
          resolve(answered(answer));
        } catch (error) {
          reject(error); // and the connection is given up
          throw error;
        }
      };
      this.#pending.push({ id, request, parts: [], resolve: take, reject });
    });
  }

  /** Sends nothing more, and reads what the daemon still has to say. */
  async close(within: number): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.socket.end();
    }
    const late = setTimeout(() => this.socket.destroy(), within * 1000);
    await this.#closed;
    clearTimeout(late);
  }
}

interface Place {
  readonly address: Address;
  readonly options: ConnectOptions;
  readonly limits: Limits;
}

/** Where a daemon's control socket is that is not told otherwise. */
export function defaultSocket(): string {
  if (process.geteuid?.() === 0) {
    return "/run/handclasp/control.sock";
  }
  const directory = process.env["XDG_RUNTIME_DIR"];
  if (directory === undefined || directory === "") {
    throw new Disconnected("there is no default socket, as XDG_RUNTIME_DIR is not set: name the daemon's");
  }
  return `${directory}/handclasp/control.sock`;
}

/**
 * Connects to a daemon: to the Unix socket at this path, or over TCP to a host and port, with its token.
 *
 * @throws {Disconnected} Nobody is there.
 * @throws {Refused} The token is wrong.
 */
export async function connect(address: Address = defaultSocket(), options: ConnectOptions = {}): Promise<Daemon> {
  const limits = { eventBytes: options.eventBytes ?? 1 << 20, datagramBytes: options.datagramBytes ?? 1 << 20 };
  return Daemon.connect({ address, options, limits });
}

/**
 * A stream of the daemon's: says events, and takes messages.
 *
 * Events are read by `for await`; the iteration ends after `stopped`, and throws `Disconnected` if the connection ends
 * before that. Each message resolves to the number of its line, which an `error` event has if the daemon refuses it. It
 * waits while the daemon does not read what was sent before, and throws `Ended` once the stream has ended.
 */
export class Stream implements AsyncIterable<StreamEvent> {
  /** @internal */
  readonly inbox: Inbox<StreamEvent>;
  /** Whether `stopped` has come, though it may wait to be read. */
  hasEnded = false;

  /** @internal */
  constructor(
    private readonly connection: Connection,
    limits: Limits,
    readonly name: string,
    readonly plugin: string,
    /** Which generation of its plugin it has. */
    readonly generation: number,
    readonly controlling: boolean,
  ) {
    this.inbox = new Inbox(name, limits);
  }

  /** Its role in the handshake. */
  get role(): Role {
    return this.controlling ? "initiator" : "responder";
  }

  /** Its peer's role in the handshake. */
  get peerRole(): Role {
    return this.controlling ? "responder" : "initiator";
  }

  /** How many datagrams were dropped here, because they were not read. */
  get droppedDatagrams(): number {
    return this.inbox.droppedDatagrams;
  }

  /** Leaving the loop early ends nothing: another one goes on where it was left. */
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, undefined> {
    return { next: () => this.inbox.next() };
  }

  /** The message for the other side's stream, if it is to be told of this. */
  forPeer(event: StreamEvent): Message | undefined {
    return forPeer(event, this.peerRole);
  }

  /** Sends a message as it is. */
  async send(message: Message): Promise<number> {
    if (this.hasEnded) {
      throw new Ended(`stream ${this.name} has ended`);
    }
    const line = this.connection.write({ ...message, stream: this.name });
    await this.connection.drain();
    return line;
  }

  /**
   * Sends a message that came from the other side, which need not be trusted: one that `forPeer` makes. The role is this
   * stream's own.
   *
   * @throws {TypeError} It is no such message.
   */
  async fromPeer(message: Message): Promise<number> {
    const name = typeof message.message === "string" ? message.message : "";
    const known = Object.hasOwn(ofPeer, name) ? ofPeer[name] : undefined;
    if (known === undefined || Object.keys(message).some((key) => key !== "message" && !known.includes(key))) {
      throw new TypeError("the other side may not send this message");
    }
    return this.send(name === "set_peer_init_data" ? { ...message, role: this.role } : message);
  }

  setRemoteCredentials(credentials: string, generation?: number): Promise<number> {
    return this.send(given("set_remote_credentials", { credentials, generation }));
  }

  setRemoteCandidate(candidate: string, componentId = 1): Promise<number> {
    return this.send(given("set_remote_candidate", { candidate, component_id: componentId }));
  }

  parseRemoteSdp(sdp: string): Promise<number> {
    return this.send(given("parse_remote_sdp", { sdp }));
  }

  /** Asks for `local_sdp`. */
  generateLocalSdp(): Promise<number> {
    return this.send(given("generate_local_sdp", {}));
  }

  peerCandidateGatheringDone(): Promise<number> {
    return this.send(given("peer_candidate_gathering_done", {}));
  }

  gatherCandidates(): Promise<number> {
    return this.send(given("gather_candidates", {}));
  }

  /** Restarts ICE with new credentials; the handshake stays, and data goes on. */
  restartStream(): Promise<number> {
    return this.send(given("restart_stream", {}));
  }

  /** What the peer's `init` produced, and this side's role, which is the stream's own if it is left out. */
  setPeerInitData(
    initData: Uint8Array,
    more: {
      readonly componentId?: number;
      readonly role?: Role;
      readonly association?: number;
      readonly payloadProtection?: string;
    } = {},
  ): Promise<number> {
    return this.send(
      given("set_peer_init_data", {
        component_id: more.componentId ?? 1,
        role: more.role ?? this.role,
        init_data: encoded(initData),
        association: more.association,
        payload_protection: more.payloadProtection,
      }),
    );
  }

  /** Asks for `handshake_data` again. */
  listen(componentId = 1): Promise<number> {
    return this.send(given("listen", { component_id: componentId }));
  }

  /** Asks for `exported_key`, of `length` bytes. */
  exportKey(label: string, length: number, componentId = 1, context?: Uint8Array): Promise<number> {
    const bytes = context === undefined ? undefined : encoded(context);
    return this.send(given("export_key", { component_id: componentId, label, context: bytes, length }));
  }

  /** Sends a datagram of 1 to 65507 bytes to the peer, as it is: encrypt it before. */
  sendPayload(payload: Uint8Array, componentId = 1): Promise<number> {
    return this.send(given("send_payload", { component_id: componentId, payload: encoded(payload) }));
  }

  /** Lets every handshake say its last words; the stream stays to report it. */
  close(): Promise<number> {
    return this.send(given("close", {}));
  }

  /** Closes and ends the stream: `stopped` follows. */
  stop(): Promise<number> {
    return this.send(given("stop", {}));
  }
}

/** What happens to the daemon as a whole, read by `for await`. It has a connection of its own. */
export class News implements AsyncIterable<NewsEvent> {
  /** @internal */
  constructor(
    private readonly inbox: Inbox<NewsEvent>,
    private readonly connection: Connection,
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<NewsEvent, undefined> {
    return { next: () => this.inbox.next() };
  }

  /** Nothing more is told. */
  async close(): Promise<void> {
    this.inbox.end();
    await this.connection.close(1);
  }
}

/**
 * A connection to a daemon. The streams that it has opened end with it, but for detached ones.
 *
 * Every request throws `Refused` if the daemon does not do it, and `Disconnected` if the connection ends.
 */
export class Daemon {
  #connection!: Connection;
  readonly #streams = new Map<string, Stream>();
  /** The last of those that ask again, by what they wait for. */
  readonly #queues = new Map<string, Promise<unknown>>();

  private constructor(private readonly place: Place) {}

  /** @internal */
  static async connect(place: Place): Promise<Daemon> {
    const daemon = new Daemon(place);
    daemon.#connection = await Connection.open(place, {
      event: (fields, size) => daemon.#take(fields, size),
      end: (error) => {
        for (const stream of daemon.#streams.values()) {
          stream.inbox.end(error);
        }
        daemon.#streams.clear();
      },
    });
    return daemon;
  }

  /**
   * Ends the connection, and with it the streams that it has opened, but for detached ones. What they say to their end
   * can still be read. The daemon may take `within` seconds to end it on its side.
   */
  close(within = 6): Promise<void> {
    return this.#connection.close(within);
  }

  #take(fields: Fields, size: number): void {
    const event = readEvent(fields, ofStreams) as StreamEvent;
    const stream = event.stream === undefined ? undefined : this.#streams.get(event.stream);
    if (stream === undefined) {
      const told = this.place.options.onEvent ?? warn;
      return told(event);
    }
    stream.inbox.put(event, size);
    if (event.event === "stopped") {
      this.#streams.delete(stream.name);
      stream.hasEnded = true;
      stream.inbox.end();
    }
  }

  #add(answer: Fields, controlling: boolean): Stream {
    const { stream: name, plugin, generation } = answer;
    if (typeof name !== "string" || typeof plugin !== "string" || typeof generation !== "number") {
      throw new ProtocolError("the response has no right fields stream, plugin and generation");
    }
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = new Stream(this.#connection, this.place.limits, name, plugin, generation, controlling);
      this.#streams.set(name, stream);
    }
    return stream;
  }

  /**
   * Opens a stream.
   *
   * A daemon that is too busy says when to ask again. Within `retry` seconds that is done, in the order of the calls;
   * after them `Refused` is thrown, as it is at once for other reasons.
   */
  async open(options: OpenOptions = {}): Promise<Stream> {
    const until = performance.now() + (options.retry ?? 0) * 1000;
    try {
      return await this.#open(options);
    } catch (error) {
      if (!(error instanceof Refused) || error.retryAfter === undefined) {
        throw error;
      }
      // One call at a time asks again for all that wait for the same: else they would wake together.
      const key = error.kind === "plugin_streams" ? `${error.kind} ${options.plugin ?? ""}` : error.kind;
      const before = this.#queues.get(key);
      const turn = this.#openAgain(options, error, until, before);
      const queued = Promise.allSettled([before, turn]);
      this.#queues.set(key, queued);
      void queued.then(() => {
        if (this.#queues.get(key) === queued) {
          this.#queues.delete(key);
        }
      });
      return turn;
    }
  }

  async #openAgain(
    options: OpenOptions,
    first: Refused,
    until: number,
    before: Promise<unknown> | undefined,
  ): Promise<Stream> {
    let refused = first;
    if (before !== undefined && (await inTime(before, until, options.signal)) === "late") {
      throw refused;
    }
    for (;;) {
      const wait = Math.max((refused.retryAfter ?? 0) * 1000, 1);
      if (performance.now() + wait > until) {
        throw refused;
      }
      await inTime(new Promise(() => {}), performance.now() + wait, options.signal);
      try {
        return await this.#open(options);
      } catch (error) {
        if (!(error instanceof Refused) || error.retryAfter === undefined) {
          throw error;
        }
        refused = error;
      }
    }
  }

  async #open(options: OpenOptions): Promise<Stream> {
    const { signal } = options;
    signal?.throwIfAborted();
    const fields = defined({
      plugin: options.plugin,
      controlling: options.controlling,
      options: options.options,
      name: options.name,
      detached: options.detached,
      components: options.components,
      own_ports: options.ownPorts === true ? true : undefined,
      ice_lite: options.iceLite,
      hide_addresses: options.hideAddresses,
      mtu: options.mtu,
      init_timeout: options.initTimeout,
      handshake_timeout: options.handshakeTimeout,
      ice_timeout: options.iceTimeout,
    });
    const opened = this.#connection.ask("open", fields, (answer) => {
      const stream = this.#add(answer, options.controlling ?? false);
      if (signal?.aborted === true) {
        stream.stop().catch(() => {}); // it ends with the connection, if there is none any more
      }
      return stream;
    });
    if (signal === undefined) {
      return opened;
    }
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason as Error);
      signal.addEventListener("abort", abort, { once: true });
      opened.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
  }

  /** From now on this connection hears of a stream, and first again what its peer is to be told. */
  attach(stream: string): Promise<Stream> {
    return this.#connection.ask("attach", { stream }, (answer) => this.#add(answer, answer["controlling"] === true));
  }

  /** Makes two streams of the daemon each other's peers. One must be controlling, and one have `ownPorts`. */
  async connect(one: Stream | string, other: Stream | string): Promise<void> {
    await this.#connection.ask("connect", { stream: nameOf(one), peer: nameOf(other) });
  }

  /** Ends a stream, whoever has opened it. */
  async stop(stream: Stream | string): Promise<void> {
    await this.#connection.ask("stop", { stream: nameOf(stream) });
  }

  /** All streams of the daemon. */
  async streams(): Promise<readonly StreamStatus[]> {
    return ((await this.#connection.ask("streams", {}))["streams"] ?? []) as readonly StreamStatus[];
  }

  /** What a stream has come to. */
  async stream(stream: Stream | string): Promise<StreamStatus> {
    return bare(await this.#connection.ask("stream", { stream: nameOf(stream) })) as StreamStatus;
  }

  /** All plugins of the daemon, and their generations. */
  async plugins(): Promise<readonly PluginStatus[]> {
    return ((await this.#connection.ask("plugins", {}))["plugins"] ?? []) as readonly PluginStatus[];
  }

  /** Has opens of a plugin refused until it is released. */
  async quarantine(plugin: string, reason?: string): Promise<void> {
    await this.#connection.ask("quarantine", defined({ plugin, reason }));
  }

  /** Lets a plugin be used again. */
  async release(plugin: string): Promise<void> {
    await this.#connection.ask("release", { plugin });
  }

  /** Reads the configuration and the plugins again; resolves once all is in force. */
  async reload(): Promise<ReloadResult> {
    return bare(await this.#connection.ask("reload", {})) as ReloadResult;
  }

  /** Opens no streams any more; the daemon ends with the last one. Resolves to how many there are. */
  async drain(): Promise<number> {
    return Number((await this.#connection.ask("drain", {}))["streams"] ?? 0);
  }

  /** Stops all streams and ends the daemon. Resolves to how many there were. */
  async shutdown(): Promise<number> {
    return Number((await this.#connection.ask("shutdown", {}))["streams"] ?? 0);
  }

  /** The daemon as a whole. */
  async status(): Promise<DaemonStatus> {
    return bare(await this.#connection.ask("status", {})) as DaemonStatus;
  }

  /** What happens to the daemon from now on: events of these names, or all. */
  async subscribe(events?: readonly string[]): Promise<News> {
    const inbox = new Inbox<NewsEvent>(undefined, this.place.limits);
    const connection = await Connection.open(this.place, {
      event: (fields, size) => inbox.put(readEvent(fields, ofDaemon) as NewsEvent, size),
      end: (error) => inbox.end(error),
    });
    try {
      await connection.ask("subscribe", defined({ events }));
    } catch (error) {
      await connection.close(0);
      throw error;
    }
    return new News(inbox, connection);
  }
}

function nameOf(stream: Stream | string): string {
  return typeof stream === "string" ? stream : stream.name;
}

function bare(answer: Fields): unknown {
  const { response: _response, id: _id, ...rest } = answer;
  return rest;
}

function warn(event: StreamEvent): void {
  if (event.event === "warning") {
    console.warn(`handclasp: ${event.warning}`);
  } else if (event.event === "error") {
    console.warn(`handclasp: stream ${event.stream ?? ""}, line ${event.line}: ${event.error}`);
  }
}

/** Waits for that, until a time of `performance.now`, or until the signal is aborted, which throws. */
function inTime(what: Promise<unknown>, until: number, signal?: AbortSignal): Promise<"in time" | "late"> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(late);
      reject(signal?.reason as Error);
    };
    const finish = (how: "in time" | "late") => {
      clearTimeout(late);
      signal?.removeEventListener("abort", abort);
      resolve(how);
    };
    const late = setTimeout(() => finish("late"), Math.max(until - performance.now(), 0));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) {
      abort();
    }
    what.then(
      () => finish("in time"),
      () => finish("in time"),
    );
  });
}
