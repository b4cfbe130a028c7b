// Events with names and details known to the type checker.

/** @template {Record<string, unknown>} Events by name, what each event carries */
export class Emitter extends EventTarget {
  /**
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {Events[Name]} [detail]
   */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} handle
   */
  on(name, handle) {
    this.addEventListener(name, (event) => handle(/** @type {CustomEvent<Events[Name]>} */ (event).detail));
  }
}
