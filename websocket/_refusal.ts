// Floor 3: driver.
import type { ReceivedHead } from "./_head_exchange.ts";
import { HttpBodyReader } from "./_http_body.ts";
import type { HttpResponseHead } from "./http_head.ts";

/** How much is kept of a body, in bytes. */
const MAX_BODY = 16_384;
/** How long a body is waited for, in ms: that the handshake failed is known without it. */
const PATIENCE = 1000;

/** The response with which a server refused the handshake, with what of its body came soon. The reader is stopped then. */
export async function readRefusal(
  received: ReceivedHead,
  head: HttpResponseHead,
): Promise<Response | undefined> {
  const { reader, rest } = received;
  const body = new HttpBodyReader(head, MAX_BODY);
  body.push(rest);
  if (!body.done) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      reader.redirect({
        data(chunk) {
          body.push(chunk);
          if (body.done) end();
        },
        end,
        error: end,
      });
      reader.resume();
    });
  }
  reader.stop();
  return toResponse(head, body.bytes());
}

/** A response as the web has it; undefined where its status is none there. */
export function toResponse(
  { status, reason, fields }: HttpResponseHead,
  body?: Uint8Array<ArrayBuffer>,
): Response | undefined {
  try {
    return new Response(body === undefined || body.length === 0 ? null : body, {
      status,
      statusText: reason,
      headers: fields.toHeaders(),
    });
  } catch {
    return undefined;
  }
}
