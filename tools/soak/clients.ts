/** A client process of a soak run: many connections that send, get their messages back, check them, and come and go. */
import { CA } from "../../tests/_support/certs.ts";
import { dial, lengthPrefixFramer, MessageSocket } from "../../net/mod.ts";
import { connectSocketIo } from "../../socketio/mod.ts";
import { connectWebSocket } from "../../websocket/mod.ts";
import {
  checkMessage,
  type ClientCounts,
  type Kind,
  KINDS,
  makeMessage,
  Pauses,
  type Ports,
  serveCommands,
} from "./wire.ts";

/** What all kinds of connection can do. */
interface Link {
  /** Sends one message. */
  send(message: Uint8Array): Promise<void>;
  /** The next message that came back; fails when none comes in time. */
  receive(): Promise<Uint8Array>;
  /** Closes, or cuts the connection. */
  close(cut: boolean): Promise<void>;
  /** What broke the connection though nobody closed it. */
  failure?: Error;
}

const HOST = "127.0.0.1";
const DEADLINE = 60_000;

const [ports, counts, firstId, churn]: [Ports, Record<Kind, number>, number, number] = JSON.parse(
  Deno.args[0],
);
const told: ClientCounts = {
  open: Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>,
  opened: 0,
  echoed: 0,
  broadcasts: 0,
  lost: 0,
  wrong: 0,
  broken: 0,
  faults: [],
};
const pauses = new Pauses();

function fault(count: "lost" | "wrong" | "broken", what: string): void {
  told[count]++;
  if (told.faults.length < 10) told.faults.push(`${count}: ${what}`);
}

/** Broadcasts are numbered: none may be missing. */
function countTicks(kind: Kind): (tick: number) => void {
  let last = 0;
  return (tick) => {
    if (last !== 0 && tick !== last + 1) fault("wrong", `${kind}: tick ${tick} after ${last}`);
    else told.broadcasts++;
    last = tick;
  };
}

async function openStream(kind: "tcp" | "tls"): Promise<Link> {
  const tls = kind === "tls" ? { caCerts: [CA], servername: "localhost" } : undefined;
  const at = { hostname: HOST, port: ports[kind] };
  const transport = await dial(at, { tls, timeout: DEADLINE, noDelay: true });
  const messages = new MessageSocket(transport, lengthPrefixFramer());
  return {
    send: (message) => messages.write(message, { timeout: DEADLINE }),
    async receive() {
      const message = await messages.read({ timeout: DEADLINE });
      if (message === undefined) throw new Error("the server ended the connection");
      return message;
    },
    async close(cut) {
      if (!cut) {
        await messages.closeWrite();
        const rest = await messages.read({ timeout: DEADLINE });
        if (rest !== undefined) fault("wrong", `${kind}: a message behind the last`);
      }
      messages.close();
    },
  };
}

async function openWebSocket(kind: "ws" | "wsDeflate"): Promise<Link> {
  const ws = await connectWebSocket(`ws://${HOST}:${ports.ws}/`, {
    protocols: ["echo"],
    perMessageDeflate: kind === "wsDeflate" ? { clientNoContextTakeover: true } : false,
    connectTimeout: DEADLINE,
    handshakeTimeout: DEADLINE,
  });
  const tick = countTicks(kind);
  const came: Uint8Array[] = [];
  let waiting: PromiseWithResolvers<void> | undefined;
  ws.on("message", (data) => {
    if (typeof data === "string") return tick(Number(data));
    came.push(data);
    waiting?.resolve();
  });
  let closing = false;
  const link: Link = {
    send: (message) => ws.send(message),
    async receive() {
      if (came.length === 0) {
        waiting = Promise.withResolvers();
        await inTime(waiting.promise);
        waiting = undefined;
      }
      const message = came.shift();
      if (message === undefined) throw link.failure;
      return message;
    },
    async close(cut) {
      closing = true;
      if (cut) ws.terminate();
      else if (!(await ws.close()).wasClean) fault("broken", `${kind}: the close was not clean`);
      await ws.closed;
    },
  };
  ws.closed.then(({ code }) => {
    if (!closing) link.failure = new Error(`the WebSocket was closed with ${code}`);
    waiting?.resolve();
  });
  return link;
}

