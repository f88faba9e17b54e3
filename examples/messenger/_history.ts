/** What was said, in a file of JSON lines, and the latest of it in memory. */

/** A message of a talk. */
export interface Said {
  from: "me" | "them";
  text: string;
  at: number;
}

/** How many messages of each contact are kept at hand. */
const KEEP = 200;

export class History {
  /** The latest messages, by contact. */
  readonly latest: Record<string, Said[]> = Object.create(null);
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads the file; a line that is not whole is passed over. */
  static async open(path: string): Promise<History> {
    const history = new History(path);
    let text = "";
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    for (const line of text.split("\n")) {
      try {
        const { contact, from, text, at } = JSON.parse(line);
        history.#remember(String(contact), {
          from: from === "me" ? "me" : "them",
          text: String(text),
          at,
        });
      } catch {
        // The last line of a program that was killed.
      }
    }
    return history;
  }

  /** Adds a message. */
  add(contact: string, from: "me" | "them", text: string): void {
    const said = { from, text, at: Date.now() };
    this.#remember(contact, said);
    const line = JSON.stringify({ contact, ...said }) + "\n";
    this.#writing = this.#writing
      .then(() => Deno.writeTextFile(this.#path, line, { append: true }))
      .catch((error) => console.error(`Cannot write the history: ${error.message}`));
  }

  #remember(contact: string, said: Said): void {
    const messages = this.latest[contact] ??= [];
    messages.push(said);
    if (messages.length > KEEP) messages.shift();
  }
}
