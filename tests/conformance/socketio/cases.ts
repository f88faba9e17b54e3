/**
 * What the protocol documents say of a server, as cases: Engine.IO protocol, revision 4, and Socket.IO protocol, revision
 * 5. They talk with the server through HTTP and WebSocket alone.
 *
 * The server has the namespaces `/` and `/custom`. In both of them it
 * - greets each socket with the event `auth` and what the socket was opened with,
 * - answers the event `message` with `message-back` and the same arguments,
 * - acknowledges `message-with-ack` with the arguments,
 * - answers `ask` by emitting `question` with the same arguments, and what acknowledges that by emitting `answered`.
 *
 * Its `pingInterval`, `pingTimeout` and `connectTimeout` should be short, a second or so: cases wait for them.
 */
import { engineUrl, type Link, type Packet, PATIENCE, PollingLink, WebSocketLink } from "./link.ts";

/** A case: it throws where the server is wrong. */
export interface Case {
  id: string;
  title: string;
  /** Demanded of a strict server only: the documents leave it open. */
  strict?: boolean;
  run(base: string): Promise<void>;
}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

function same(got: unknown, wanted: unknown, what: string): void {
  const shown = (value: unknown): string =>
    JSON.stringify(value, (_, v) => v instanceof Uint8Array ? `bytes ${v.toHex()}` : v) ??
      "nothing";
  must(shown(got) === shown(wanted), `${what}: ${shown(got)} instead of ${shown(wanted)}`);
}

async function status(response: Response): Promise<number> {
  await response.body?.cancel();
  return response.status;
}

const transports = { polling: PollingLink, websocket: WebSocketLink };
type Name = keyof typeof transports;

/** Runs with a link that is left at the end, whatever happens. */
async function using<L extends Link>(
  opening: Promise<L>,
  body: (link: L) => Promise<void>,
): Promise<void> {
  const link = await opening;
  try {
    await body(link);
  } finally {
    await link.leave();
  }
}

/** The same case over each transport. */
function overBoth(
  id: string,
  title: string,
  body: (link: Link, base: string, name: Name) => Promise<void>,
  strict = false,
): Case[] {
  return (Object.keys(transports) as Name[]).map((name, i) => ({
    id: `${id}.${i + 1}`,
    title: `${title}, over ${name}`,
    strict,
    run: (base) =>
      using(transports[name].open(base) as Promise<Link>, (link) => body(link, base, name)),
  }));
}

/** Sends packets, and compares what comes back. */
function talk(id: string, title: string, send: Packet[], wanted: Packet[], nsp = ""): Case[] {
  return overBoth(id, title, async (link) => {
    await link.join(nsp);
    await link.send(...send);
    for (const [i, packet] of wanted.entries()) same(await link.next(), packet, `packet ${i}`);
  });
}

/** A WebSocket that the server must refuse, or close without a word. */
async function refused(base: string, params: Record<string, string | undefined>): Promise<void> {
  const link = new WebSocketLink(base, params);
  try {
    same(await link.end(), [], "packets on a WebSocket that is not allowed");
  } finally {
    await link.leave();
  }
}

function checkHandshake(handshake: PollingLink["handshake"], upgrades: string[]): void {
  must(
    typeof handshake.sid === "string" && handshake.sid.length >= 16,
    "the sid is too short to be a secret",
  );
  same(handshake.upgrades, upgrades, "upgrades");
  for (const name of ["pingInterval", "pingTimeout", "maxPayload"] as const) {
    must(Number.isInteger(handshake[name]) && handshake[name] > 0, `${name} is ${handshake[name]}`);
  }
}

