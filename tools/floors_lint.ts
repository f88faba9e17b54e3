/**
 * Plugin for `deno lint`: floors 0 to 2 take time, keys, random bytes and I/O as arguments, so they
 * may not name the globals that give these. (That they don't use `Deno` is shown by the type check
 * in layers.ts; that they don't import it, by the graph there.)
 */
import { floorOf, HIGHEST_PURE_FLOOR } from "./tree.ts";

const FORBIDDEN = new Map<string, string>(
  Object.entries({
    "a timer": [
      "setTimeout",
      "setInterval",
      "setImmediate",
      "clearTimeout",
      "clearInterval",
      "clearImmediate",
      "queueMicrotask",
      "scheduler",
    ],
    "a clock": ["performance"],
    "the crypto of the platform": ["crypto"],
    "I/O": [
      "fetch",
      "WebSocket",
      "WebSocketStream",
      "EventSource",
      "XMLHttpRequest",
      "Worker",
      "BroadcastChannel",
      "MessageChannel",
      "console",
      "localStorage",
      "sessionStorage",
      "indexedDB",
      "caches",
      "navigator",
    ],
    "the platform": ["Deno", "process", "Buffer", "globalThis", "window", "self"],
  }).flatMap(([what, names]) => names.map((name) => [name, what] as const)),
);

type Node = Deno.lint.Node;

/** Whether an identifier declares a name of the file's own. */
function declares(node: Deno.lint.Identifier): boolean {
  let child: Node = node;
  for (let parent: Node = node.parent; parent !== undefined; parent = parent.parent) {
    switch (parent.type) {
      case "VariableDeclarator":
        return parent.id === child;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return child !== parent.body;
      case "TSFunctionType":
      case "TSMethodSignature":
      case "TSCallSignatureDeclaration":
      case "TSIndexSignature":
        return true;
      case "ClassDeclaration":
        return parent.id === child;
      case "CatchClause":
        return parent.param === child;
      case "ImportSpecifier":
      case "ImportDefaultSpecifier":
      case "ImportNamespaceSpecifier":
        return parent.local === child;
      case "AssignmentPattern":
        if (parent.left !== child) return false;
        break;
      case "Property":
        if (parent.value !== child) return false;
        break;
      case "ObjectPattern":
      case "ArrayPattern":
      case "RestElement":
        break;
      default:
        return false;
    }
    child = parent;
  }
  return false;
}

/** Whether an identifier is only a label: the name of a property, a method or a type member. */
function isLabel(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  switch (parent.type) {
    case "MemberExpression":
      return parent.property === node && !parent.computed;
    case "Property":
      return parent.key === node && !parent.computed && !parent.shorthand;
    case "MethodDefinition":
    case "PropertyDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "TSEnumMember":
      return !("key" in parent) || parent.key === node;
    case "TSQualifiedName":
      return parent.right === node;
    case "ExportSpecifier":
    case "ImportSpecifier":
      return true;
    default:
      return false;
  }
}

/** What is wrong with a use of `Date` or `Math`, which are pure but for the clock and the dice in them. */
function impureUse(node: Deno.lint.Identifier): string | undefined {
  const { name, parent } = node;
  if (name === "Date") {
    if (parent.type === "NewExpression" && parent.callee === node) {
      return parent.arguments.length === 0 ? "a clock" : undefined;
    }
    if (parent.type === "CallExpression" && parent.callee === node) return "a clock";
  }
  if (parent.type !== "MemberExpression" || parent.object !== node) return undefined;
  const property = parent.property.type === "Identifier" ? parent.property.name : undefined;
  if (name === "Date" && property === "now") return "a clock";
  if (name === "Math" && property === "random") return "random numbers";
  return undefined;
}

const plugin: Deno.lint.Plugin = {
  name: "sluice",
  rules: {
    "pure-floors": {
      create(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
        const floor = floorOf(context.sourceCode.text);
        if (floor === undefined || floor > HIGHEST_PURE_FLOOR) return {};
        const own = new Set<string>();
        const uses: { node: Deno.lint.Identifier; what: string }[] = [];
        return {
          Identifier(node: Deno.lint.Identifier): void {
            if (isLabel(node)) return;
            const what = FORBIDDEN.get(node.name) ?? impureUse(node);
            if (what === undefined) return;
            if (declares(node)) own.add(node.name);
            else uses.push({ node, what });
          },
          ImportExpression(node: Deno.lint.ImportExpression): void {
            context.report({
              node,
              message: `A file on floor ${floor} may not import at run time`,
            });
          },
          "Program:exit"(node: Deno.lint.Program): void {
            if (/^\/\/\/\s*<reference/m.test(context.sourceCode.text)) {
              context.report({
                node,
                message: `A file on floor ${floor} may not refer to other types by "///"`,
              });
            }
            for (const { node, what } of uses) {
              if (own.has(node.name)) continue;
              context.report({
                node,
                message: `A file on floor ${floor} may not use ${what}: ${node.name}`,
                hint: "Take it as an argument, or move the code to floor 3",
              });
            }
          },
        };
      },
    },
  },
};

export default plugin;
