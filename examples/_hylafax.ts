/**
 * A client of a HylaFAX server: text lines as in FTP, files over a data connection of their own. It sends a file as
 * a fax job, tells a job's state and cancels it.
 */
import {
  dial,
  lineFramer,
  MessageSocket,
  type Transport,
  TransportWriter,
  waitFor,
} from "@sluice/sockets/net";

/** What the server refused, with its reply code. */
export class HylaFaxError extends Error {
  override readonly name = "HylaFaxError";
  /** The server's reply code, for example 504. */
  readonly code: number;

  constructor(what: string, code: number, text: string) {
    super(`Cannot ${what}: the fax server answered ${code} ${text}`);
    this.code = code;
  }
}

/** A reply of the server: its code, and its lines without the code. */
export interface HylaFaxReply {
  code: number;
  lines: string[];
}

/** Where the fax server is, and who asks. */
export interface HylaFaxOptions {
  hostname: string;
  port?: number;
  user: string;
  password?: string;
  /** How long one step may take, in ms. @default {30_000} */
  timeout?: number;
  signal?: AbortSignal;
}

/** What is to be faxed, and where to. */
export interface FaxJob {
  /** The number to dial. */
  number: string;
  /** The document: PostScript, PDF or TIFF. */
  document: Uint8Array;
  /** How many days the server may try. @default {1} */
  days?: number;
  /** How many times the number may be dialled. @default {12} */
  maxDials?: number;
  /** Whether the finer resolution is used (196 instead of 98 lines an inch). @default {false} */
  fine?: boolean;
  /** Called as the document goes out. */
  onprogress?(sent: number, total: number): void;
}

/** What the server tells of a job. */
export interface FaxJobState {
  id: string;
  /** The job's letter: `W` waiting, `P` pending, `S` sleeping, `R` running, `D` done, `F` failed, `T`, `B` blocked, `?` unknown. */
  state: string;
  number: string;
  pages: string;
  dials: string;
  /** What the server says of it, in words. */
  status: string;
}

const JOB_FORMAT = "%j|%a|%e|%P|%D|%s";
const FORMS: [string, string][] = [["%!", "PS"], ["%PDF", "PDF"], ["II*\0", "TIFF"], [
  "MM\0*",
  "TIFF",
]];

/** The server's name for the kind of a document. */
export function documentForm(document: Uint8Array): string {
  const start = new TextDecoder("latin1").decode(document.subarray(0, 4));
  const form = FORMS.find(([magic]) => start.startsWith(magic))?.[1];
  if (form === undefined) {
    throw new TypeError("Cannot fax the file: it is neither PostScript nor PDF nor TIFF");
  }
  return form;
}

/** A number as a fax server may dial it. */
export function checkNumber(number: string): string {
  if (!/^\+?[0-9A-D*#@,;!() .-]{1,64}$/i.test(number)) {
    throw new TypeError(`Cannot dial "${number}": that is no telephone number`);
  }
  return number;
}

/** A text as an argument of a command: nothing in it can begin another command. */
function quote(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(text)) {
    throw new TypeError("Cannot send a command with a control character in it");
  }
  return `"${text.replaceAll(/(["\\])/g, "\\$1")}"`;
}

/** A text of the server, without what could steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?");
}

/** A session with a fax server. */
export class HylaFaxClient implements AsyncDisposable {
  readonly #lines: MessageSocket<string>;
  readonly #options: Required<Pick<HylaFaxOptions, "hostname" | "timeout">> & HylaFaxOptions;

  private constructor(transport: Transport, options: HylaFaxOptions) {
    this.#options = { timeout: 30_000, ...options };
    this.#lines = new MessageSocket(transport, lineFramer({ ending: "\r\n", maxLength: 4096 }));
  }

  /** Connects and logs in. */
  static async connect(options: HylaFaxOptions): Promise<HylaFaxClient> {
    const { hostname, port = 4559, timeout = 30_000, signal } = options;
    const client = new HylaFaxClient(
      await dial({ hostname, port }, { timeout, signal }),
      options,
    );
    try {
      await client.#expect("use the fax server", await client.#reply(), [220]);
      const reply = await client.#command(`USER ${quote(options.user).slice(1, -1)}`);
      if (reply.code === 331) {
        await client.#ask("log in", `PASS ${options.password ?? ""}`, [230]);
      } else await client.#expect("log in", reply, [230]);
      return client;
    } catch (error) {
      client.#lines.destroy();
      throw error;
    }
  }