function handshakes(): Case[] {
  const bad: [string, Record<string, string | undefined>][] = [
    ["without EIO", { EIO: undefined }],
    ["with an EIO that is no number", { EIO: "abc" }],
    ["with an EIO of the future", { EIO: "99" }],
    ["without a transport", { transport: undefined }],
    ["with an unknown transport", { transport: "carrier-pigeon" }],
    ["with a transport that is a name of every object", { transport: "constructor" }],
    ["with an unknown sid", { sid: "AAAAAAAAAAAAAAAAAAAA" }],
    ["with a sid that is a name of every object", { sid: "__proto__" }],
  ];
  return [
    {
      id: "1.1.1",
      title: "a session opens, over polling",
      run: async (base) => {
        const response = await fetch(engineUrl(base, { transport: "polling" }));
        const body = await response.text();
        same(response.status, 200, "status");
        must(
          /^text\/plain/.test(response.headers.get("content-type") ?? ""),
          "it is not text/plain",
        );
        must(body.startsWith("0{") && !body.includes("\x1e"), `the body is ${body}`);
        checkHandshake(JSON.parse(body.slice(1)), ["websocket"]);
      },
    },
    {
      id: "1.1.2",
      title: "a session opens, over websocket",
      run: (base) =>
        using(
          WebSocketLink.open(base),
          (link) => Promise.resolve(checkHandshake(link.handshake, [])),
        ),
    },
    {
      id: "1.1.3",
      title: "sessions have different ids, and the socket's id is another",
      run: (base) =>
        using(WebSocketLink.open(base), (a) =>
          using(WebSocketLink.open(base), async (b) => {
            await b.send("40");
            const { sid } = JSON.parse(String(await b.next()).slice(2));
            const all = [a.handshake.sid, b.handshake.sid, sid];
            same(new Set(all).size, 3, "different ids");
          })),
    },
    ...bad.flatMap(([how, params], i): Case[] => [{
      id: `1.2.${2 * i + 1}`,
      title: `a request ${how} is refused, over polling`,
      run: async (base) => {
        const url = engineUrl(base, { transport: "polling", ...params });
        same(await status(await fetch(url)), 400, "status");
        same(await status(await fetch(url, { method: "POST", body: "40" })), 400, "status of POST");
      },
    }, {
      id: `1.2.${2 * i + 2}`,
      title: `a request ${how} is refused, over websocket`,
      run: (base) => refused(base, params),
    }]),
    {
      id: "1.3.1",
      title: "a session can't be opened with POST, PUT or DELETE",
      run: async (base) => {
        for (const method of ["POST", "PUT", "DELETE"]) {
          const url = engineUrl(base, { transport: "polling" });
          const got = await status(await fetch(url, { method, body: "40" }));
          must(got >= 400 && got < 500, `${method} was answered with ${got}`);
        }
      },
    },
    {
      id: "1.3.2",
      title: "a plain request for the transport websocket is refused",
      run: async (base) => {
        same(await status(await fetch(engineUrl(base, { transport: "websocket" }))), 400, "status");
      },
    },
    {
      id: "1.3.3",
      title: "the sid of a WebSocket is of no use to polling",
      run: (base) =>
        using(WebSocketLink.open(base), async (link) => {
          const { sid } = link.handshake;
          same(
            await status(await fetch(engineUrl(base, { transport: "polling", sid }))),
            400,
            "status",
          );
        }),
    },
  ];
}

const life = ({ handshake }: Link): number => handshake.pingInterval + handshake.pingTimeout;

function heartbeats(): Case[] {
  return [
    ...overBoth("2.1", "pings come, and answering them keeps the connection", async (link) => {
      await link.join();
      const begin = performance.now();
      const wanted = Math.ceil(life(link) / link.handshake.pingInterval) + 1;
      await link.until(
        "pings",
        () => link.pings >= wanted || link.ended,
        wanted * life(link) + PATIENCE,
      );
      must(performance.now() - begin > 0.9 * life(link), "the pings came faster than was told");
      await link.send('42["message",1]');
      same(await link.next(), '42["message-back",1]', "after the pings");
    }),
    ...overBoth("2.2", "a client that does not answer is dropped", async (link) => {
      link.silent = true;
      const begin = performance.now();
      await link.end(life(link) + PATIENCE);
      must(performance.now() - begin > 0.9 * life(link) - 100, "it was dropped too early");
    }),
    ...overBoth("2.3", "a client must not ping", async (link) => {
      await link.send("2");
      await link.end(link.handshake.pingInterval);
    }, true),
    {
      id: "2.4.1",
      title: "a session that was dropped is unknown",
      run: (base) =>
        using(PollingLink.open(base), async (link) => {
          link.silent = true;
          await link.end(life(link) + PATIENCE);
          same(await status(await link.get()), 400, "status of GET");
          same(await link.post("40"), 400, "status of POST");
        }),
    },
    ...overBoth("2.5", "a client that joins nothing is dropped after a while", async (link) => {
      await link.end();
    }),
  ];
}

async function gone(link: PollingLink): Promise<void> {
  same(await status(await link.get()), 400, "status of a request after the end");
}

