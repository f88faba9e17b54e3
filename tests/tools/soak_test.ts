import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  allowedConnections,
  judge,
  parseSoakArguments,
  shareOut,
  soak,
  type SoakResult,
} from "../../tools/soak.ts";
import { checkMessage, KINDS, makeMessage, Pauses } from "../../tools/soak/wire.ts";

const OPTIONS = { seconds: 300, connections: 10_000 };

function good(): Omit<SoakResult, "problems"> {
  const figures = {
    rss: 1e9,
    heapUsed: 50,
    external: 20,
    sockets: 0,
    connections: 0,
    counted: 0,
    letGo: 1,
  };
  return {
    counts: {
      open: Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<
        typeof KINDS[number],
        number
      >,
      opened: 12_000,
      echoed: 100_000,
      broadcasts: 10_000,
      lost: 0,
      wrong: 0,
      broken: 0,
      faults: [],
    },
    attackers: {},
    first: { ...figures, sockets: 100 },
    last: { ...figures, rss: 1.09e9 },
    left: { ...figures },
    latencies: [[30, 500, 1], [30, 40, 1], [25, 50, 1]],
  };
}

Deno.test("soak finds nothing to say against a good run, and names whatever is wrong", () => {
  assertEquals(judge(good(), OPTIONS), []);
  const wrongs: [(result: Omit<SoakResult, "problems">) => void, RegExp][] = [
    [(r) => r.counts.lost = 1, /1 messages were lost/],
    [(r) => r.counts.wrong = 2, /2 messages were wrong/],
    [(r) => r.counts.broken = 3, /3 connections broke/],
    [(r) => r.counts.echoed = 999, /only 999 messages/],
    [(r) => r.counts.broadcasts = 1, /only 1 broadcasts/],
    [(r) => r.last.rss = 1.11e9, /grew/],
    [(r) => r.left.letGo = 0, /no slow reader/],
    [(r) => r.left.sockets = 1, /1 sockets/],
    [(r) => r.left.connections = 1, /1 connections were left/],
    [(r) => r.left.counted = 1, /still counted 1 bytes/],
    [(r) => r.latencies = [[30, 61, 1], [30, 61, 29], [30, 30, 1]], /2\.0 times/],
    [(r) => r.counts.faults.push("what broke"), /what broke/],
  ];
  for (const [spoil, expected] of wrongs) {
    const result = good();
    spoil(result);
    const problems = judge(result, OPTIONS);
    assert(problems.length === 1 && expected.test(problems[0]), `${expected}: ${problems}`);
  }
});

Deno.test("soak does not blame the server for what its machine does to all processes", () => {
  const result = good();
  result.latencies = [[30, 150, 80], [30, 150, 75], [30, 30, 1]];
  assertEquals(judge(result, OPTIONS), []);
  result.latencies = [[30, 150, 60], [30, 150, 70], [30, 200, 75]];
  assertEquals(judge(result, OPTIONS).length, 1);
});

Deno.test("soak allows a small run the dead buffers that V8 lets gather", () => {
  const result = good();
  result.first.rss = 100e6;
  result.last.rss = 160e6;
  assertEquals(judge(result, { ...OPTIONS, connections: 100 }), []);
  assertEquals(judge(result, OPTIONS).length, 1);
});

Deno.test("soak's messages tell when they are changed, misplaced or lost", () => {
  for (let seq = 0; seq < 200; seq++) {
    const message = makeMessage(7, seq);
    assertEquals(makeMessage(7, seq), message);
    assertEquals(checkMessage(message, 7, seq), undefined);
    assert(checkMessage(message, 7, seq + 1) !== undefined);
    assert(checkMessage(message, 8, seq) !== undefined);
    if (message.length > 12) {
      message[message.length - 1] ^= 1;
      assertEquals(checkMessage(message, 7, seq), "wrong hash");
    }
  }
  assertEquals(checkMessage(new Uint8Array(3), 7, 0), "3 bytes");
});

Deno.test("soak shares its connections out to all kinds and processes", () => {
  const shares = [0, 1, 2].map((i) => shareOut(10_000, i));
  const total = shares.flatMap((share) => Object.values(share)).reduce((a, b) => a + b);
  assertEquals(total, 10_000);
  for (const kind of KINDS) assert(shares.every((share) => share[kind] > 100));
});

Deno.test("soak's pauses end in time, or all at once", async () => {
  const pauses = new Pauses();
  await pauses.pause(1);
  const long = [pauses.pause(3_600_000), pauses.pause(3_600_000)];
  pauses.end();
  await Promise.all(long);
  await pauses.pause(3_600_000);
});

Deno.test("soak takes minutes and connections, and nothing else", () => {
  assertEquals(parseSoakArguments([]), { seconds: 300, connections: 10_000 });
  assertEquals(parseSoakArguments(["--minutes", "0.5", "--connections", "9"]), {
    seconds: 30,
    connections: 9,
  });
  for (
    const [args, why] of [
      [["--minutes"], "--minutes needs a number"],
      [["--connections", "-1"], "--connections needs a number"],
      [["--hours", "1"], "There is no option --hours"],
      [["--help"], "There is no option --help"],
    ] as const
  ) assertThrows(() => parseSoakArguments(args), TypeError, why);
});

Deno.test("soak keeps to the descriptors that the system gives", () => {
  const limits = (hard: string): string =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 ${hard}    files\n`;
  assertEquals(allowedConnections(limits("20000")), 15_900);
  assertEquals(allowedConnections(limits("1024")), 719);
  assertEquals(allowedConnections(limits("unlimited")), Infinity);
});

Deno.test({
  name: "soak runs: messages come back, attackers are there, and nothing is left",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { counts, attackers, left } = await soak({ seconds: 12, connections: 60 }, () => {});
    assertEquals([counts.lost, counts.wrong, counts.broken, counts.faults], [0, 0, 0, []]);
    assert(counts.echoed >= 60 && counts.opened >= 60);
    for (const name of ["slowReaders", "slowWriters", "garbage"]) assert(attackers[name] > 0, name);
    assertEquals([left.sockets, left.connections, left.counted], [0, 0, 0]);
  },
});
