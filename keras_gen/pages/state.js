/* What the page shows, as plain values: the latent point, the plane, the two ends of a mix, the class. Undo, and the
   address, which holds all of it, so that a view can be shared. */
"use strict";

const data = pageData("data");
const { floats, buildNetwork, toPixels } = networkLibrary();
const [height, width, channels] = data.imageShape;
function rowsOf(text, length) {
  const values = text ? floats(text) : [];
  return Array.from({ length: values.length / length }, (_, row) => values.subarray(row * length, (row + 1) * length));
}
const dot = (a, b) => { let sum = 0; for (let place = 0; place < a.length; place++) sum += a[place] * b[place]; return sum; };
const plus = (a, factor, b) => Float32Array.from(a, (value, place) => value + factor * b[place]);

const bases = data.bases.map((basis) => ({ ...basis, origin: floats(basis.origin), directions: rowsOf(basis.directions, data.latentDim) }));
const codes = data.points ? rowsOf(data.points.codes, data.latentDim) : [];
const seeds = rowsOf(data.seeds, data.latentDim);
const means = rowsOf(data.means, data.latentDim);
const conditional = data.label !== null;

const state = {
  z: floats(data.start),
  seed: null, // the number of a seed whose latent point z is, exactly
  length: data.typicalLength, // to which latent points are brought before they are decoded, or null
  basis: 0,
  axes: [0, 1], // which directions of the basis span the plane
  ends: [null, null], // A and B, latent points
  share: 0, // how far from A to B
  classes: [data.label ?? 0, data.present.find((label) => label !== data.label) ?? data.label ?? 0],
  mix: 0, // how far from the first class to the second
  posterior: null, // of the reader's own image: { mean, deviation, image, epsilon }
};

// ---------------------------------------------------------------- latent points
const basis = () => bases[state.basis];
const coordinate = (z, axis) => dot(plus(z, -1, basis().origin), basis().directions[axis]);
const place = (z) => state.axes.map((axis) => coordinate(z, axis));
function setCoordinates(values) { // of axes, by number; all others stay
  for (const [axis, value] of values) state.z = plus(state.z, value - coordinate(state.z, axis), basis().directions[axis]);
  state.seed = null;
  if (basis().marks.length) state.length = data.typicalLength;
}
function setPoint(z, seed = null) { // as it is, and as long as it is
  Object.assign(state, { z, seed, length: data.typicalLength && Math.sqrt(dot(z, z)) });
}
/* The latent point that is decoded for z. Nearly all draws of a generator's latent points have one length, and it knows
   no others: what moves along a direction keeps the length that it began with. */
function effective(z, length = state.length) {
  if (!length || !data.decoder) return z;
  const scale = length / (Math.sqrt(dot(z, z)) || 1);
  return Math.abs(scale - 1) < 1e-6 ? z : z.map((value) => value * scale);
}
function planeRange() { // left, right, bottom, top: a square
  const { low, high } = basis();
  const half = Math.max(...state.axes.map((axis) => high[axis] - low[axis])) / 2;
  return state.axes.flatMap((axis) => [(low[axis] + high[axis]) / 2 - half, (low[axis] + high[axis]) / 2 + half]);
}
// The latent point at coordinates of the plane; what is outside the plane is as it is in z.
function pointAt(x, y) {
  const [hereX, hereY] = place(state.z);
  return plus(plus(state.z, x - hereX, basis().directions[state.axes[0]]), y - hereY, basis().directions[state.axes[1]]);
}
function between(a, b, share) {
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)), angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  if (data.method === "linear" || !(Math.sin(angle) > 1e-6)) return Float32Array.from(a, (value, number) => value + share * (b[number] - value));
  const [first, second] = [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  return Float32Array.from(a, (value, number) => first * value + second * b[number]);
}
function labelRow(classes = state.classes, mix = state.mix) { // the share of each class, for the networks
  if (!conditional) return null;
  const row = new Float32Array(data.classes.length);
  row[classes[0]] += 1 - mix;
  row[classes[1]] += mix;
  return row;
}