function polling(): Case[] {
  const cases: [title: string, run: (link: PollingLink) => Promise<void>, strict?: boolean][] = [
    ["a body is taken with ok", async (link) => {
      const { sid } = link.handshake;
      const response = await fetch(engineUrl(base(link), { transport: "polling", sid }), {
        method: "POST",
        body: "40",
      });
      same([response.status, await response.text()], [200, "ok"], "the answer");
    }],
    ["one body brings several packets, one response several", async (link) => {
      link.start();
      await link.join();
      same(await link.post('42["message",1]\x1e42["message",2]'), 200, "status");
      same(await link.next(), '42["message-back",1]', "first");
      same(await link.next(), '42["message-back",2]', "second");
    }],
    ["two requests that wait at a time end the session", async (link) => {
      await link.post("40");
      await status(await link.get());
      const answers = await Promise.all(
        [link.get(), link.get()].map(async (one) => {
          const response = await one;
          return [response.status, await response.text()] as const;
        }),
      );
      must(answers.some(([code]) => code === 400), `neither of the two was refused: ${answers}`);
      await gone(link);
    }],
    ["a request that waits and is given up ends the session", async (link) => {
      const controller = new AbortController();
      const waiting = link.get(controller.signal).then((response) => response.text(), () => {});
      // The request is under way: its connection is another than that of the next one.
      await link.post("40/nowhere,");
      await waiting;
      const second = link.get(controller.signal).then((response) => response.text(), () => {});
      await fetch(engineUrl(base(link), { transport: "none" })).then(status);
      controller.abort();
      await second;
      const deadline = performance.now() + link.handshake.pingInterval;
      while (await link.post("6") !== 400) {
        must(performance.now() < deadline, "the session goes on");
      }
    }, true],
    ["a body as large as is allowed", async (link) => {
      const frame = '42["message",""]';
      const text = "x".repeat(link.handshake.maxPayload - frame.length);
      await link.post("40");
      same(await link.post(`42["message","${text}"]`), 200, "status");
      link.start();
      await link.next();
      await link.next();
      must(await link.next() === `42["message-back","${text}"]`, "it came back wrong");
    }],
    ["a body that is too large", async (link) => {
      const code = await link.post(`42["message","${"x".repeat(link.handshake.maxPayload)}"]`);
      must([0, 400, 413].includes(code), `it was answered with ${code}`);
    }],
    ["a body that is too large ends the session", async (link) => {
      await link.post(`42["message","${"x".repeat(link.handshake.maxPayload)}"]`);
      await gone(link);
    }, true],
    ["a body that is not UTF-8", async (link) => {
      await link.post("40");
      const body = new TextEncoder().encode('42["message","?"]');
      body[body.indexOf(0x3f)] = 0xff;
      same(await link.post(body), 400, "status");
      await gone(link);
    }, true],
    ["the close packet ends the session", async (link) => {
      same(await link.post("1"), 200, "status");
      await gone(link);
    }],
    ...["abc", "", "9", "\x1e", "40\x1e", "bAAA*", "b====", "0{}"].map((
      body,
    ): [string, (link: PollingLink) => Promise<void>, boolean] => [
      `the body ${JSON.stringify(body)} ends the session`,
      async (link) => {
        const code = await link.post(body);
        must(code === 400 || code === 200, `it was answered with ${code}`);
        const response = await link.get();
        must(
          response.status === 400 || (await response.text()).split("\x1e").includes("1"),
          "it goes on",
        );
        await response.body?.cancel().catch(() => {});
      },
      body !== "abc",
    ]),
  ];
  return cases.map(([title, run, strict], i) => ({
    id: `3.${i + 1}`,
    title,
    ...strict && { strict },
    run: (url) =>
      using(PollingLink.open(url, false), (link) => {
        bases.set(link, url);
        return run(link);
      }),
  }));
}

const bases = new WeakMap<Link, string>();
const base = (link: Link): string => bases.get(link)!;

