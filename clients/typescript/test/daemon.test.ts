/** The client and a real daemon. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { connect, type Daemon, Disconnected, Ended, Refused, type StreamEvent } from "../src/handclasp.js";
import { eventOf, program, RealDaemon, signalling, until } from "./real.js";

const PLUGIN = "dtls-srtp";
const skip = program() === undefined && "handclasp is not here: build it, and name it with HANDCLASP";
const options = { skip, timeout: 120_000 };

async function start(t: TestContext, configuration = "", token?: string): Promise<RealDaemon> {
  const real = await RealDaemon.start(configuration, token);
  t.after(() => real.end());
  return real;
}

async function driven(t: TestContext, configuration = ""): Promise<[RealDaemon, Daemon]> {
  const real = await start(t, configuration);
  const daemon = await connect(real.socket);
  t.after(() => daemon.close(1));
  return [real, daemon];
}

const pairOf = async (daemon: Daemon) =>
  [
    await daemon.open({ plugin: PLUGIN, controlling: true, ownPorts: true, retry: 60 }),
    await daemon.open({ plugin: PLUGIN, retry: 60 }),
  ] as const;

async function names(stream: AsyncIterable<StreamEvent>): Promise<string[]> {
  const all = [];
  for await (const event of stream) {
    all.push(event.event);
  }
  return all;
}

test("two streams whose events are carried become ready and exchange data", options, async (t) => {
  const [, daemon] = await driven(t);
  const [one, other] = await pairOf(daemon);
  await signalling(one, other);
  await one.sendPayload(new Uint8Array([0x80, 1, 2, 3]));
  const event = await eventOf(other, "ice_payload");
  assert.deepEqual([...event.payload], [0x80, 1, 2, 3]);
  assert.equal(event.componentId, 1);
  assert.equal((await daemon.stream(one)).state, "ready");
});

test("streams that describe themselves with SDP become ready", options, async (t) => {
  const [, daemon] = await driven(t);
  const [one, other] = await pairOf(daemon);
  // A description has the candidates that there are.
  await Promise.all([eventOf(one, "candidate_gathering_done"), eventOf(other, "candidate_gathering_done")]);
  await one.generateLocalSdp();
  await other.parseRemoteSdp((await eventOf(one, "local_sdp")).sdp);
  await other.generateLocalSdp();
  await one.parseRemoteSdp((await eventOf(other, "local_sdp")).sdp);
  await Promise.all([eventOf(one, "component_state_ready"), eventOf(other, "component_state_ready")]);
});

test("hundreds of streams that the daemon connects hear of its end", options, async (t) => {
  const [real, daemon] = await driven(t, "limits.max-half-open = 5000\n");
  const pairs = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const [one, other] = await pairOf(daemon);
      await daemon.connect(one, other);
      await Promise.all([eventOf(one, "component_state_ready"), eventOf(other, "component_state_ready")]);
      return [one, other];
    }),
  );
  assert.equal((await daemon.streams()).length, 200);
  real.process.kill("SIGTERM");
  for (const stream of pairs.flat()) {
    assert.deepEqual((await names(stream)).slice(-2), ["component_closed", "stopped"]);
  }
  assert.equal(await real.wait(), 0, real.log());
});

test("a message that is refused is told with its line", options, async (t) => {
  const [, daemon] = await driven(t);
  const stream = await daemon.open({ plugin: PLUGIN });
  const line = await stream.send({ message: "generate_sdp" });
  const event = await eventOf(stream, "error");
  assert.equal(event.line, line);
  assert.match(event.error, /did you mean/);
});

test("streams end with their connection and say so first", options, async (t) => {
  const [, daemon] = await driven(t);
  const stream = await daemon.open({ plugin: PLUGIN });
  await daemon.close();
  assert.ok(stream.hasEnded);
  assert.equal((await names(stream)).at(-1), "stopped");
  await assert.rejects(stream.stop(), Ended);
  await assert.rejects(daemon.status(), Disconnected);
});

test("a detached stream outlives its connection and another attaches", options, async (t) => {
  const [real, daemon] = await driven(t);
  const stream = await daemon.open({ plugin: PLUGIN, name: "lasting", detached: true, controlling: true });
  const told = await eventOf(stream, "local_credentials");
  await daemon.close();
  assert.ok(!stream.hasEnded);
  const later = await connect(real.socket);
  const again = await later.attach("lasting");
  assert.ok(again.controlling);
  assert.equal((await eventOf(again, "local_credentials")).credentials, told.credentials);
  await again.stop();
  await eventOf(again, "stopped");
  await later.close();
});

test("an open that is aborted leaves no stream", options, async (t) => {
  const [, daemon] = await driven(t);
  const abort = new AbortController();
  const opening = daemon.open({ plugin: PLUGIN, signal: abort.signal });
  abort.abort();
  await assert.rejects(opening, { name: "AbortError" });
  await until(async () => (await daemon.streams()).length === 0);
});

test("refusals have a kind and a sentence", options, async (t) => {
  const [, daemon] = await driven(t);
  await daemon.open({ plugin: PLUGIN, name: "taken" });
  const refused = async (kind: string, asked: Promise<unknown>) =>
    assert.rejects(asked, (error) => {
      assert.ok(error instanceof Refused);
      assert.equal(error.kind, kind);
      assert.ok(error.message.length > 10);
      return true;
    });
  await refused("name_taken", daemon.open({ plugin: PLUGIN, name: "taken" }));
  await refused("options", daemon.open({ plugin: PLUGIN, name: "no name" }));
  await refused("plugin", daemon.open({ plugin: "nobodys" }));
  await refused("request", daemon.open({ plugin: PLUGIN, mtu: -1 }));
  await refused("stream", daemon.attach("nobody"));
});

test("opens beyond the rate are tried again when the daemon says so", options, async (t) => {
  const [, daemon] = await driven(t, "limits.opens-per-second = 20\nlimits.open-burst = 5\n");
  const opened = await Promise.all(Array.from({ length: 40 }, () => daemon.open({ plugin: "none", retry: 60 })));
  assert.equal(new Set(opened.map((stream) => stream.name)).size, 40);
  const results = await Promise.allSettled(
    Array.from({ length: 60 }, () => daemon.open({ plugin: "none", retry: 0.5 })),
  );
  const refused = results.filter((one) => one.status === "rejected");
  assert.ok(refused.length > 0 && refused.every((one) => one.reason instanceof Refused && one.reason.kind === "rate"));
});

test("operators ask for plugins, quarantine, reload, news and status", options, async (t) => {
  const [real, daemon] = await driven(t);
  const news = await daemon.subscribe();
  assert.ok((await daemon.plugins()).some((plugin) => plugin.plugin === PLUGIN));
  await daemon.quarantine(PLUGIN, "it is tried");
  await assert.rejects(daemon.open({ plugin: PLUGIN }), { kind: "plugin" });
  await daemon.release(PLUGIN);
  const stream = await daemon.open({ plugin: PLUGIN });
  await daemon.stop(stream);
  await names(stream);
  assert.deepEqual((await daemon.reload()).restart_needed, []);
  assert.equal((await daemon.status()).process, real.process.pid);
  const told: string[] = [];
  for await (const event of news) {
    told.push(event.event);
    if (event.event === "reloaded") {
      assert.deepEqual(event.restartNeeded, []);
      break;
    }
  }
  const expected = ["plugin_quarantined", "open_refused", "plugin_released", "stream_opened", "stream_ended", "reloaded"];
  assert.deepEqual(told, expected);
  await news.close();
  assert.equal(await daemon.drain(), 0);
  assert.equal(await real.wait(), 0);
});

test("a daemon that is killed breaks the iteration", options, async (t) => {
  const [real, daemon] = await driven(t);
  const stream = await daemon.open({ plugin: PLUGIN });
  real.process.kill("SIGKILL");
  await assert.rejects(names(stream), Disconnected);
  await assert.rejects(daemon.status(), Disconnected);
});

test("over TCP the token opens the connection, and another is refused", options, async (t) => {
  const real = await start(t, "", "a-secret-of-this-test");
  const address = { host: "127.0.0.1", port: real.port };
  await assert.rejects(connect(address, { token: "not-the-secret-at-all" }), { kind: "token" });
  const daemon = await connect(address, { token: "a-secret-of-this-test" });
  await eventOf(await daemon.open({ plugin: PLUGIN }), "candidate_gathering_done");
  await daemon.close();
});
