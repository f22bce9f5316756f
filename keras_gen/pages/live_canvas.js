/* Drawing: what the canvases of this page share, the network, the loss curves, and the slice through the data. */
"use strict";

let colours = null; // of the scheme that the reader's system asks for
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = { back: "--back", ink: "--ink", quiet: "--quiet", line: "--line", panel: "--panel", mark: "--mark", positive: "--series-1", negative: "--series-2", generated: "--series-4" };
  colours = Object.fromEntries(Object.entries(names).map(([name, variable]) => [name, style.getPropertyValue(variable).trim()]));
  colours.text = parseFloat(style.fontSize);
}

// Gives a canvas as many pixels as it has on the screen, and returns its context and its size in CSS pixels.
function prepared(canvas) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `${0.8 * colours.text}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.lineCap = "round";
  return { context, width, height };
}

function outlined(context, text, x, y, ink = colours.ink) {
  context.lineWidth = 4;
  context.strokeStyle = colours.back;
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
}

// Where the pointer is on a canvas, in CSS pixels.
function pointerPlace(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

// ---------------------------------------------------------------- the network

const WIDEST = 9, WIDEST_OF_MANY = 3.2; // CSS pixels of the largest weight's line

// Places of the nodes, column by column: [[[x, y], ...], ...].
function nodePlaces(gan, width, height) {
  const counts = [1, ...gan.generator.map(({ outputs }) => outputs), ...gan.discriminator.map(({ outputs }) => outputs)];
  const side = 1.6 * colours.text, top = 2 * colours.text;
  return counts.map((count, column) => {
    const x = side + (column * (width - 2 * side)) / (counts.length - 1), step = (height - 2 * top) / Math.max(...counts);
    return Array.from({ length: count }, (_, row) => [x, height / 2 + colours.text * 0.6 + (row - (count - 1) / 2) * step]);
  });
}

const columnOf = (gan, { network, layer }) => layer + (network === "generator" ? 0 : gan.generator.length);
const sameItem = (one, other) => one && other && one.network === other.network && one.layer === other.layer && one.from === other.from && one.to === other.to;

function drawNetwork(canvas, training, selected) {
  const { gan, state } = training, { context, width, height } = prepared(canvas);
  const places = nodePlaces(gan, width, height), few = gan.generator.length === 1;
  const items = allItems(gan), values = items.map((item) => valueOf(gan, state.parameters, item));
  const largest = {};
  items.forEach(({ network }, number) => { largest[network] = Math.max(largest[network] ?? 1e-9, Math.abs(values[number])); });
  const chosen = items.findIndex((item) => sameItem(item, selected));
  const radius = few ? 1.15 * colours.text : 0.42 * colours.text;
  const line = (number, extra) => {
    const item = items[number], column = columnOf(gan, item);
    const thick = Math.max(0.4, ((few ? WIDEST : WIDEST_OF_MANY) * Math.abs(values[number])) / largest[item.network]);
    context.lineWidth = thick + extra;
    context.beginPath();
    if (item.from === null) {
      context.arc(...places[column + 1][item.to], radius + thick / 2, 0, 2 * Math.PI);
    } else {
      context.moveTo(...places[column][item.from]);
      context.lineTo(...places[column + 1][item.to]);
    }
    context.stroke();
  };
  const paint = (number) => {
    context.strokeStyle = values[number] < 0 ? colours.negative : colours.positive;
    line(number, 0);
  };
  context.globalAlpha = few ? 1 : 0.75; // so that one sees lines below others
  items.forEach((_, number) => paint(number));
  context.globalAlpha = 1;
  if (chosen >= 0) {
    for (const [ink, extra] of [[colours.back, 8], [colours.ink, 6], [colours.back, 2.5]]) {
      context.strokeStyle = ink;
      line(chosen, extra);
    }
    paint(chosen);
  }
  drawNodes(context, gan, places, radius, few);
  if (few) {
    items.forEach((item, number) => {
      if (item.from === null) return;
      const column = columnOf(gan, item), [x1, y1] = places[column][item.from], [x2, y2] = places[column + 1][item.to];
      const share = item.network === "generator" ? 0.55 : 0.45;
      const text = values[number].toFixed(2).replace("-", "−"), x = x1 + share * (x2 - x1), y = y1 + share * (y2 - y1);
      const half = context.measureText(text).width / 2 + 3;
      context.fillStyle = colours.back;
      context.fillRect(x - half, y - 0.65 * colours.text, 2 * half, 1.2 * colours.text);
      context.fillStyle = colours.ink;
      context.fillText(text, x, y);
    });
  }
}

function drawNodes(context, gan, places, radius, few) {
  const names = [gan.inputs.generator, ...gan.generator.map(({ nodes }) => nodes), ...gan.discriminator.map(({ nodes }) => nodes)];
  places.forEach((column, number) => column.forEach(([x, y], row) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = colours.panel;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = colours.quiet;
    context.stroke();
    const single = column.length === 1;
    context.fillStyle = colours.ink;
    if (few || single) context.fillText(names[number][row], x, few ? y : y - radius - 0.6 * colours.text);
  }));
  const middle = (places[0][0][0] + places[gan.generator.length][0][0]) / 2, last = (places[gan.generator.length][0][0] + places.at(-1)[0][0]) / 2;
  outlined(context, "generator", middle, 0.8 * colours.text, colours.quiet);
  outlined(context, "discriminator", last, 0.8 * colours.text, colours.quiet);
}

// Returns the weight or bias nearest to a place of the canvas, or null.
function itemAt(canvas, gan, [x, y]) {
  const places = nodePlaces(gan, canvas.clientWidth, canvas.clientHeight), radius = (gan.generator.length === 1 ? 1.15 : 0.42) * colours.text;
  let best = 1.6 * colours.text, found = null;
  for (const item of allItems(gan)) {
    const column = columnOf(gan, item), end = places[column + 1][item.to];
    const fromNode = Math.hypot(x - end[0], y - end[1]) - radius - WIDEST / 2;
    const distance = item.from === null ? Math.max(0, fromNode) - 0.01 : fromNode < 0 ? Infinity : toSegment([x, y], places[column][item.from], end);
    if (distance < best) [best, found] = [distance, item];
  }
  return found;
}

function toSegment([x, y], [x1, y1], [x2, y2]) {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const share = Math.min(Math.max(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0), 1);
  return Math.hypot(x - x1 - share * (x2 - x1), y - y1 - share * (y2 - y1));
}

// ---------------------------------------------------------------- loss curves

function drawLosses(canvas, training) {
  const { context, width, height } = prepared(canvas), { losses, epoch, reached } = training;
  const left = 3 * colours.text, right = width - 0.8 * colours.text, top = 0.6 * colours.text, bottom = height - 1.6 * colours.text;
  const shown = Math.max(reached, 20);
  let low = 0, high = 1.5;
  const step = Math.max(1, Math.floor(reached / 2000));
  for (const values of Object.values(losses)) {
    for (let place = 0; place < reached; place += step) {
      low = Math.min(low, values[place]);
      high = Math.max(high, values[place]);
    }
  }
  const xOf = (place) => left + (place / shown) * (right - left), yOf = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  context.textAlign = "right";
  for (const tick of ticks(low, high, 4)) {
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(left, yOf(tick));
    context.lineTo(right, yOf(tick));
    context.stroke();
    context.fillStyle = colours.quiet;
    context.fillText(brief(tick), left - 6, yOf(tick));
  }
  context.textAlign = "center";
  for (const tick of ticks(0, shown, width / 110)) {
    if (Number.isInteger(tick) && xOf(tick) < right - colours.text) context.fillText(brief(tick), xOf(tick), bottom + 0.8 * colours.text);
  }
  for (const [name, colour] of [["discriminator", colours.positive], ["generator", colours.negative]]) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    for (const [from, to, alpha] of [[0, epoch, 1], [epoch, reached, 0.3]]) {
      context.globalAlpha = alpha;
      context.beginPath();
      for (let place = from; place < to; place += step) context.lineTo(xOf(place + 1), yOf(losses[name][place]));
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  // Which curve is nearest to a place of the canvas.
  return ([x, y]) => {
    const place = Math.min(Math.max(Math.round(((x - left) / (right - left)) * shown) - 1, 0), reached - 1);
    const away = (name) => Math.abs(yOf(losses[name][place]) - y);
    return away("discriminator") <= away("generator") ? "discriminator" : "generator";
  };
}

// ---------------------------------------------------------------- what the discriminator says of each point of a slice

const SLICE_SIDE = 32;

function drawSlice(canvas, training, slice, pointer) {
  const { context, width, height } = prepared(canvas), { gan, state } = training;
  const batch = slice.batch ??= sliceBatch(slice);
  const verdicts = outputs(state.parameters, gan.discriminator, batch);
  const image = slice.image ??= new ImageData(SLICE_SIDE, SLICE_SIDE);
  const [low, high] = [rgb(colours.negative), rgb(colours.positive)], middle = rgb(colours.back);
  verdicts.forEach((verdict, place) => {
    const share = Math.abs(verdict - 0.5) * 2, end = verdict < 0.5 ? low : high;
    for (let channel = 0; channel < 3; channel++) image.data[4 * place + channel] = middle[channel] + 0.85 * share * (end[channel] - middle[channel]);
    image.data[4 * place + 3] = 255;
  });
  const small = slice.canvas ??= make("canvas", { width: SLICE_SIDE, height: SLICE_SIDE });
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, width, height);
  const place = ([x, y]) => [(width * (x - slice.x[0])) / (slice.x[1] - slice.x[0]), height * (1 - (y - slice.y[0]) / (slice.y[1] - slice.y[0]))];
  const dots = (points, colour, square) => {
    for (const [x, y] of points.map(place)) {
      context.beginPath();
      if (square) context.rect(x - 4, y - 4, 8, 8);
      else context.arc(x, y, 4.5, 0, 2 * Math.PI);
      context.fillStyle = colour;
      context.fill();
      context.lineWidth = 1.5;
      context.strokeStyle = colours.back;
      context.stroke();
    }
  };
  dots(slice.real(training), colours.ink, true);
  dots(slice.generated(training), colours.generated, false);
  if (!pointer) return;
  const [x, y] = place(pointer);
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x - 9, y);
  context.lineTo(x + 9, y);
  context.moveTo(x, y - 9);
  context.lineTo(x, y + 9);
  context.stroke();
}

function sliceBatch(slice) {
  const rows = [];
  for (let row = 0; row < SLICE_SIDE; row++) {
    for (let column = 0; column < SLICE_SIDE; column++) rows.push(...slice.example(atShare(slice.x, (column + 0.5) / SLICE_SIDE), atShare(slice.y, 1 - (row + 0.5) / SLICE_SIDE)));
  }
  return Float64Array.from(rows);
}
const atShare = ([low, high], share) => low + share * (high - low);
const rgb = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