function websocket(): Case[] {
  const ends: [Packet[], boolean?][] = [
    [["1"], true],
    [["abc"]],
    [[""]],
    [["9"], true],
    [["0{}"], true],
    [["5"], true],
  ];
  return [
    ...ends.map(([packets, strict], i): Case => ({
      id: `4.1.${i + 1}`,
      title: `the message ${JSON.stringify(packets[0])} closes a WebSocket`,
      ...strict && { strict },
      run: (url) =>
        using(WebSocketLink.open(url), async (link) => {
          await link.send(...packets);
          await link.end(link.handshake.pingInterval);
        }),
    })),
    {
      id: "4.2",
      title: "a message that is too large closes a WebSocket",
      run: (url) =>
        using(WebSocketLink.open(url), async (link) => {
          await link.join();
          await link.send(`42["message","${"x".repeat(link.handshake.maxPayload)}"]`);
          same(await link.end(), [], "answers");
        }),
    },
  ];
}

/** A session with its probe done. */
async function probe(url: string, session: PollingLink): Promise<WebSocketLink> {
  const ws = new WebSocketLink(url, { sid: session.handshake.sid });
  ws.handshake = session.handshake;
  must(await ws.opened(), "the WebSocket was refused");
  await ws.send("2probe");
  same(await ws.next(), "3probe", "the answer to the probe");
  return ws;
}

function upgrades(): Case[] {
  const cases: [string, (session: PollingLink, url: string) => Promise<void>][] = [
    [
      "polling is upgraded to a WebSocket, and what was sent before is not lost",
      async (session, url) => {
        await session.join();
        await session.send('42["message",1]');
        await using(probe(url, session), async (ws) => {
          // The request that waits is let go while the probe is on.
          await session.idle;
          await ws.send("5");
          const before = await session.next();
          same(before, '42["message-back",1]', "from before the upgrade");
          await ws.send('42["message",2]');
          same(await ws.next(), '42["message-back",2]', "after the upgrade");
          same(await status(await session.get()), 400, "status of polling after the upgrade");
        });
      },
    ],
    ["what is sent while the probe is on arrives once", async (session, url) => {
      await session.join();
      await using(probe(url, session), async (ws) => {
        await session.idle;
        await session.send('42["message",1]', '42["message",2]');
        await ws.send("5");
        same(await ws.next(), '42["message-back",1]', "first");
        same(await ws.next(), '42["message-back",2]', "second");
        await ws.send('42["message",3]');
        same(await ws.next(), '42["message-back",3]', "third");
      });
    }],
    [
      "a WebSocket that begins with something else is closed, and polling goes on",
      async (session, url) => {
        await session.join();
        for (const packet of ["2", "4hello", "2other", "abc"]) {
          const ws = new WebSocketLink(url, { sid: session.handshake.sid });
          must(await ws.opened(), "the WebSocket was refused");
          await ws.send(packet);
          await ws.end();
          await ws.leave();
        }
        await session.send('42["message",1]');
        same(await session.next(), '42["message-back",1]', "over polling");
      },
    ],
    ["a probe that is given up leaves polling as it was", async (session, url) => {
      await session.join();
      const ws = await probe(url, session);
      await session.idle;
      await ws.leave();
      session.start();
      await session.send('42["message",1]');
      let got = await session.next().catch(() => undefined);
      if (got === undefined) got = await session.next();
      same(got, '42["message-back",1]', "over polling");
    }],
    [
      "a second WebSocket for a session that was upgraded is closed, and the first goes on",
      async (session, url) => {
        await session.join();
        await using(probe(url, session), async (ws) => {
          await session.idle;
          await ws.send("5", '42["message",1]');
          same(await ws.next(), '42["message-back",1]', "after the upgrade");
          await refused(url, { sid: session.handshake.sid });
          await ws.send('42["message",2]');
          same(await ws.next(), '42["message-back",2]', "over the first");
        });
      },
    ],
  ];
  return cases.map(([title, run], i) => ({
    id: `5.${i + 1}`,
    title,
    run: (url) => using(PollingLink.open(url), (session) => run(session, url)),
  }));
}

