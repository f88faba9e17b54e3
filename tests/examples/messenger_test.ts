import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { AddressBook } from "../../examples/messenger/_address_book.ts";
import { Messenger } from "../../examples/messenger/_messenger.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { BROWSER_TEST, openBrowser } from "../_support/browser.ts";
import { consoleErrors } from "../_support/console_errors.ts";
import { freePort, peerTest, runPeer, spawnPeer, tempFolder } from "../_support/peers.ts";

const MAIN = fileURLToPath(new URL("../../examples/messenger/main.ts", import.meta.url));
const RUN = ["run", "--no-check", "--allow-net", "--allow-read", "--allow-write", "--allow-sys"];
/** Two machines: addresses of their own on the loopback. Only Linux has all of 127.0.0.0/8 at once. */
const LINUX = { name: "Linux", found: (): boolean => Deno.build.os === "linux" };

type Program = Awaited<ReturnType<typeof spawnPeer>>;

interface Ports {
  presence: number;
  requests: number;
  discovery: number;
}

const freePorts = (): Ports => ({
  presence: freePort(),
  requests: freePort(),
  discovery: freePort(),
});

function start(name: string, address: string, folder: string, ports: Ports): Promise<Program> {
  const options = Object.entries({ name, address, folder, web: 0, ...ports })
    .flatMap(([key, value]) => [`--${key}`, String(value)]);
  return spawnPeer(Deno.execPath(), [...RUN, MAIN, ...options], {
    ready: /Ctrl-C stops/,
    stopSignal: "SIGINT",
  });
}

const page = (program: Program): string => /http:\S+/.exec(program.stdout)![0];

