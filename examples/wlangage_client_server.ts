/**
 * A server and a client as they are written in WLangage: named sockets, and the French names of the functions.
 *
 *     deno run --allow-net=127.0.0.1 examples/wlangage_client_server.ts serveur
 *     deno run --allow-net=127.0.0.1 examples/wlangage_client_server.ts serveur --simple
 *     deno run --allow-net=127.0.0.1 examples/wlangage_client_server.ts client Bonjour "Comment ça va ?"
 *
 * `--port PORT` changes the port (5000). The server answers each message with its length; `--simple` is WLangage's simplified server,
 * which reads under the name that it listens under and serves one client at a time. A WINDEV program can be either side: the
 * messages have WLangage's size header, and text is in Windows-1252, as WINDEV's ANSI strings are.
 */
import { ClientInfo, SocketBook } from "@sluice/sockets/socket";
import { portNumber, readArguments } from "./_arguments.ts";
import { printable } from "./_printable.ts";
import { onInterrupt } from "./_until_interrupted.ts";

const livre = new SocketBook({ encoding: "windows1252" });

function reponse(message: string): string {
  return `${message.length} caractères : ${message}`;
}

/** SocketCrée, then SocketAttendConnexion and SocketAccepte in a loop, and a task for each channel where WLangage has a thread. */
async function serveur(): Promise<void> {
  while (await livre.socketAttendConnexion("SERVEUR")) {
    const canal = await livre.socketAccepte("SERVEUR");
    if (canal !== "") dialogue(canal);
  }
}

async function dialogue(canal: string): Promise<void> {
  const client = livre.socketClientInfo(canal, ClientInfo.ADDRESS);
  console.log(`${canal} : ${client} est là`);
  for (;;) {
    const message = await livre.socketLit(canal);
    // Several tasks use the book, so this one asks for the error of its own socket.
    if (message === "" && livre.lastErrorOf(canal) !== null) break;
    if (!await livre.socketEcrit(canal, reponse(message))) break;
  }
  const erreur = livre.lastErrorOf(canal);
  // 100031 and 100032: the connection has ended in the ordinary way.
  console.log(`${canal} : ${erreur?.closed ? "a raccroché" : erreur?.message}`);
  await livre.socketFerme(canal);
}

/** SocketCrée, then SocketLit and SocketEcrit under the same name. */
async function serveurSimplifie(): Promise<void> {
  while (livre.socketExiste("SERVEUR")) {
    const message = await livre.socketLit("SERVEUR");
    if (livre.erreurDétectée) console.log(`${livre.erreurInfo("errCode")}`);
    else await livre.socketEcrit("SERVEUR", reponse(message));
  }
}

async function client(port: number, messages: string[]): Promise<void> {
  if (!await livre.socketConnecte("CLIENT", port, "127.0.0.1", "5 s")) {
    console.error(livre.erreurInfo());
    Deno.exitCode = 1;
    return;
  }
  for (const message of messages) {
    await livre.socketEcrit("CLIENT", message);
    const lu = livre.erreurDétectée ? "" : await livre.socketLit("CLIENT", false, "2 s");
    if (lu === "") {
      // Nothing that comes in time is no error.
      console.error(livre.erreurInfo() || "Le serveur ne répond pas.");
      Deno.exitCode = 1;
      break;
    }
    console.log(printable(lu));
  }
  await livre.socketFerme("CLIENT");
}

const USAGE = `Un serveur et un client comme on les écrit en WLangage.

Usage: wlangage_client_server.ts serveur [--simple] [--port PORT]
       wlangage_client_server.ts client [--port PORT] MESSAGE ...

  --port PORT  le port (5000 ; le serveur en prend un libre pour 0)
  --simple     le serveur simplifié : un client à la fois`;

async function main(): Promise<void> {
  const { role, messages, port, simple } = readArguments(USAGE, {
    allowPositionals: true,
    options: { port: { type: "string", default: "5000" }, simple: { type: "boolean" } },
  }, ({ values, positionals: [role, ...messages] }) => {
    if (role !== "serveur" && role !== "client") {
      throw new TypeError('Dites "serveur" ou "client", puis les messages.');
    }
    if (role === "serveur" && messages.length > 0) {
      throw new TypeError("Le serveur ne prend pas de messages.");
    }
    if (role === "client" && values.simple) {
      throw new TypeError("Le client ne prend pas --simple.");
    }
    if (role === "client" && messages.length === 0) {
      throw new TypeError("Dites au moins un message.");
    }
    return { role, messages, port: portNumber("--port", values.port), simple: values.simple };
  });
  if (role === "client") return await client(port, messages);
  if (!await livre.socketCrée("SERVEUR", port, "127.0.0.1")) {
    console.error(livre.erreurInfo());
    Deno.exitCode = 1;
    return;
  }
  console.log(`Le serveur écoute sur le port ${livre.localPort("SERVEUR")}. Ctrl-C l'arrête.`);
  const forget = onInterrupt(() => {
    forget();
    livre.closeAll();
  });
  await (simple ? serveurSimplifie() : serveur());
}

await main();