  /** Sends a document and queues the job; resolves to the job's number at the server. */
  async send(job: FaxJob): Promise<string> {
    const form = documentForm(job.document);
    const number = checkNumber(job.number);
    const { days = 1, maxDials = 12 } = job;
    if (!(Number.isInteger(days) && days >= 0 && days <= 99)) {
      throw new RangeError(`Cannot fax for ${days} days: 0 to 99 are possible`);
    }
    await this.#ask("choose the document's form", `FORM ${form}`, [200]);
    await this.#ask("choose the transfer's type", "TYPE I", [200]);
    const file = await this.#store(job.document, job.onprogress);
    const created = await this.#ask("make a job", "JNEW", [200]);
    const id = /jobid: (\d+)/.exec(created.lines.join(" "))?.[1];
    if (id === undefined) throw new Error("Cannot make a job: the fax server gave no number");
    const parameters: [string, string][] = [
      ["FROMUSER", quote(this.#options.user)],
      ["DIALSTRING", quote(number)],
      // The deadline is days, hours and minutes from now; 0 days still means a minute.
      ["LASTTIME", days === 0 ? "000001" : `${String(days).padStart(2, "0")}0000`],
      ["MAXDIALS", String(maxDials)],
      ["VRES", job.fine ? "196" : "98"],
      ["NOTIFY", quote("none")],
      ["DOCUMENT", quote(file)],
    ];
    for (const [name, value] of parameters) {
      await this.#ask(`set the job's ${name}`, `JPARM ${name} ${value}`, [200, 213]);
    }
    await this.#ask("submit the job", "JSUBM", [200]);
    return id;
  }

  /** The state of a job, or undefined when the server does not know it. */
  async state(id: string): Promise<FaxJobState | undefined> {
    await this.#ask("choose the list's form", `JOBFMT ${quote(JOB_FORMAT)}`, [200]);
    for (const queue of ["sendq", "doneq"]) {
      for (const line of (await this.#list(queue)).split(/\r?\n/)) {
        const [jobId, state, number, pages, dials, ...status] = printable(line).split("|")
          .map((part) => part.trim());
        if (jobId === id) return { id, state, number, pages, dials, status: status.join("|") };
      }
    }
    return undefined;
  }

  /** Cancels a job. */
  async cancel(id: string): Promise<void> {
    if (!/^\d+$/.test(id)) throw new TypeError(`Cannot cancel job "${id}": that is no job number`);
    const reply = await this.#command(`JSUSP ${id}`);
    // A job that runs is killed; one that waits is suspended first, and then deleted.
    if (reply.code >= 400) await this.#ask("cancel the job", `JKILL ${id}`, [200, 213]);
    else await this.#ask("cancel the job", `JDELE ${id}`, [200]);
  }

  /** Says goodbye and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#command("QUIT");
    } catch {
      // Gone already.
    }
    this.#lines.destroy();
  }

  async #store(
    document: Uint8Array,
    onprogress: (sent: number, total: number) => void = () => {},
  ): Promise<string> {
    const data = await this.#passive();
    try {
      const opened = await this.#ask("send the document", "STOT", [150]);
      const file = /FILE: (\S+)/.exec(opened.lines.join(" "))?.[1];
      if (file === undefined) throw new Error("Cannot send the document: no file name came");
      const writer = new TransportWriter(data, {
        onwritten: (sent) => onprogress(sent, document.length),
      });
      for (let at = 0; at < document.length; at += 65_536) {
        writer.write(document.subarray(at, at + 65_536));
        await writer.drained(this.#wait());
      }
      await waitFor(writer.end(), "send the document", this.#wait());
      data.close();
      await this.#expect("send the document", await this.#reply(), [226]);
      return file;
    } finally {
      try {
        data.close();
      } catch {
        // Closed above.
      }
    }
  }

  async #list(queue: string): Promise<string> {
    const data = await this.#passive();
    try {
      const opened = await this.#command(`LIST ${queue}`);
      if (opened.code >= 400) return "";
      let text = "";
      const decoder = new TextDecoder();
      const buffer = new Uint8Array(4096);
      const read = (): Promise<number | null> =>
        waitFor(data.read(buffer), "list the jobs", this.#wait());
      for (let n; (n = await read()) !== null && text.length < 1_048_576;) {
        text += decoder.decode(buffer.subarray(0, n), { stream: true });
      }
      if (opened.code < 200) await this.#expect("list the jobs", await this.#reply(), [226]);
      return text;
    } finally {
      data.close();
    }
  }

  /** Opens a data connection: to the port that the server names, at the address that was dialled. */
  async #passive(): Promise<Transport> {
    const reply = await this.#ask("open a data connection", "PASV", [227]);
    const numbers = /\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)/.exec(reply.lines.join(" "));
    if (numbers === null) throw new Error("Cannot open a data connection: no address came");
    const port = Number(numbers[5]) * 256 + Number(numbers[6]);
    const { hostname, timeout, signal } = this.#options;
    return await dial({ hostname, port }, { timeout, signal });
  }

  async #ask(what: string, command: string, codes: number[]): Promise<HylaFaxReply> {
    return this.#expect(what, await this.#command(command), codes);
  }

  #expect(what: string, reply: HylaFaxReply, codes: number[]): HylaFaxReply {
    if (codes.includes(reply.code)) return reply;
    throw new HylaFaxError(what, reply.code, reply.lines.join(" "));
  }

  async #command(command: string): Promise<HylaFaxReply> {
    await this.#lines.write(command, this.#wait());
    return await this.#reply();
  }

  #wait(): { timeout: number; signal: AbortSignal | undefined } {
    return { timeout: this.#options.timeout, signal: this.#options.signal };
  }

  /** Reads a reply; `ddd-` begins one of several lines, which ends with `ddd `. */
  async #reply(): Promise<HylaFaxReply> {
    const lines: string[] = [];
    let code: string | undefined;
    while (lines.length < 1000) {
      const read = await this.#lines.read(this.#wait());
      if (read === undefined) throw new Error("Cannot go on: the fax server closed the connection");
      const line = printable(read);
      const match = /^(\d{3})([ -])(.*)$/.exec(line);
      lines.push(match === null ? line : match[3]);
      code ??= match?.[1];
      if (code === undefined) throw new Error("Cannot go on: that is no fax server");
      if (match !== null && match[1] === code && match[2] === " ") break;
    }
    return { code: Number(code), lines };
  }
}
