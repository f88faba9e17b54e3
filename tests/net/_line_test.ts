import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Line, type Place } from "../../net/_line.ts";

Deno.test("line serves in order, and lets go of each from anywhere, once", () => {
  const line = new Line<string>();
  assertEquals([line.length, line.first, line.shift()], [0, undefined, undefined]);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((item) => line.push(item));
  line.unshift("0");
  assertEquals([line.remove(b), line.remove(b)], [true, false]);
  assertEquals([line.length, line.first, line.shift()], [4, "0", "0"]);
  assertEquals([line.remove(d), line.shift(), line.remove(a)], [true, "a", false]);
  line.push("e");
  assertEquals([c.item, line.takeAll()], ["c", ["c", "e"]]);
  assertEquals([line.length, line.first, line.remove(c)], [0, undefined, false]);
  line.unshift("f");
  line.push("g");
  assertEquals(line.takeAll(), ["f", "g"]);
});

Deno.test("line does what an array does", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("push", "unshift", "shift", "remove"), fc.nat()));
  fc.assert(fc.property(steps, (all) => {
    const line = new Line<number>();
    const array: number[] = [];
    const places = new Map<number, Place<number>>();
    for (const [i, [step, n]] of all.entries()) {
      if (step === "push") {
        places.set(i, line.push(i));
        array.push(i);
      } else if (step === "unshift") {
        places.set(i, line.unshift(i));
        array.unshift(i);
      } else if (step === "shift") assertEquals(line.shift(), array.shift());
      else if (places.size > 0) {
        const item = [...places.keys()][n % places.size];
        const at = array.indexOf(item);
        if (at >= 0) array.splice(at, 1);
        assertEquals(line.remove(places.get(item)!), at >= 0);
      }
      assertEquals([line.length, line.first], [array.length, array[0]]);
    }
    assertEquals(line.takeAll(), array);
  }));
});