async function openSocketIo(kind: "sio" | "sioPolling"): Promise<Link> {
  const socket = connectSocketIo(`http://${HOST}:${ports.sio}`, {
    transports: kind === "sio" ? ["websocket"] : ["polling"],
    reconnection: false,
    timeout: DEADLINE,
  });
  const failed = Promise.withResolvers<never>();
  let closing = false;
  const tick = countTicks(kind);
  socket.on("tick", (n) => tick(n as number));
  socket.on("connect_error", (error) => failed.reject(error));
  socket.on("disconnect", (reason, error) => {
    if (closing) return;
    const why = error === undefined ? reason : `${reason}, ${error.message}`;
    link.failure = new Error(`the client was disconnected: ${why}`, { cause: error?.cause });
  });
  const connected = new Promise<void>((resolve) => socket.on("connect", () => resolve()));
  const answers: Promise<Uint8Array>[] = [];
  const link: Link = {
    send(message) {
      const answer = socket.timeout(DEADLINE).emitWithAck("echo", message) as Promise<Uint8Array>;
      answer.catch(() => {});
      answers.push(answer);
      return Promise.resolve();
    },
    receive: () => answers.shift()!,
    async close() {
      closing = true;
      await socket.close();
    },
  };
  await Promise.race([connected, failed.promise]);
  return link;
}

function open(kind: Kind): Promise<Link> {
  if (kind === "tcp" || kind === "tls") return openStream(kind);
  return kind === "ws" || kind === "wsDeflate" ? openWebSocket(kind) : openSocketIo(kind);
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("nothing came back in time")), DEADLINE);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One connection after the other, of one kind; with `rounds`, each ends after so many of them. */
async function keepConnected(kind: Kind, id: number, rounds: number): Promise<void> {
  while (!pauses.over) {
    let link: Link;
    try {
      link = await open(kind);
    } catch (error) {
      fault("broken", `${kind} ${id}: ${error}`);
      await pauses.pause(1000);
      continue;
    }
    told.opened++;
    told.open[kind]++;
    let seq = 0;
    try {
      for (let round = 0; round < rounds && !pauses.over; round++) {
        const burst = 1 + Math.floor(Math.random() * 3);
        for (let i = 0; i < burst; i++) await link.send(makeMessage(id, seq + i));
        for (let i = 0; i < burst; i++) {
          const problem = checkMessage(await link.receive(), id, seq++);
          if (problem === undefined) told.echoed++;
          else fault("wrong", `${kind}: ${problem}`);
        }
        await pauses.pause(5000 + Math.random() * 10_000);
        if (link.failure !== undefined) throw link.failure;
      }
      await link.close(Math.random() < 0.3 && !pauses.over);
    } catch (error) {
      const { failure = error } = link;
      const why = failure === error ? `${error}` : `${error} (${failure})`;
      fault(`${error}`.includes("in time") ? "lost" : "broken", `${kind} ${id}: ${why}`);
      await link.close(true).catch(() => {});
    }
    told.open[kind]--;
  }
}

/** All connections are there after so many milliseconds. */
const rampUp = Number(Deno.args[1]);
const total = KINDS.reduce((sum, kind) => sum + counts[kind], 0);
const runs: Promise<void>[] = [];
async function begin(): Promise<void> {
  const order = KINDS.flatMap((kind) => Array.from({ length: counts[kind] }, () => kind));
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const start = performance.now();
  for (const [i, kind] of order.entries()) {
    if (pauses.over) return;
    const rounds = Math.random() < churn ? 1 + Math.floor(Math.random() * 4) : Infinity;
    runs.push(keepConnected(kind, firstId + i, rounds));
    const wait = start + (i + 1) / total * rampUp - performance.now();
    if (wait > 5) await pauses.pause(wait);
  }
}
const begun = begin();

await serveCommands({
  counts: () => told,
  async stop() {
    pauses.end();
    await begun;
    await Promise.all(runs);
    return told;
  },
});
