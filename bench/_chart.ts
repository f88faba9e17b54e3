// The ratios of all load groups as a picture: one bar for each server and cell, the first server's is 1.
import { ratio, type Result } from "./_report.ts";
import { SERVERS } from "./cells.ts";

const BAR = 14;
const LEFT = 300;
const WIDTH = 900;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "");
}

/** An SVG with light and dark colours. */
export function chart(results: readonly Result[], about: string): string {
  const parts: string[] = [];
  let y = 30;
  const text = (x: number, value: string, kind = "", anchor = "start"): void => {
    parts.push(
      `<text x="${x}" y="${y}" text-anchor="${anchor}" class="${kind}">${escape(value)}</text>`,
    );
  };
  for (const result of results) {
    if (result.kind !== "load") continue;
    text(10, result.group.title, "title");
    y += 24;
    for (const cell of Object.keys(result.cells)) {
      text(10, cell, "cell");
      y += 18;
      const ratios = result.servers.map((server) => ratio(result, cell, server));
      const scale = (WIDTH - LEFT - 70) / Math.max(1, ...ratios);
      result.servers.forEach((server, i) => {
        const { label } = SERVERS[server];
        const own = label.startsWith("Sluice") ? "own" : "peer";
        text(LEFT - 8, label, "", "end");
        parts.push(
          `<rect x="${LEFT}" y="${y - BAR + 3}" width="${(ratios[i] * scale).toFixed(1)}" ` +
            `height="${BAR}" class="${own}"/>`,
        );
        text(LEFT + 6 + ratios[i] * scale, ratios[i].toFixed(2));
        y += BAR + 5;
      });
      y += 12;
    }
    y += 16;
  }
  text(10, about, "small");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 16}" role="img">
<title>Messages a second, as a ratio to the first server of each group</title>
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 } .cell { font-weight: 600 } .small { font-size: 11px }
.own { fill: #1a7f64 } .peer { fill: #a6adb5 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .own { fill: #3fb68b } .peer { fill: #6e7681 } }
</style>
${parts.join("\n")}
</svg>
`;
}