/** Connects from `from`, sends nothing, and gives all that comes until the end, or until `enough` has come. */
async function hear(from: string, to: string, port: number, enough: RegExp): Promise<string> {
  const { connect } = await import("node:net");
  return await new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ host: to, port, localAddress: from });
    socket.on("data", (data) => {
      text += data.toString();
      if (enough.test(text)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

Deno.test("messenger keeps its address book whole", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/contacts.json`;
  const book = await AddressBook.open(path);
  await Promise.all([
    book.put({ name: "Zoe", ip: "192.0.2.1" }),
    book.put({ name: "Ada", dns: "ada.example" }),
  ]);
  await book.put({ name: "Zoé", ip: "192.0.2.7" }, "Zoe");
  const read = await AddressBook.open(path);
  assertEquals(read.contacts, [
    { name: "Ada", dns: "ada.example" },
    { name: "Zoé", ip: "192.0.2.7" },
  ]);
  await assertRejects(() => book.put({ name: "", ip: "192.0.2.1" }), TypeError, "a name");
  await assertRejects(() => book.put({ name: "x" }), TypeError, "either an IP");
  await assertRejects(
    () => book.put({ name: "x", ip: "192.0.2.1", dns: "x.example" }),
    TypeError,
    "either an IP",
  );
  await assertRejects(() => book.put({ name: "x", ip: "12345" }), TypeError, "dots or colons");
  for (const ip of ["192.0.2.256", "fe80::1%eth0"]) {
    await assertRejects(() => book.put({ name: "x", ip }), TypeError, "no IP");
  }
  await assertRejects(() => book.put({ name: "Ada", ip: "192.0.2.1" }), TypeError, "already");
  await book.put({ name: "Bob", ip: " 2001:DB8:0::1 " });
  assertEquals(book.find("Bob")?.ip, "2001:db8::1"); // as the system tells who calls
  await Deno.writeTextFile(path, "[{");
  await assertRejects(() => AddressBook.open(path), Error, "it is damaged");
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["contacts.json"]);
});

/** Puts Bob into the address book in `folder`. */
async function knowBob(folder: string): Promise<void> {
  const contacts = [{ name: "Bob", ip: "127.0.0.3" }];
  await Deno.writeTextFile(`${folder}/contacts.json`, JSON.stringify(contacts));
}

peerTest("messenger that ends begins no talk any more", { needs: [LINUX] }, async () => {
  await using folder = await tempFolder();
  const book = await AddressBook.open(`${folder.path}/contacts.json`);
  await book.put({ name: "Ann", ip: "127.0.0.1" });
  await book.put({ name: "Bob", ip: "127.0.0.3" });
  const { presence, requests } = freePorts();
  const messenger = new Messenger({
    name: "Cid",
    book,
    address: "127.0.0.2",
    presencePort: presence,
    requestPort: requests,
    discoveryPort: 0,
    onchange() {},
    onmessage() {},
    onnotice() {},
  });
  await messenger.start();
  // Ann reads nothing, so telling her of the end takes a while; meanwhile Bob calls.
  using _ann = await Deno.connect({ hostname: "127.0.0.2", port: requests });
  while (messenger.talks.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const said = Array.from({ length: 500 }, () => messenger.say("Ann", "x".repeat(16_000)));
  const ended = messenger[Symbol.asyncDispose]();
  const bob = hear("127.0.0.3", "127.0.0.2", requests, /OK/).catch(() => "refused");
  await Promise.all([ended, ...said]);
  assertEquals(messenger.talks, []);
  assertEquals(await bob, "refused");
});

peerTest("messenger lets in only who is in the address book", { needs: [LINUX] }, async () => {
  await using folder = await tempFolder();
  await knowBob(folder.path);
  const ports = freePorts();
  await using ada = await start("Ada", "127.0.0.2", folder.path, ports);
  assertEquals(await hear("127.0.0.4", "127.0.0.2", ports.requests, /never/), "");
  assertEquals(await hear("127.0.0.3", "127.0.0.2", ports.requests, /OK$/), "2\r\nOK");
  // Presence: whoever connects is let in for half a second.
  assertEquals(await hear("127.0.0.4", "127.0.0.2", ports.presence, /never/), "");
  // A page of another name, which may point to this machine, too, does not get the window.
  const web = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(page(ada)).port) });
  await web.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
  const head = new Uint8Array(64);
  await web.read(head);
  web.close();
  assertMatch(new TextDecoder().decode(head), /^HTTP\/1\.1 403 /);
  assert(ada.stdout.includes("Ada: http://127.0.0.1:"));
});

peerTest("messenger looks every minute who is there", { needs: [LINUX] }, async () => {
  await using folder = await tempFolder();
  const ports = freePorts();
  const book = await AddressBook.open(`${folder.path}/contacts.json`);
  await book.put({ name: "Bob", ip: "127.0.0.3" });
  const periodic = new Map<number, () => void>();
  const { setInterval } = globalThis;
  globalThis.setInterval = ((look: () => void, ms: number) => {
    periodic.set(ms, look);
    return setInterval(() => {}, ms);
  }) as typeof setInterval;
  let notices = Promise.withResolvers<string>();
  await using messenger = new Messenger({
    name: "Ada",
    address: "127.0.0.2",
    presencePort: ports.presence,
    requestPort: ports.requests,
    discoveryPort: 0,
    book,
    onchange: () => {},
    onnotice: (text) => notices.resolve(text),
    onmessage: () => {},
  });
  try {
    await messenger.start();
  } finally {
    globalThis.setInterval = setInterval;
  }
  const bob = Deno.listen({ hostname: "127.0.0.3", port: ports.presence });
  const visit = bob.accept();
  periodic.get(60_000)!();
  assertEquals(await notices.promise, "Bob is there");
  assertEquals([...messenger.online], ["Bob"]);
  (await visit).close();
  bob.close();
  notices = Promise.withResolvers();
  periodic.get(60_000)!();
  assertEquals(await notices.promise, "Bob has left");
});

peerTest("messenger does not show oneself as there, nor talk with oneself", {
  needs: [LINUX],
}, async () => {
  await using folder = await tempFolder();
  const book = await AddressBook.open(`${folder.path}/contacts.json`);
  await book.put({ name: "Ada", ip: "127.0.0.2" });
  const { presence, requests } = freePorts();
  const told: string[] = [];
  await using messenger = new Messenger({
    name: "Ada",
    address: "127.0.0.2",
    presencePort: presence,
    requestPort: requests,
    discoveryPort: 0,
    book,
    onchange() {},
    onnotice: (text) => void told.push(text),
    onmessage() {},
  });
  await messenger.start();
  await messenger.probe();
  assertEquals([...messenger.online], []);
  assertEquals(await messenger.call("Ada"), "That is your own address");
  assertEquals([messenger.talks, told], [[], []]);
});

peerTest("messenger says NON_DISPO when its user is not available", {
  needs: [LINUX],
}, async () => {
  await using folder = await tempFolder();
  await knowBob(folder.path);
  const ports = freePorts();
  await using ada = await start("Ada", "127.0.0.2", folder.path, ports);
  const ws = new WebSocket(page(ada).replace("http", "ws"));
  const away = Promise.withResolvers<void>();
  ws.onmessage = ({ data }) => {
    const { state } = JSON.parse(data);
    if (state?.available === true) ws.send(JSON.stringify({ do: "available", value: false }));
    if (state?.available === false) away.resolve();
  };
  await away.promise;
  assertEquals(await hear("127.0.0.3", "127.0.0.2", ports.requests, /never/), "9\r\nNON_DISPO");
  const closed = Promise.withResolvers<void>();
  ws.onclose = () => closed.resolve();
  ws.close();
  await closed.promise;
});

peerTest("messenger ends the talk with a contact that gets another name", {
  needs: [LINUX],
}, async () => {
  await using folder = await tempFolder();
  await knowBob(folder.path);
  const ports = freePorts();
  await using ada = await start("Ada", "127.0.0.2", folder.path, ports);
  const ws = new WebSocket(page(ada).replace("http", "ws"));
  const closed = new Promise((resolve) => ws.onclose = resolve);
  ws.onmessage = ({ data }) => {
    const bob = JSON.parse(data).state?.contacts[0];
    if (bob?.name !== "Bob" || !bob.talking) return;
    const contact = { name: "Robert", ip: "127.0.0.3" };
    ws.send(JSON.stringify({ do: "save", contact, replaces: "Bob" }));
  };
  await new Promise((resolve) => ws.onopen = resolve);
  const late = setTimeout(() => ada.kill("SIGKILL"), 10_000);
  const heard = await hear("127.0.0.3", "127.0.0.2", ports.requests, /DEMANDE_ARRET$/);
  clearTimeout(late);
  assertEquals(heard, "2\r\nOK13\r\nDEMANDE_ARRET");
  ws.close();
  await closed;
});

/** Two messengers that know each other, and what they were told. */
async function twoMessengers(folder: string): Promise<
  { ada: Messenger; bob: Messenger; notices: string[] } & AsyncDisposable
> {
  const ports = freePorts();
  const notices: string[] = [];
  const make = async (name: string, address: string, other: string, ip: string) => {
    const book = await AddressBook.open(`${folder}/${name}.json`);
    await book.put({ name: other, ip });
    const messenger = new Messenger({
      name,
      address,
      presencePort: ports.presence,
      requestPort: ports.requests,
      discoveryPort: 0,
      book,
      onchange: () => {},
      onnotice: (text) => notices.push(`${name}: ${text}`),
      onmessage: () => {},
    });
    await messenger.start();
    return messenger;
  };
  const ada = await make("Ada", "127.0.0.2", "Bob", "127.0.0.3");
  const bob = await make("Bob", "127.0.0.3", "Ada", "127.0.0.2");
  return {
    ada,
    bob,
    notices,
    async [Symbol.asyncDispose]() {
      await ada[Symbol.asyncDispose]();
      await bob[Symbol.asyncDispose]();
    },
  };
}

peerTest("messenger: two who call each other at once have one talk, which either can end", {
  needs: [LINUX],
}, async () => {
  await using folder = await tempFolder();
  await using both = await twoMessengers(folder.path);
  const { ada, bob, notices } = both;
  for (const [ender, name] of [[ada, "Bob"], [bob, "Ada"]] as const) {
    assertEquals(await Promise.all([ada.call("Bob"), bob.call("Ada")]), ["", ""]);
    assertEquals([ada.talks, bob.talks], [["Bob"], ["Ada"]]);
    await ender.hangUp(name);
    const late = performance.now() + 10_000;
    while (ada.talks.length + bob.talks.length > 0 && performance.now() < late) {
      await new Promise((r) => setTimeout(r, 5));
    }
    assertEquals([ada.talks, bob.talks], [[], []]);
  }
  assertEquals(notices.filter((text) => text.includes("wants to talk")), [
    "Bob: Ada wants to talk",
    "Bob: Ada wants to talk",
  ]);
});

peerTest("messenger: a second call while the first one waits is no other one", {
  needs: [LINUX],
}, async () => {
  await using folder = await tempFolder();
  await using both = await twoMessengers(folder.path);
  const { ada, bob } = both;
  assertEquals(await Promise.all([ada.call("Bob"), ada.call("Bob")]), ["", ""]);
  assertEquals([ada.talks, bob.talks], [["Bob"], ["Ada"]]);
});

Deno.test("messenger says clearly that its port is taken", async () => {
  await using folder = await tempFolder();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const args = [MAIN, "--address", "127.0.0.1", "--folder", folder.path, "--presence", `${port}`];
  const { code, stderr } = await runPeer(Deno.execPath(), [...RUN, ...args]);
  assertEquals(code, 1);
  assertMatch(stderr, new RegExp(`Cannot listen on "127\\.0\\.0\\.1:${port}": EADDRINUSE`));
});

peerTest("messenger greets somebody nearby once, however long the name", {
  needs: [LINUX],
}, async () => {
  await using folder = await tempFolder();
  const ports = freePorts();
  let changes = 0;
  const heardBoth = Promise.withResolvers<void>();
  await using messenger = new Messenger({
    name: "Ada",
    address: "127.0.0.2",
    presencePort: ports.presence,
    requestPort: ports.requests,
    discoveryPort: ports.discovery,
    book: await AddressBook.open(`${folder.path}/contacts.json`),
    onchange: () => {
      changes++;
      if (messenger.nearby.length === 2) heardBoth.resolve();
    },
    onnotice: () => {},
    onmessage: () => {},
  });
  await messenger.start();
  await using other = createDatagramSocket();
  await other.bind(0, "127.0.0.3");
  other.setMulticastInterface("127.0.0.3");
  const long = "n".repeat(61);
  for (const name of [long, long, "Bob"]) {
    const text = JSON.stringify({ sluice: "messenger", id: name, name });
    await other.send(text, ports.discovery, "239.255.50.10");
  }
  await heardBoth.promise;
  assertEquals(messenger.nearby.map(({ name }) => name), [long.slice(0, 60), "Bob"]);
  assertEquals(changes, 2);
});

peerTest(
  "messenger starts where nobody can be found, and on IPv6",
  { needs: [LINUX] },
  async () => {
    await using folder = await tempFolder();
    const book = await AddressBook.open(`${folder.path}/contacts.json`);
    await using taken = await createDatagramSocket().bind(0, "0.0.0.0");
    const taking = taken.address().port;
    const start = async (address: string, discoveryPort: number): Promise<void> => {
      const { presence, requests } = freePorts();
      await using messenger = new Messenger({
        name: "Ada",
        address,
        presencePort: presence,
        requestPort: requests,
        discoveryPort,
        book,
        onchange: () => {},
        onnotice: () => {},
        onmessage: () => {},
      });
      await messenger.start();
      using conn = await Deno.connect({ hostname: address, port: presence });
      assertEquals(conn.remoteAddr.hostname, address);
    };
    const told = await consoleErrors(() => start("127.0.0.2", taking));
    assertEquals(told.length, 1);
    assertMatch(`${told[0]}`, /^Nobody nearby will be found, .*EADDRINUSE/);
    await consoleErrors(() => start("::1", freePorts().discovery));
  },
);

peerTest("messenger: two instances talk in two windows of Chromium", {
  ...BROWSER_TEST,
  needs: [...BROWSER_TEST.needs, LINUX],
}, async () => {
  await using ours = await tempFolder();
  await using theirs = await tempFolder();
  await Deno.writeTextFile(
    `${theirs.path}/contacts.json`,
    JSON.stringify([{ name: "Ada", ip: "127.0.0.2" }]),
  );
  const ports = freePorts();
  await using ada = await start("Ada", "127.0.0.2", ours.path, ports);
  await using bob = await start("Bob", "127.0.0.3", theirs.path, ports);
  await using browser = await openBrowser();
  const a = await browser.newPage();
  const b = await browser.newPage();
  a.on("dialog", (dialog) => dialog.accept());
  await a.goto(page(ada));
  await b.goto(page(bob));

  // Ada finds Bob by multicast, and takes him into her book.
  await a.getByRole("button", { name: "Bob (127.0.0.3)" }).click();
  await a.getByRole("button", { name: "Save" }).click();
  await a.getByRole("button", { name: "Bob, there" }).click();
  await a.getByRole("button", { name: "Talk" }).click();
  await a.getByText("Talk with Bob").waitFor();
  await b.getByText("Talk with Ada").waitFor();
  await b.getByText("Ada wants to talk").waitFor();
  await a.getByLabel("Message").fill("Good morning, Bob");
  await a.getByRole("button", { name: "Send" }).click();
  await b.getByText("Good morning, Bob").waitFor();
  await b.getByLabel("Message").fill("<i>Good morning</i>, Ada");
  await b.getByRole("button", { name: "Send" }).click();
  await a.getByText("<i>Good morning</i>, Ada").waitFor();
  if (Deno.env.get("SLUICE_SCREENSHOTS")) {
    await a.screenshot({ path: "docs/images/messenger.png" });
  }
  await a.getByRole("button", { name: "End the talk" }).click();
  await b.getByText("Ada has asked to end the talk").waitFor();
  const history = await Deno.readTextFile(`${theirs.path}/history.jsonl`);
  assertEquals(
    history.trim().split("\n").map((line) => JSON.parse(line)).map(({ contact, from, text }) => [
      contact,
      from,
      text,
    ]),
    [["Ada", "them", "Good morning, Bob"], ["Ada", "me", "<i>Good morning</i>, Ada"]],
  );
});
