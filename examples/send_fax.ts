/**
 * Sends a PostScript, PDF or TIFF file as a fax through a HylaFAX server, and follows the job.
 *
 *     deno run --allow-net=localhost --allow-read=letter.ps examples/send_fax.ts --to 0123456789 letter.ps
 *     deno run --allow-net=localhost examples/send_fax.ts --state 7
 *     deno run --allow-net=localhost examples/send_fax.ts --cancel 7
 *
 * Options: `--server HOST[:PORT]` (localhost:4559), `--user NAME` (guest), `--days N` (1), `--dials N` (12), `--fine`,
 * `--wait` (stays until the job is done; Ctrl-C, or SIGTERM, then cancels it). A password is taken from FAX_PASSWORD, where the
 * environment may be read.
 */
import { readArguments, wholeNumber } from "./_arguments.ts";
import { type FaxJobState, HylaFaxClient } from "./_hylafax.ts";
import { onInterrupt } from "./_until_interrupted.ts";

const USAGE = `Sends a file as a fax through a HylaFAX server, and follows the job.

Usage: send_fax.ts [--server HOST[:PORT]] [--user NAME] --to NUMBER [--days N] [--dials N] [--fine] [--wait] FILE
       send_fax.ts [--server HOST[:PORT]] [--user NAME] --state JOB
       send_fax.ts [--server HOST[:PORT]] [--user NAME] --cancel JOB

  --server HOST[:PORT]  the server (localhost:4559)
  --user NAME           who sends (guest)
  --to NUMBER           who gets it
  --days N, --dials N   how long, and how often, it is tried (1, 12)
  --fine                in the fine resolution
  --wait                stays until the job is done; Ctrl-C or SIGTERM then cancels it
  --state JOB           tells how it is with a job
  --cancel JOB          cancels a job`;

const STATES: Record<string, string> = {
  B: "blocked",
  D: "done",
  F: "failed",
  P: "pending",
  R: "sending",
  S: "sleeping until its time",
  T: "suspended",
  W: "waiting for a modem",
};

function describe(job: FaxJobState): string {
  const words = STATES[job.state] ?? job.state;
  return `Job ${job.id} to ${job.number}: ${words}, pages ${job.pages || "0"}, dials ${
    job.dials || "0"
  }` +
    (job.status === "" ? "" : ` (${job.status})`);
}

function parseServer(server: string): { hostname: string; port: number } {
  const url = URL.parse(`fax://${server}`);
  if (!url?.hostname) throw new TypeError(`Cannot use "${server}" as a server`);
  return { hostname: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 4559) };
}

function password(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "FAX_PASSWORD" });
  return state === "granted" ? Deno.env.get("FAX_PASSWORD") : undefined;
}

function progress(sent: number, total: number): void {
  const percent = Math.floor(sent / total * 100);
  if (Deno.stdout.isTerminal()) {
    Deno.stdout.writeSync(new TextEncoder().encode(`\rSending ${percent} %`));
  }
  if (sent === total) console.log(`${Deno.stdout.isTerminal() ? "\r" : ""}Sent ${total} bytes`);
}

/** Shows the job's state whenever it changes, until it is done, failed or gone. */
async function follow(client: HylaFaxClient, id: string): Promise<boolean> {
  let last = "";
  let stop = false;
  let wake: () => void = () => {};
  const forget = onInterrupt(() => {
    stop = true;
    wake();
  });
  try {
    for (;;) {
      const job = await client.state(id);
      const text = job === undefined ? `Job ${id} is gone` : describe(job);
      if (text !== last) console.log(last = text);
      if (job?.state === "D") return true;
      // What is done is kept in the server's list for a while: what is not in it was cancelled by somebody else.
      if (job === undefined || job.state === "F") return false;
      if (stop) {
        await client.cancel(id);
        console.log(`Job ${id} is cancelled`);
        return false;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 2000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    forget();
  }
}

async function main(): Promise<number> {
  const { server, days, maxDials, file, ...values } = readArguments(USAGE, {
    allowPositionals: true,
    options: {
      server: { type: "string", default: "localhost" },
      user: { type: "string", default: "guest" },
      to: { type: "string" },
      days: { type: "string", default: "1" },
      dials: { type: "string", default: "12" },
      fine: { type: "boolean", default: false },
      wait: { type: "boolean", default: false },
      state: { type: "string" },
      cancel: { type: "string" },
    },
  }, ({ values, positionals }) => {
    const { to, state, cancel } = values;
    const tasks = [to, state, cancel].filter((task) => task !== undefined).length;
    if (tasks !== 1 || positionals.length !== (to === undefined ? 0 : 1)) {
      throw new TypeError("Tell --to and one file, or --state, or --cancel");
    }
    return {
      ...values,
      file: positionals[0],
      server: parseServer(values.server),
      days: wholeNumber("--days", values.days, 0, 99),
      maxDials: wholeNumber("--dials", values.dials, 1, 1000),
    };
  });
  const document = file === undefined ? undefined : await Deno.readFile(file);
  await using client = await HylaFaxClient.connect({
    ...server,
    user: values.user,
    password: password(),
  });
  if (values.cancel !== undefined) {
    await client.cancel(values.cancel);
    console.log(`Job ${values.cancel} is cancelled`);
    return 0;
  }
  if (values.state !== undefined) {
    const job = await client.state(values.state);
    console.log(job === undefined ? `There is no job ${values.state}` : describe(job));
    return job === undefined ? 1 : 0;
  }
  const id = await client.send({
    number: values.to!,
    document: document!,
    days,
    maxDials,
    fine: values.fine,
    onprogress: progress,
  });
  console.log(`Job ${id} is queued for ${values.to}`);
  return values.wait && !await follow(client, id) ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
