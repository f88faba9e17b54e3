/** The address book: contacts in a JSON file, which is always whole, whatever happens while it is written. */
import { formatIp, parseIp } from "@sluice/sockets/net";

/** Somebody to talk with: at an IP address, or at a DNS name. */
export interface Contact {
  name: string;
  ip?: string;
  dns?: string;
}

const MAX_CONTACTS = 500;

/** A contact that is complete. @throws {TypeError} With what is missing or wrong. */
export function checkContact(contact: Contact): Contact {
  const { name = "", ip = "", dns = "" } = contact;
  if (name.trim() === "" || name.length > 60) throw new TypeError("Please give a name");
  if ((ip === "") === (dns === "")) {
    throw new TypeError("Please give either an IP address or a DNS name");
  }
  const address = parseIp(ip.trim());
  if (ip !== "" && !/[.:]/.test(ip)) throw new TypeError("An IP address has dots or colons in it");
  // Who calls from a link-local address is told without its zone, and would be nobody.
  if (ip !== "" && (address === undefined || address.zone !== undefined)) {
    throw new TypeError("That is no IP address");
  }
  if (dns !== "" && !/^[a-z0-9.-]{1,253}$/i.test(dns)) throw new TypeError("That is no DNS name");
  // As the system writes it: a contact is known by it when it calls.
  return { name: name.trim(), ...(address === undefined ? { dns } : { ip: formatIp(address) }) };
}

export class AddressBook {
  readonly #path: string;
  #contacts: Contact[] = [];
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Reads the book; one that does not exist is empty. */
  static async open(path: string): Promise<AddressBook> {
    const book = new AddressBook(path);
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return book;
      throw error;
    }
    try {
      book.#contacts = (JSON.parse(text) as Contact[]).slice(0, MAX_CONTACTS).map(checkContact);
    } catch (error) {
      throw new Error(`Cannot read the address book "${path}": it is damaged`, { cause: error });
    }
    return book;
  }

  /** All contacts, by name. */
  get contacts(): readonly Contact[] {
    return this.#contacts;
  }

  /** The contact of that name. */
  find(name: string): Contact | undefined {
    return this.#contacts.find((contact) => contact.name === name);
  }

  /** Adds a contact, or changes the one named `replaces`. @throws {TypeError} */
  async put(contact: Contact, replaces?: string): Promise<void> {
    const checked = checkContact(contact);
    if (checked.name !== replaces && this.find(checked.name) !== undefined) {
      throw new TypeError(`"${checked.name}" is in the address book already`);
    }
    const others = this.#contacts.filter(({ name }) => name !== replaces);
    if (others.length >= MAX_CONTACTS) throw new TypeError("The address book is full");
    this.#contacts = [...others, checked].sort((a, b) => a.name.localeCompare(b.name));
    await this.#save();
  }

  /** Removes a contact. */
  async remove(name: string): Promise<void> {
    this.#contacts = this.#contacts.filter((contact) => contact.name !== name);
    await this.#save();
  }

  /** Writes a new file and puts it in the old one's place, one save after the other. */
  #save(): Promise<void> {
    const text = JSON.stringify(this.#contacts, null, 2) + "\n";
    const temporary = `${this.#path}.new`;
    this.#saving = this.#saving.catch(() => {}).then(async () => {
      using file = await Deno.open(temporary, { write: true, create: true, truncate: true });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
      await Deno.rename(temporary, this.#path);
    });
    return this.#saving;
  }
}