// ---------------------------------------------------------------- undo
const past = [];
const snapshot = () => ({ ...state, axes: [...state.axes], ends: [...state.ends], classes: [...state.classes] });
const same = (a, b) => a.posterior === b.posterior && toAddress(a) === toAddress(b);
function commit() { // after each finished action
  const now = snapshot();
  if (past.length && same(past.at(-1), now)) return;
  past.push(now);
  if (past.length > 200) past.shift();
  try { history.replaceState(null, "", toAddress(state)); } catch { /* a page inside another may not */ }
  byId("undo").disabled = past.length < 2;
}
function undo() {
  if (past.length < 2) return;
  past.pop();
  Object.assign(state, past.pop());
  commit();
}

// ---------------------------------------------------------------- the address
const URL_LETTERS = { "+": "-", "/": "_", "=": "" };
function vectorText(vector) {
  const seed = seeds.findIndex((point) => point.every((value, number) => value === vector[number]));
  if (seed >= 0) return `s${seed}`;
  if (vector.length <= 16) return Array.from(vector, (value) => Number(value.toFixed(4))).join(",");
  return `b${btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(vector).buffer))).replace(/[+/=]/g, (letter) => URL_LETTERS[letter])}`;
}
function textVector(text) {
  if (text.startsWith("s") && seeds[text.slice(1)]) return seeds[text.slice(1)];
  const vector = text.startsWith("b")
    ? floats(text.slice(1).replace(/-/g, "+").replace(/_/g, "/"))
    : Float32Array.from(text.split(","), Number);
  if (vector.length !== data.latentDim || !vector.every(Number.isFinite)) throw new RangeError("not a latent point");
  return vector;
}
function toAddress({ z, seed, length, basis: number, axes, ends, share, classes, mix }) {
  const parts = [seed === null ? `z=${vectorText(z)}` : `seed=${seed}`];
  if (length && seed === null) parts.push(`length=${Number(length.toFixed(4))}`);
  if (number !== 0 || axes[0] !== 0 || axes[1] !== 1) parts.push(`plane=${[number, ...axes].join(",")}`);
  ends.forEach((end, which) => { if (end) parts.push(`${"ab"[which]}=${vectorText(end)}`); });
  if (ends[0] && ends[1]) parts.push(`share=${Number(share.toFixed(3))}`);
  if (conditional) parts.push(`class=${[...classes, Number(mix.toFixed(3))].join(",")}`);
  return `#${parts.join("&")}`;
}
// Takes over what an address says; one that says nothing sensible is ignored.
function fromAddress(text) {
  const read = snapshot();
  try {
    for (const [name, value] of new URLSearchParams(text.replace(/^#/, ""))) {
      const numbers = value.split(",").map(Number);
      if (name === "z") [read.z, read.seed] = [textVector(value), null];
      if (name === "length" && data.typicalLength && numbers[0] > 0) [read.length] = numbers;
      if (name === "seed" && seeds[numbers[0]]) {
        Object.assign(read, { z: seeds[numbers[0]], seed: numbers[0], length: data.typicalLength && Math.sqrt(dot(seeds[numbers[0]], seeds[numbers[0]])) });
      }
      if (name === "plane" && bases[numbers[0]]?.directions[Math.max(numbers[1], numbers[2])] && numbers[1] !== numbers[2]) [read.basis, ...read.axes] = numbers;
      if (name === "a" || name === "b") read.ends[name === "a" ? 0 : 1] = textVector(value);
      if (name === "share" && numbers[0] >= 0 && numbers[0] <= 1) [read.share] = numbers;
      if (name === "class" && conditional && data.classes[numbers[0]] && data.classes[numbers[1]] && numbers[2] >= 0 && numbers[2] <= 1) [read.classes, read.mix] = [numbers.slice(0, 2), numbers[2]];
    }
  } catch {
    return;
  }
  Object.assign(state, read);
}
