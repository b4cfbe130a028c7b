// Browser features that Node.js 18 lacks.
import { webcrypto } from "node:crypto";

class DetailedEvent extends Event {
  /** @param {string} type @param {CustomEventInit} [options] */
  constructor(type, options = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
}

if (!("CustomEvent" in globalThis)) Object.assign(globalThis, { CustomEvent: DetailedEvent });
if (!("crypto" in globalThis)) Object.assign(globalThis, { crypto: webcrypto });
