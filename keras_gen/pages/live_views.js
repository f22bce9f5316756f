/* What each GAN shows: real and generated examples, the slice through its data, and the real data that one can change. */
"use strict";

const SHOWN_SIGNALS = 30;
const shownLatents = new RandomState(0).normals(SHOWN_SIGNALS); // always the same, so that one sees each signal change
let realShown = null; // real signals, and their places in the slice

function realSignals({ shape }) {
  const key = JSON.stringify(shape);
  if (realShown?.key !== key) {
    const signals = SINE.drawSignals(new RandomState(0), SHOWN_SIGNALS, shape);
    realShown = { key, signals, points: shape ? [] : rowsOf(signals, SAMPLES).map(fitSine) };
  }
  return realShown;
}

const spread = (low, high, count) => Float64Array.from({ length: count }, (_, place) => low + ((high - low) * (place + 0.5)) / count);
const rowsOf = (batch, width) => Array.from({ length: batch.length / width }, (_, row) => batch.subarray(row * width, (row + 1) * width));
const generatedImages = ({ gan, state }, count) => rowsOf(outputs(state.parameters, gan.generator, spread(...gan.latentRange, count)), gan.discriminator[0].inputs);

const VIEWS = {
  trend: {
    latents: "latent numbers from 0.4 to 1",
    slice: {
      x: [-0.3, 1.3],
      y: [-0.3, 1.3],
      names: ["last pixel", "first pixel"],
      about: "the middle pixel is 0.5",
      example: (x, y) => [y, 0.5, x],
      real: ({ state }) => rowsOf(state.real, 3).map(([first, , last]) => [last, first]),
      generated: (training) => generatedImages(training, 12).map(([first, , last]) => [last, first]),
    },
    drawReal: (canvas, { state }) => drawImages(canvas, rowsOf(state.real, 3).slice(0, 10), 3),
    drawGenerated: (canvas, training) => drawImages(canvas, generatedImages(training, 10), 3),
  },
  faces: {
    latents: "latent numbers from 0 to 1",
    slice: {
      x: [-0.05, 1.05],
      y: [-0.05, 1.05],
      names: ["main diagonal", "other diagonal"],
      about: "both pixels of a diagonal are alike",
      example: (x, y) => [x, y, y, x],
      real: ({ state }) => rowsOf(state.real, 4).map(diagonals),
      generated: (training) => generatedImages(training, 10).map(diagonals),
    },
    drawReal: (canvas, training, cell) => drawImages(canvas, rowsOf(training.state.real, 4), 2, cell),
    drawGenerated: (canvas, training) => drawImages(canvas, generatedImages(training, 5), 2),
    // The real data that one can change: twenty numbers from 0 to 1.
    editor: {
      hint: "Drag a pixel of a real face up (brighter) or down (darker); or choose one with the left and right arrow keys and change it with up and down.",
      range: [0, 1],
      count: 20,
      values: ({ faces }) => faces.flat(),
      change: (values) => ({ faces: rowsOf(values, 4) }),
      at: (canvas, place) => imageCellAt(canvas, place, 5, 2, 2),
      valueAt: null, // changes by how far the pointer moves
      name: (cell) => `face ${Math.floor(cell / 4) + 1}, pixel ${(cell % 4) + 1}`,
    },
  },
  sine: {
    latents: `${SHOWN_SIGNALS} latent numbers from N(0, 1)`,
    slice: {
      x: [0.9, 1.8],
      y: [-1, 2],
      names: ["frequency f", "phase x₀"],
      about: "signals 0.65 sin(x₀ + f i); a generated signal stands where the sine nearest to it is",
      example: (x, y) => Array.from({ length: SAMPLES }, (_, i) => 0.65 * Math.sin(y + x * i)),
      real: ({ settings }) => realSignals(settings).points,
      generated: ({ gan, state }) => rowsOf(outputs(state.parameters, gan.generator, shownLatents.subarray(0, 12)), SAMPLES).map(fitSine),
    },
    drawReal: (canvas, { settings }, cell) => drawSignals(canvas, realSignals(settings).signals, settings.shape, cell),
    drawGenerated: (canvas, { gan, state }) => drawSignals(canvas, outputs(state.parameters, gan.generator, shownLatents)),
    editor: {
      hint: "Draw over the real signals to teach another shape; or choose a sample with the left and right arrow keys and change it with up and down.",
      range: [-1, 1],
      count: SAMPLES,
      values: ({ shape }) => shape ?? Array.from({ length: SAMPLES }, (_, i) => Math.sin(0.5 + 1.35 * i)),
      change: (values) => ({ shape: Array.from(values) }),
      at: (canvas, [x]) => Math.min(Math.max(Math.round((x / canvas.clientWidth) * SAMPLES - 0.5), 0), SAMPLES - 1),
      valueAt: (canvas, [, y]) => 1.1 - (2.2 * y) / canvas.clientHeight,
      name: (cell) => `sample ${cell}`,
    },
  },
};

