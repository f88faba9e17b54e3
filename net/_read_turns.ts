// Floor 3: driver.
import { setImmediate } from "node:timers";
import { Line, type Place } from "./_line.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/** After so many reads it is looked how many connections a round brings, */
const EVERY = 512;
/** unless that was done so short a time ago, in ms: it costs two turns of the event loop. */
const PAUSE = 50;
/** So many connections with something to read in one round are a crowd. The runtime serves 128 in a round. */
const CROWD = 112;
/** So many of a crowd wait for the next round: it has to have room for those that have waited for longer, and for all else there is. */
const SHARE = 32;
/** So many read on at a time as long as the system has something for each. */
const SLICE = 64;
/** After so many rounds in a row in which one slice was enough it is no crowd any more. */
const CALM = 16;
/** Microtasks until a read that the system served at once has been told of. */
const HOPS = 6;
/** How often it is looked whether nothing is read any more, in ms. */
const QUIET = 1;
/** A timer that is over only after this time tells little: there was something else to do, and reads may wait behind it. In ms. */
const LATE = 4;
/** What such a look counts; it is no crowd either after two that were in time, or sixteen. */
const LATE_LOOK = 1;
const LOOK = 8;
const ENOUGH = 16;

/**
 * Has connections read in turns when more of them have something to read than the runtime serves in one round.
 *
 * Tokio's budget lets 128 operations of a round through, and what it puts off comes behind all that is ready in the next round. When a
 * program has more to do than it can, the peers that were served send again meanwhile, and are first again: the same 128 connections are
 * served, and all others, the new ones too, get nothing for as long as it lasts. So who was served in a crowd waits behind all others that
 * were, and only few of them at a time are in the way of those that the runtime has put off.
 */
export class ReadTurns<T> {
  /** Whether there is a crowd: who was served is to {@linkcode ReadTurns.wait | wait}. */
  crowded = false;
  /** How many reads there are until each one is to be told of. */
  left: number = EVERY;
  readonly #resume: (reader: T) => void;
  readonly #nextTurn: (callback: () => void) => void;
  readonly #clock: Clock;
  readonly #line: Line<T> = new Line();
  /** Whose reads a round has brought, while that is looked at. */
  #seen: Set<T> | undefined;
  #looking: "not" | "soon" | "yes" = "not";
  #lookedAt = -Infinity;
  /** How many of those that were in the line wait for the system. */
  #pending = 0;
  /** Whether reads that are told of were begun just now: the system had what they ask for. */
  #serving = false;
  #hops = 0;
  #served = 0;
  /** Whether the next slice follows in the next turn. */
  #due = false;
  /** Whether the system had something for all of the last slice. */
  #plenty = false;
  #ending = false;
  #brought = 0;
  /** Whether there was more than a round brings: the next one comes by itself. */
  #full = false;
  #calm = 0;
  #timer: unknown;
  #armed = 0;
  #quiet = 0;

  /** `resume` has a reader read on. */
  constructor(
    resume: (reader: T) => void,
    nextTurn: (callback: () => void) => void = setImmediate,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.#resume = resume;
    this.#nextTurn = nextTurn;
    this.#clock = clock;
  }

  /** A read has brought something, and none is `left`. */
  came(reader: T): void {
    this.left = 0;
    this.#quiet = 0;
    if (!this.crowded) this.#lookAt(reader);
    else if (this.#serving) this.#served++;
    else {
      this.#brought++;
      if (this.#ending) return;
      this.#ending = true;
      this.#nextTurn(this.#endRound);
    }
  }

  /** Has a reader read on when it is its turn. */
  wait(reader: T): Place<T> {
    return this.#line.push(reader);
  }

  /** A reader that waits does not want to any more. */
  leave(place: Place<T>): void {
    this.#line.remove(place);
    if (this.#line.length === 0) this.#disarm();
  }

  #lookAt(reader: T): void {
    if (this.#looking === "not") {
      const now = this.#clock.now();
      if (now - this.#lookedAt < PAUSE) {
        this.left = EVERY;
        return;
      }
      this.#lookedAt = now;
      // The round that is under way has begun already.
      this.#looking = "soon";
      this.#nextTurn(() => this.#looking = "yes");
    } else if (this.#looking === "yes") {
      if (this.#seen === undefined) {
        this.#seen = new Set();
        this.#nextTurn(this.#judge);
      }
      this.#seen.add(reader);
    }
  }

  readonly #judge = (): void => {
    this.#looking = "not";
    this.crowded = this.#seen!.size >= CROWD;
    this.#seen = undefined;
    if (!this.crowded) this.left = EVERY;
  };

  /** What a round has brought is worked off. */
  readonly #endRound = (): void => {
    this.#ending = false;
    this.#full = this.#brought >= CROWD;
    this.#brought = this.#pending = 0;
    this.#plenty = false;
    this.#calm = this.#line.length < SLICE ? this.#calm + 1 : 0;
    if (this.#calm > CALM) this.#disperse();
    else this.#serve();
  };

  readonly #serve = (): void => {
    this.#due = false;
    if (this.#serving) return;
    const most = this.#plenty ? SLICE : Math.max(0, SHARE - this.#pending);
    const count = Math.min(most, this.#line.length);
    this.#pending += count;
    this.#served = 0;
    this.#serving = true;
    this.#hops = HOPS;
    queueMicrotask(this.#look);
    for (let i = 0; i < count; i++) this.#resume(this.#line.shift()!);
  };

  readonly #look = (): void => {
    if (--this.#hops > 0) return queueMicrotask(this.#look);
    this.#serving = false;
    this.#pending -= this.#served;
    this.#plenty = this.#pending === 0;
    if (this.#line.length === 0) return this.#disarm();
    if (this.#pending >= SHARE || this.#full) {
      if (this.#timer === undefined) this.#arm();
    } else if (!this.#due) {
      this.#due = true;
      this.#nextTurn(this.#serve);
    }
  };

  #arm(): void {
    this.#armed = this.#clock.now();
    this.#timer = this.#clock.setTimeout(this.#check, QUIET);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #check = (): void => {
    this.#timer = undefined;
    // It goes before what has come: one alone shows nothing.
    this.#quiet += this.#clock.now() - this.#armed > LATE ? LATE_LOOK : LOOK;
    if (this.#quiet < ENOUGH) this.#arm();
    else this.#disperse();
  };

  #disperse(): void {
    this.#disarm();
    this.crowded = false;
    this.left = EVERY;
    this.#calm = this.#pending = 0;
    while (this.#line.length > 0) this.#resume(this.#line.shift()!);
  }
}
