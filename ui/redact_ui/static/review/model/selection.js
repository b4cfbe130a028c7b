// Which tracks are chosen. The one chosen last is the main one: single acts are about it.

export class Selection extends EventTarget {
  constructor() {
    super();
    this.ids = [];
    this.sound = null; // or a span of sound, and no track
  }

  get size() {
    return this.ids.length;
  }

  get main() {
    return this.ids.at(-1) ?? null;
  }

  has(id) {
    return this.ids.includes(id);
  }

  set(ids) {
    [this.ids, this.sound] = [[...ids], null];
    this.#changed();
  }

  pick(id, more) {
    if (id === null) this.set([]);
    else if (!more) this.set([id]);
    else this.set(this.has(id) ? this.ids.filter((each) => each !== id) : [...this.ids, id]);
  }

  pickSound(span) {
    [this.ids, this.sound] = [[], span];
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
