/** The client and a daemon that says what a good one does not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import {
  connect,
  type ConnectOptions,
  type Daemon,
  Disconnected,
  forPeer,
  ProtocolError,
  type StreamEvent,
} from "../src/handclasp.js";

const options = { timeout: 60_000 };
type Line = Record<string, unknown>;

/** One connection of a daemon that follows a script. */
class Fake {
  readonly #lines: AsyncIterator<string>;
  constructor(readonly socket: Socket) {
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  async read(): Promise<Line> {
    return JSON.parse((await this.#lines.next()).value as string) as Line;
  }

  say(...lines: (Line | string)[]): void {
    this.socket.write(lines.map((line) => (typeof line === "string" ? line : `${JSON.stringify(line)}\n`)).join(""));
  }

  async answer(fields: Line = {}): Promise<void> {
    const { request, id } = await this.read();
    this.say({ response: request, id, ...fields });
  }

  /** Answers an open, and says these lines in the same breath. */
  async opened(...lines: (Line | string)[]): Promise<void> {
    const { id } = await this.read();
    this.say({ response: "open", id, stream: "a", plugin: "none", generation: 1 }, ...lines);
  }
}

const event = (name: string, fields: Line = {}): Line => ({ event: name, stream: "a", ...fields });

/** A connection to a daemon that follows this script. */
async function scripted(
  t: TestContext,
  session: (fake: Fake) => Promise<void>,
  connectOptions: ConnectOptions = {},
): Promise<Daemon> {
  const place = mkdtempSync(join(tmpdir(), "handclasp-"));
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    session(new Fake(socket)).catch((error: unknown) => {
      socket.destroy();
      throw error;
    });
  });
  await new Promise<void>((listening) => server.listen(join(place, "fake.sock"), listening));
  const daemon = await connect(join(place, "fake.sock"), connectOptions);
  t.after(async () => {
    await daemon.close(1);
    server.close();
    rmSync(place, { recursive: true, force: true });
  });
  return daemon;
}

async function all(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events = [];
  for await (const one of stream) {
    events.push(one);
  }
  return events;
}

test("the daemon that goes in the middle of a line is missed after what it has said", options, async (t) => {
  const daemon = await scripted(t, async (fake) => {
    await fake.opened(event("candidate_gathering_done"), '{"event":"stopped","stre');
    fake.socket.end();
  });
  const stream = await daemon.open();
  const events: string[] = [];
  await assert.rejects(async () => {
    for await (const one of stream) {
      events.push(one.event);
    }
  }, (error) => error instanceof Disconnected && /in the middle of a line/.test(error.message));
  assert.deepEqual(events, ["candidate_gathering_done"]);
});

test("every request that waits hears of the end", options, async (t) => {
  const daemon = await scripted(t, async (fake) => {
    await Promise.all([fake.read(), fake.read(), fake.read()]);
    fake.socket.end();
  });
  const results = await Promise.allSettled([daemon.status(), daemon.open(), daemon.streams()]);
  assert.ok(results.every((one) => one.status === "rejected" && one.reason instanceof Disconnected));
});

test("a line arrives in any pieces", options, async (t) => {
  const daemon = await scripted(t, async (fake) => {
    const { id } = await fake.read();
    for (const byte of Buffer.from(`\n${JSON.stringify({ response: "status", id, version: "1 \u2192 2" })}\n`)) {
      fake.socket.write(Buffer.from([byte]));
      await new Promise((later) => setImmediate(later));
    }
  });
  assert.deepEqual(await daemon.status(), { version: "1 \u2192 2" });
});

test("events and fields of later releases are kept", options, async (t) => {
  const daemon = await scripted(t, (fake) =>
    fake.opened(
      event("component_state_new", { component_id: 1 }),
      event("component_closed", { component_id: 1, by_peer: true, weather: "fine" }),
      { something: "else" },
      event("stopped"),
    ),
  );
  const [unknown, closed, stopped, ...others] = await all(await daemon.open());
  assert.ok(unknown?.event === "unknown" && unknown.name === "component_state_new");
  assert.equal(unknown.fields["component_id"], 1);
  assert.ok(closed?.event === "component_closed" && closed.byPeer && closed.fields["weather"] === "fine");
  assert.equal(stopped?.event, "stopped");
  assert.equal(others.length, 0);
});

for (const [number, wrong] of [
  "no JSON\n",
  "[]\n",
  { response: "status", id: 99 },
  event("ice_payload", { component_id: 1, payload: "not base64" }),
  event("ice_payload", { component_id: "1", payload: "AAAA" }),
  event("component_closed", { component_id: 1 }),
].entries()) {
  test(`what no daemon says ends the connection (${number})`, options, async (t) => {
    const daemon = await scripted(t, (fake) => fake.opened(wrong, event("stopped")));
    const stream = await daemon.open();
    await assert.rejects(all(stream), ProtocolError);
    await assert.rejects(daemon.status(), ProtocolError);
  });
}

test("of a slow reader datagrams are dropped first, and all that is lost is told", options, async (t) => {
  const payload = event("ice_payload", { component_id: 1, payload: "AAAA".repeat(100) });
  const daemon = await scripted(
    t,
    async (fake) => {
      const warnings = Array.from({ length: 10 }, (_, number) => event("warning", { warning: String(number) }));
      await fake.opened(...Array.from({ length: 10 }, () => payload), ...warnings, event("stopped"));
      await fake.answer({ version: "1" });
    },
    { eventBytes: 5 * 600, datagramBytes: 5 * 1000 },
  );
  const stream = await daemon.open();
  await daemon.status(); // another's request is answered meanwhile
  assert.ok(stream.hasEnded);
  const events = await all(stream);
  const count = (name: string) => events.filter((one) => one.event === name).length;
  const lost = events.find((one) => one.event === "lost");
  assert.ok(lost?.event === "lost" && count("lost") === 1);
  assert.equal(count("ice_payload") + lost.datagrams, 10);
  assert.equal(count("warning") + lost.events, 10);
  assert.ok(count("ice_payload") > 0 && lost.datagrams > 0 && count("warning") > 0 && lost.events > 0);
  assert.equal(stream.droppedDatagrams, lost.datagrams);
  assert.equal(events.at(-1)?.event, "stopped");
});

test("one open at a time asks again, and in order", options, async (t) => {
  const asked: unknown[] = [];
  const daemon = await scripted(t, async (fake) => {
    for (let number = 0; number < 6; number += 1) {
      const { id, name } = await fake.read();
      asked.push(name);
      const refusal = { error: "too fast", kind: "rate", retry_after: 0.01 };
      fake.say({ response: "open", id, ...(number < 3 ? refusal : { stream: name, plugin: "none", generation: 1 }) });
    }
  });
  const streams = await Promise.all(["a", "b", "c"].map((name) => daemon.open({ name, retry: 30 })));
  assert.deepEqual(streams.map((stream) => stream.name), ["a", "b", "c"]);
  assert.deepEqual(asked, ["a", "b", "c", "a", "b", "c"]);
});

test("what comes from the other side is signalling and nothing else", options, async (t) => {
  let heard: Line | undefined;
  const daemon = await scripted(t, async (fake) => {
    await fake.opened();
    heard = await fake.read();
    await fake.answer();
  });
  const stream = await daemon.open({ controlling: true });
  await assert.rejects(stream.fromPeer({ message: "stop" }), TypeError);
  await assert.rejects(stream.fromPeer({ message: "__proto__" }), TypeError);
  await assert.rejects(stream.fromPeer({ message: "set_remote_candidate", stream: "of-another" }), TypeError);
  const said = { event: "handshake_init_data", componentId: 1, initData: Buffer.from("abc"), association: 2 } as const;
  const message = forPeer({ ...said, payloadProtection: "none", fields: {} }, "responder");
  assert.ok(message !== undefined);
  await stream.fromPeer(message);
  await daemon.status();
  assert.deepEqual(heard, {
    stream: "a",
    message: "set_peer_init_data",
    component_id: 1,
    role: "initiator",
    init_data: "YWJj",
    association: 2,
    payload_protection: "none",
  });
});

test("lines longer than the daemon reads are not sent, and nobody at home is told", options, async (t) => {
  const daemon = await scripted(t, async (fake) => {
    await fake.opened();
    await fake.answer();
  });
  const stream = await daemon.open();
  await assert.rejects(stream.parseRemoteSdp("v=0".repeat(1 << 19)), RangeError);
  await daemon.status();
  await assert.rejects(connect("/nobody/fake.sock"), /fake\.sock/);
});
