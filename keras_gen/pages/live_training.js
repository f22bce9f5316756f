/* One training: half steps forward, and back to any moment by way of snapshots. The same seed and the same changes of
   settings at the same moments give the same training. */
"use strict";

const MAX_SEED = 2 ** 32 - 2;
const MAX_SNAPSHOTS = 2000;

class Training {
  constructor(gan, seed, settings = {}, epochs = gan.epochs) {
    Object.assign(this, { gan, seed, epochs, position: 0, reached: 0 });
    this.end = epochs * gan.halves;
    this.snapshotEvery = Math.max(gan.snapshotEvery, Math.ceil(epochs / MAX_SNAPSHOTS)); // epochs
    this.losses = { discriminator: new Float64Array(epochs), generator: new Float64Array(epochs) };
    this.changes = [{ position: 0, settings: { ...structuredClone(gan.defaults), ...structuredClone(settings) } }];
    this.random = new RandomState(seed);
    this.state = { ...gan.start(this.random), traces: {} };
    gan.prepare(this.state, this.settings);
    this.snapshots = [this.snapshot()];
  }

  get settings() {
    return this.changes.findLast(({ position }) => position <= this.position).settings;
  }
  get epoch() { // whole epochs done
    return Math.floor(this.position / this.gan.halves);
  }

  half() {
    const { gan, state, settings } = this, half = this.position % gan.halves;
    gan.halfStep(state, this.random, settings, half);
    for (const pass of state.traces[half % 2 ? "generator" : "discriminator"]) pass.settings = settings;
    this.position++;
    if (this.changes.some(({ position }) => position === this.position)) gan.prepare(state, this.settings);
    if (half < gan.halves - 1) return;
    const epoch = this.epoch - 1;
    [this.losses.discriminator[epoch], this.losses.generator[epoch]] = this.epochLosses(settings);
    this.reached = Math.max(this.reached, this.epoch);
    if (this.epoch % this.snapshotEvery === 0 && this.snapshots.at(-1).position < this.position) this.snapshots.push(this.snapshot());
  }

  // The losses that a finished epoch is recorded with: of the faces GAN the means over its steps.
  epochLosses(settings) {
    const { sums } = this.state;
    if (!sums) return lossesOf(this.gan, this.gan.verdicts(this.state), settings);
    const losses = [sums.discriminator, sums.generator];
    this.state.sums = { discriminator: 0, generator: 0 };
    return losses;
  }

  // Trains until a position or, where it comes earlier, until the clock says so. Returns whether it got there.
  advance(position, deadline = Infinity) {
    const target = Math.min(position, this.end);
    while (this.position < target) {
      this.half();
      if (performance.now() > deadline) break;
    }
    return this.position === target;
  }

  // Goes to the snapshot from which a position is reached soonest, with a step before it so that the step is known.
  goBackFor(position) {
    const known = this.snapshots.findLast((snapshot) => snapshot.position <= Math.max(0, position - 2));
    if (position >= this.position && known.position <= this.position) return;
    const { parameters, random } = known;
    this.position = known.position;
    this.random = random.copy();
    Object.assign(this.state, { parameters: copyOf(parameters), traces: {} });
    if (this.state.sums) this.state.sums = { discriminator: 0, generator: 0 };
    this.gan.prepare(this.state, this.settings);
  }

  // Changes settings from here on. What was trained beyond this moment is forgotten.
  change(settings) {
    const changed = { ...this.settings, ...structuredClone(settings) };
    this.changes = [...this.changes.filter(({ position }) => position < this.position), { position: this.position, settings: changed }];
    this.snapshots = this.snapshots.filter(({ position }) => position <= this.position);
    this.reached = this.epoch;
    this.gan.prepare(this.state, changed);
  }

  snapshot() {
    return { position: this.position, parameters: copyOf(this.state.parameters), random: this.random.copy() };
  }
}