function namespaces(): Case[] {
  const connects: [string, string, string, string][] = [
    ["the main namespace", "40", "40", '42["auth",{}]'],
    ["the main namespace with data", '40{"token":"123"}', "40", '42["auth",{"token":"123"}]'],
    ["another namespace", "40/custom,", "40/custom,", '42/custom,["auth",{}]'],
    [
      "another namespace with data",
      '40/custom,{"a":[1]}',
      "40/custom,",
      '42/custom,["auth",{"a":[1]}]',
    ],
  ];
  return [
    ...connects.flatMap(([title, packet, head, greeting], i) =>
      overBoth(`6.1.${i + 1}`, `a client joins ${title}`, async (link) => {
        await link.send(packet);
        const answer = String(await link.next());
        must(answer.startsWith(`${head}{`), `the answer is ${answer}`);
        must(/^\{"sid":"[^"]{16,}"/.test(answer.slice(head.length)), `the answer is ${answer}`);
        same(await link.next(), greeting, "greeting");
      })
    ),
    ...overBoth("6.2", "a client that wants an unknown namespace is told", async (link) => {
      await link.join();
      await link.send("40/unknown,");
      same(await link.next(), '44/unknown,{"message":"Invalid namespace"}', "the error");
      await link.send('42["message",1]');
      same(await link.next(), '42["message-back",1]', "afterwards");
    }),
    ...overBoth("6.3", "namespaces share a connection", async (link) => {
      await link.join();
      await link.join("/custom");
      await link.send('42/custom,["message",1]', '42["message",2]');
      same(await link.next(), '42/custom,["message-back",1]', "in /custom");
      same(await link.next(), '42["message-back",2]', "in /");
    }),
    ...overBoth("6.4", "a client leaves one of its namespaces, and comes back", async (link) => {
      await link.join();
      await link.join("/custom");
      await link.send("41/custom,", '42["message",1]');
      same(await link.next(), '42["message-back",1]', "in the other");
      await link.join("/custom");
      await link.send('42/custom,["message",2]');
      same(await link.next(), '42/custom,["message-back",2]', "after the return");
    }),
    ...overBoth(
      "6.5",
      "a client that left its only namespace keeps its connection",
      async (link) => {
        await link.join();
        await link.send("41");
        const pings = link.pings;
        await link.until("a ping", () => link.pings > pings || link.ended);
        must(!link.ended, "the connection was closed");
        await link.join();
      },
    ),
  ];
}

const placeholder = (num: number): string => `{"_placeholder":true,"num":${num}}`;
const ONE = new Uint8Array([1, 2, 3]);
const TWO = new Uint8Array([0, 255, 254, 253]);

function events(): Case[] {
  const two = `${placeholder(0)},{"deep":[${placeholder(1)}]}`;
  return [
    ...talk("7.1", "an event", ['42["message",1,"2",{"3":[true,null]}]'], [
      '42["message-back",1,"2",{"3":[true,null]}]',
    ]),
    ...talk("7.2", "an event without arguments", ['42["message"]'], ['42["message-back"]']),
    ...talk("7.3", "text of all planes", ['42["message","é€😀 \\u0000\\u001e\u2028"]'], [
      '42["message-back","é€😀 \\u0000\\u001e\u2028"]',
    ]),
    ...talk("7.4", "an event with an acknowledgement", ['42456["message-with-ack",1,{"2":3}]'], [
      '43456[1,{"2":3}]',
    ]),
    ...talk("7.5", "acknowledgements in another namespace", [
      '42/custom,0["message-with-ack","a,b"]',
    ], [
      '43/custom,0["a,b"]',
    ], "/custom"),
    ...talk("7.6", "an empty acknowledgement", ['427["message-with-ack"]'], ["437[]"]),
    ...talk("7.7", "a binary event", [`452-["message",${two}]`, ONE, TWO], [
      `452-["message-back",${two}]`,
      ONE,
      TWO,
    ]),
    ...talk("7.8", "a binary event with an acknowledgement", [
      `452-789["message-with-ack",${two}]`,
      ONE,
      TWO,
    ], [`462-789[${two}]`, ONE, TWO]),
    ...talk(
      "7.9",
      "a binary event in another namespace",
      [
        `451-/custom,["message",${placeholder(0)}]`,
        new Uint8Array(0),
      ],
      [`451-/custom,["message-back",${placeholder(0)}]`, new Uint8Array(0)],
      "/custom",
    ),
    ...talk(
      "7.10",
      "many events keep their order",
      Array.from({ length: 500 }, (_, i) => `42["message",${i}]`),
      Array.from({ length: 500 }, (_, i) => `42["message-back",${i}]`),
    ),
    ...talk("7.11", "an acknowledgement that nobody waits for", ['43999["x"]', '42["message",1]'], [
      '42["message-back",1]',
    ]),
    ...talk("7.12", "an event that nobody listens to", ['42["nobody"]', '42["message",1]'], [
      '42["message-back",1]',
    ]),
    ...overBoth("7.13", "the server asks, and takes the acknowledgement once", async (link) => {
      await link.join();
      for (const value of ["1", '{"a":"b"}']) {
        await link.send(`42["ask",${value}]`);
        const question = String(await link.next());
        const found = /^42(\d+)\["question",(.*)\]$/.exec(question);
        must(found !== null && found[2] === value, `the question is ${question}`);
        await link.send(`43${found[1]}["yes",${value}]`, `43${found[1]}["again"]`);
        same(await link.next(), `42["answered","yes",${value}]`, "the answer");
      }
    }),
    ...overBoth("7.14", "the server asks, and is answered with bytes", async (link) => {
      await link.join();
      await link.send('42["ask",1]');
      const id = /^42(\d+)\[/.exec(String(await link.next()))?.[1];
      await link.send(`461-${id}[${placeholder(0)}]`, ONE);
      same(await link.next(), `451-["answered",${placeholder(0)}]`, "the answer");
      same(await link.next(), ONE, "its bytes");
    }),
  ];
}

function malformed(): Case[] {
  const bad: [string, Packet[], strict?: boolean][] = [
    ["nothing in a message", ["4"]],
    ["a type that is no digit", ["4abc"]],
    ["a type too high", ["47"]],
    ["an event without data", ["42"], true],
    ["an event that is an object", ["42{}"]],
    ["an event that is a text", ['42"message"']],
    ["an event that is cut off", ['42["message"']],
    ["an event with something after it", ['42["message"]x']],
    ["an event without a name", ["42[]"]],
    ["an event with an object as its name", ["42[{}]"]],
    ["an event with a reserved name", ['42["disconnect"]']],
    ["an event with another reserved name", ['42["connect_error","x"]']],
    ["an acknowledgement that is an object", ["431{}"]],
    ["an acknowledgement without data", ["431"], true],
    ["a disconnect with data", ['41{"a":1}']],
    ["a connect with an array", ["40/custom,[1]"], true],
    ["a connect with a text", ['40/custom,"x"']],
    ["an event in a namespace that was not joined", ['42/custom,["message",1]']],
    ["a binary event without a count", ['45["message"]']],
    ["a binary event with a count that is no number", [`45x-["message",${placeholder(0)}]`]],
    ["a binary event with a negative count", [`45-1-["message",${placeholder(0)}]`]],
    ["more attachments than anyone sends", [`4599999999-["message",${placeholder(0)}]`], true],
    ["a count without its dash", [`451["message",${placeholder(0)}]`]],
    ["an attachment that is not there", [`451-["message",${placeholder(1)}]`, ONE]],
    ["an attachment with a negative number", [`451-["message",${placeholder(-1)}]`, ONE]],
    ["an attachment with a name as its number", [
      '451-["message",{"_placeholder":true,"num":"splice"}]',
      ONE,
    ]],
    ["text in place of an attachment", [`451-["message",${placeholder(0)}]`, '42["message",1]']],
    ["bytes that nothing announced", [ONE]],
    ["one attachment too many", [`451-["nobody",${placeholder(0)}]`, ONE, TWO]],
  ];
  return bad.flatMap(([title, packets, strict], i) =>
    overBoth(`8.${i + 1}`, `${title}: the connection is closed`, async (link) => {
      await link.join();
      const pings = link.pings;
      await link.send(...packets);
      const answers = await link.end();
      same(answers, [], "answers");
      must(link.pings - pings <= 1, "it lived on until its heartbeat failed");
    }, strict)
  );
}

function firsts(): Case[] {
  const bad: [string, string][] = [
    ["an event", '42["message",1]'],
    ["an acknowledgement", "431[]"],
    ["a disconnect", "41"],
    ["what is no packet", "4abc"],
  ];
  return bad.flatMap(([title, packet], i) =>
    overBoth(
      `9.${i + 1}`,
      `${title} before a namespace is joined closes the connection`,
      async (link) => {
        await link.send(packet);
        same(await link.end(), [], "answers");
      },
    )
  );
}

export const CASES: Case[] = [
  ...handshakes(),
  ...heartbeats(),
  ...polling(),
  ...websocket(),
  ...upgrades(),
  ...namespaces(),
  ...events(),
  ...malformed(),
  ...firsts(),
];

/** Plays one case. Returns what is wrong, or undefined. */
export async function play(one: Case, base: string): Promise<string | undefined> {
  try {
    await one.run(base);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
