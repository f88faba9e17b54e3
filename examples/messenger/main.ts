/**
 * An instant messenger between two machines, without a server between them. Its window is a page on this machine.
 *
 *     deno run --allow-net --allow-read=. --allow-write=. --allow-sys=hostname examples/messenger/main.ts
 *
 * Options: `--name` (the machine's name), `--folder` (where address book and history are kept: `.`), `--address` (the
 * own address: 0.0.0.0), `--web` (the page's port: 8011), `--presence` (5010), `--requests` (5011), `--discovery`
 * (5012; 0 switches the multicast off).
 */
import { hostname } from "node:os";
import { join } from "node:path";
import { serveWebSocket, type WebSocketConnection } from "@sluice/sockets/websocket";
import { portNumber, readArguments } from "../_arguments.ts";
import { onInterrupt } from "../_until_interrupted.ts";
import { AddressBook, type Contact } from "./_address_book.ts";
import { History } from "./_history.ts";
import { Messenger } from "./_messenger.ts";
import page from "./page.html" with { type: "text" };

/** What the page asks for. */
type Wish =
  | { do: "call" | "end" | "remove"; name: string }
  | { do: "say"; name: string; text: string }
  | { do: "save"; contact: Contact; replaces: string | null }
  | { do: "available"; value: boolean };

const USAGE = `An instant messenger between two machines; its window is a page on this one.

Usage: messenger/main.ts [--name NAME] [--folder FOLDER] [--address ADDRESS] [--web PORT]
           [--presence PORT] [--requests PORT] [--discovery PORT]

  --name NAME       how you are called (the machine's name)
  --folder FOLDER   where address book and history are kept (.)
  --address ADDRESS the own address (0.0.0.0)
  --web PORT        the port of the page (8011; 0 for any free one)
  --presence PORT   where others ask who is there (5010)
  --requests PORT   where others ask for a talk (5011)
  --discovery PORT  where all are found by multicast (5012; 0 switches it off)`;

async function main(): Promise<void> {
  const values = readArguments(USAGE, {
    options: {
      name: { type: "string" },
      folder: { type: "string", default: "." },
      address: { type: "string", default: "0.0.0.0" },
      web: { type: "string", default: "8011" },
      presence: { type: "string", default: "5010" },
      requests: { type: "string", default: "5011" },
      discovery: { type: "string", default: "5012" },
    },
  }, ({ values }) => ({
    ...values,
    web: portNumber("--web", values.web),
    presence: portNumber("--presence", values.presence),
    requests: portNumber("--requests", values.requests),
    discovery: portNumber("--discovery", values.discovery),
  }));
  const name = values.name ?? hostname();
  await Deno.mkdir(values.folder, { recursive: true });
  const book = await AddressBook.open(join(values.folder, "contacts.json"));
  const history = await History.open(join(values.folder, "history.jsonl"));

  let tell: (message: unknown) => void = () => {};
  const state = (): unknown => ({
    name,
    available: messenger.available,
    contacts: book.contacts.map((contact) => ({
      ...contact,
      online: messenger.online.has(contact.name),
      talking: messenger.talks.includes(contact.name),
    })),
    nearby: messenger.nearby,
    history: history.latest,
  });
  const show = (): void => tell({ state: state() });
  await using messenger = new Messenger({
    name,
    address: values.address,
    presencePort: values.presence,
    requestPort: values.requests,
    discoveryPort: values.discovery,
    book,
    onchange: show,
    onnotice: (notice) => tell({ notice }),
    onmessage: (contact, from, text) => {
      history.add(contact, from, text);
      show();
    },
  });

  async function grant(wish: Wish): Promise<string> {
    if (wish.do === "call") return await messenger.call(wish.name);
    if (wish.do === "say") return await messenger.say(wish.name, wish.text);
    if (wish.do === "end") await messenger.hangUp(wish.name);
    if (wish.do === "remove") {
      await messenger.hangUp(wish.name);
      await book.remove(wish.name);
    }
    if (wish.do === "available") messenger.available = wish.value === true;
    if (wish.do === "save") {
      await book.put(wish.contact, wish.replaces ?? undefined);
      // A talk goes by the contact's name: under a new one it could be neither seen nor ended.
      if (wish.replaces !== null && book.find(wish.replaces) === undefined) {
        await messenger.hangUp(wish.replaces);
      }
      tell({ saved: true });
      messenger.probe();
    }
    show();
    return "";
  }

  const visit = (ws: WebSocketConnection): void => {
    ws.send(JSON.stringify({ state: state() }));
    ws.on("message", async (data) => {
      try {
        const notice = await grant(JSON.parse(String(data)));
        if (notice !== "") tell({ notice });
      } catch (error) {
        tell({ notice: error instanceof TypeError ? error.message : `That failed: ${error}` });
      }
    });
  };
  await messenger.start();
  // The page can do all that the user can: only this machine's browser gets it, under this machine's own name.
  await using server = await serveWebSocket({
    port: values.web,
    hostname: "127.0.0.1",
    default: visit,
    authorize: (request) => isLocal(request),
    handler: (request) =>
      isLocal(request)
        ? new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } })
        : new Response("Not here\n", { status: 403 }),
  });
  tell = (message) => server.broadcast(JSON.stringify(message));
  console.log(`${name}: http://127.0.0.1:${server.port}/ (Ctrl-C stops)`);
  await new Promise<void>((resolve) => void onInterrupt(resolve));
  tell = () => {};
}

/** Whether the page was asked for by this machine's own name: a name that others own may point here, too. */
function isLocal(request: Request): boolean {
  return ["127.0.0.1", "localhost"].includes(new URL(request.url).hostname);
}

if (import.meta.main) {
  try {
    await main();
    Deno.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
