/** A real daemon, with everything of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { createConnection, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Stream, StreamEvent } from "../src/handclasp.js";

/** Milliseconds that anything may take on a busy machine. */
export const PATIENCE = 60_000;

/** The command `handclasp`, if it is here; where nothing may lack it must be. */
export function program(): string | undefined {
  const named = process.env["HANDCLASP"] ?? "handclasp";
  const places = named.includes("/")
    ? [resolve(named)]
    : (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, named));
  const found = places.find((place) => existsSync(place));
  assert.ok(found !== undefined || process.env["CI"] !== "true", `${named} must be here: name it with HANDCLASP`);
  return found;
}

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + PATIENCE;
  while (!(await condition())) {
    assert.ok(performance.now() < limit, "it does not come to hold");
    await new Promise((later) => setTimeout(later, 20));
  }
}

/** `handclasp serve` in a directory of its own. */
export class RealDaemon {
  #ended: Promise<number | string> | undefined;

  private constructor(
    readonly place: string,
    readonly process: ChildProcess,
    readonly socket: string,
    readonly port: number,
  ) {
    this.#ended = new Promise((ended) => process.once("exit", (code, signal) => ended(code ?? signal ?? "")));
  }

  static async start(configuration = "", token?: string): Promise<RealDaemon> {
    const command = program();
    assert.ok(command !== undefined);
    const place = mkdtempSync(join(tmpdir(), "handclasp-"));
    const socket = join(place, "control.sock");
    const port = await freeTcpPort();
    const plugins = process.env["HANDCLASP_PLUGINS"] ?? join(dirname(realpathSync(command)), "plugins");
    let text = `control.socket = "${socket}"\nlisten.addresses = ["127.0.0.1"]\nlisten.port = ${await freeUdpPort()}\n`;
    if (existsSync(plugins)) {
      text += `plugins.directories = ["${plugins}"]\n`;
    }
    if (token !== undefined) {
      writeFileSync(join(place, "token"), `${token}\n`, { mode: 0o600 });
      text += `control.tcp = "127.0.0.1:${port}"\ncontrol.token-file = "${join(place, "token")}"\n`;
    }
    writeFileSync(join(place, "handclasp.toml"), text + configuration);
    const log = openSync(join(place, "log"), "w");
    const started = spawn(command, ["serve", "--config", join(place, "handclasp.toml")], {
      stdio: ["ignore", "ignore", log],
    });
    closeSync(log);
    const daemon = new RealDaemon(place, started, socket, port);
    await until(async () => {
      assert.equal(started.exitCode, null, daemon.log());
      return new Promise<boolean>((listens) => {
        const probe = createConnection(socket);
        probe.once("connect", () => listens((probe.destroy(), true)));
        probe.once("error", () => listens(false));
      });
    });
    return daemon;
  }

  log(): string {
    return readFileSync(join(this.place, "log"), "utf8");
  }

  /** Waits for its end: its exit code, or the signal that killed it. */
  wait(): Promise<number | string> {
    return this.#ended ?? Promise.resolve("");
  }

  /** Kills it, unless it has ended, and removes what it had. */
  async end(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.wait();
    rmSync(this.place, { recursive: true, force: true });
  }
}

/** The next event of this name; others before it are passed over. */
export async function eventOf<Name extends StreamEvent["event"]>(
  stream: Stream,
  name: Name,
): Promise<Extract<StreamEvent, { readonly event: Name }>> {
  for await (const event of stream) {
    if (event.event === name) {
      return event as Extract<StreamEvent, { readonly event: Name }>;
    }
    assert.notEqual(event.event, "component_state_failed", JSON.stringify(event.fields));
  }
  throw new assert.AssertionError({ message: `stream ${stream.name} ended without ${name}` });
}

/** Carries what each of two streams says for the other, until both are ready. */
export async function signalling(one: Stream, other: Stream): Promise<void> {
  const carry = async (stream: Stream, peer: Stream) => {
    for await (const event of stream) {
      const message = stream.forPeer(event);
      if (message !== undefined) {
        await peer.fromPeer(message);
      } else if (event.event === "component_state_ready") {
        return;
      }
      assert.ok(event.event !== "component_state_failed" && event.event !== "error", JSON.stringify(event.fields));
    }
    assert.fail(`stream ${stream.name} has ended`);
  };
  await Promise.all([carry(one, other), carry(other, one)]);
}