const diagonals = ([a, b, c, d]) => [(a + d) / 2, (b + c) / 2];

// The cosines and sines of each f of a grid, and the sums of their products: the same for every signal.
const FITS = Array.from({ length: 61 }, (_, step) => {
  const f = 0.9 + 0.015 * step, cos = [], sin = [];
  let cc = 1e-12, ss = 1e-12, cs = 0;
  for (let i = 0; i < SAMPLES; i++) {
    cos[i] = Math.cos(f * i);
    sin[i] = Math.sin(f * i);
    cc += cos[i] * cos[i]; ss += sin[i] * sin[i]; cs += cos[i] * sin[i];
  }
  return { f, cos, sin, cc, ss, cs, determinant: cc * ss - cs * cs };
});

// The f from 0.9 to 1.8 and the x0 of the sine m sin(x0 + f i) nearest to a signal, by least squares over the grid of f.
function fitSine(signal) {
  let best = Infinity, found = null;
  for (const { f, cos, sin, cc, ss, cs, determinant } of FITS) {
    let yc = 0, ys = 0;
    for (let i = 0; i < SAMPLES; i++) { yc += signal[i] * cos[i]; ys += signal[i] * sin[i]; }
    const a = (yc * ss - ys * cs) / determinant, b = (ys * cc - yc * cs) / determinant;
    const residual = -a * yc - b * ys;
    if (residual < best) [best, found] = [residual, [f, Math.atan2(a, b)]];
  }
  return found;
}

// ---------------------------------------------------------------- drawing

// Where image `number` of `count` and its cells are: side by side, `columns` cells wide.
function imageBox(canvas, count, columns, rows) {
  const width = canvas.clientWidth, gap = Math.min(12, width / count / 6), slot = (width + gap) / count;
  const cell = Math.min((slot - gap) / columns, (canvas.clientHeight - 4) / rows);
  return { cell, corner: (number) => [number * slot + (slot - gap - columns * cell) / 2, (canvas.clientHeight - rows * cell) / 2] };
}

function drawImages(canvas, images, columns, marked = null) {
  const { context } = prepared(canvas), rows = images[0].length / columns;
  const { cell, corner } = imageBox(canvas, images.length, columns, rows);
  images.forEach((pixels, number) => {
    const [left, top] = corner(number);
    pixels.forEach((value, pixel) => {
      const grey = Math.round(255 * Math.min(Math.max(value, 0), 1));
      context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      context.fillRect(left + (pixel % columns) * cell, top + Math.floor(pixel / columns) * cell, cell + 0.3, cell + 0.3);
    });
    context.lineWidth = 1;
    context.strokeStyle = colours.quiet;
    context.strokeRect(left, top, columns * cell, rows * cell);
    if (marked === null || Math.floor(marked / pixels.length) !== number) return;
    const pixel = marked % pixels.length;
    context.lineWidth = 3;
    context.strokeStyle = colours.mark;
    context.strokeRect(left + (pixel % columns) * cell + 1, top + Math.floor(pixel / columns) * cell + 1, cell - 2, cell - 2);
  });
}

// The number of the pixel at a place, over all images, or null.
function imageCellAt(canvas, [x, y], count, columns, rows) {
  const { cell, corner } = imageBox(canvas, count, columns, rows);
  for (let number = 0; number < count; number++) {
    const [left, top] = corner(number), column = Math.floor((x - left) / cell), row = Math.floor((y - top) / cell);
    if (column >= 0 && column < columns && row >= 0 && row < rows) return number * columns * rows + row * columns + column;
  }
  return null;
}

function drawSignals(canvas, signals, shape = null, marked = null) {
  const { context, width, height } = prepared(canvas);
  const xOf = (sample) => ((sample + 0.5) * width) / SAMPLES, yOf = (value) => (height * (1.1 - value)) / 2.2;
  const line = (samples) => {
    context.beginPath();
    samples.forEach((value, sample) => context.lineTo(xOf(sample), yOf(value)));
    context.stroke();
  };
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  line(new Float64Array(SAMPLES));
  context.strokeStyle = colours.positive;
  context.globalAlpha = 0.5;
  rowsOf(signals, SAMPLES).forEach(line);
  context.globalAlpha = 1;
  if (shape) {
    context.lineWidth = 3;
    context.strokeStyle = colours.negative;
    line(shape);
  }
  if (marked === null) return;
  context.fillStyle = colours.mark;
  context.fillRect(xOf(marked) - 2, 0, 4, height);
}
