/* Trained networks in the browser: the operations that `keras_gen.models.exporting` knows, tested against Keras.

   All of it is in one function, whose source also makes the Web Workers (decoding.js). Values are float32 in typed
   arrays, channels last; sums are in float64. */
"use strict";

function networkLibrary() {
  const ACTIVATIONS = {
    relu: (x) => (x > 0 ? x : 0),
    leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
    silu: (x) => x / (1 + Math.exp(-x)),
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    tanh: Math.tanh,
  };

  // ---- numbers as they come with the page: base64 of float32, or of float16 where the text begins with "h:"
  // Loops, since `TypedArray.from` with a function takes twenty times as long, and a page has millions of weights.
  function bytes(text) {
    const letters = atob(text), codes = new Uint8Array(letters.length);
    for (let place = 0; place < codes.length; place++) codes[place] = letters.charCodeAt(place);
    return codes.buffer;
  }
  let halfValues = null; // of all 65,536 float16 numbers
  function halfTable() {
    return Float32Array.from({ length: 65536 }, (_, code) => {
      const sign = code & 0x8000 ? -1 : 1, exponent = (code >> 10) & 31, fraction = code & 1023;
      if (exponent === 31) return fraction ? NaN : sign * Infinity;
      return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
    });
  }
  function floats(text) {
    if (!text.startsWith("h:")) return new Float32Array(bytes(text));
    halfValues ??= halfTable();
    const halves = new Uint16Array(bytes(text.slice(2))), values = new Float32Array(halves.length);
    for (let place = 0; place < values.length; place++) values[place] = halfValues[halves[place]];
    return values;
  }

  /* Adds to y, for each pair (from, to) of rows of `depth` numbers in x and of `filters` numbers in y, the product with
     a kernel (filters, depth) that begins at `start`. Two pairs and four rows of the kernel at a time: each number that
     is read is used several times. */
  function multiply(x, y, kernel, start, pairs, depth, filters) {
    const blocks = filters - (filters % 4);
    for (let pair = 0; pair < pairs.length; pair += 4) {
      const from = pairs[pair] * depth, to = pairs[pair + 1] * filters;
      const two = pair + 2 < pairs.length;
      const from2 = two ? pairs[pair + 2] * depth : from, to2 = two ? pairs[pair + 3] * filters : 0;
      let row = start;
      for (let f = 0; f < blocks; f += 4, row += 4 * depth) {
        const row2 = row + depth, row3 = row2 + depth, row4 = row3 + depth;
        let a1 = 0, a2 = 0, a3 = 0, a4 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0;
        for (let c = 0; c < depth; c++) {
          const a = x[from + c], b = x[from2 + c];
          const k1 = kernel[row + c], k2 = kernel[row2 + c], k3 = kernel[row3 + c], k4 = kernel[row4 + c];
          a1 += a * k1; a2 += a * k2; a3 += a * k3; a4 += a * k4;
          b1 += b * k1; b2 += b * k2; b3 += b * k3; b4 += b * k4;
        }
        y[to + f] += a1; y[to + f + 1] += a2; y[to + f + 2] += a3; y[to + f + 3] += a4;
        if (two) { y[to2 + f] += b1; y[to2 + f + 1] += b2; y[to2 + f + 2] += b3; y[to2 + f + 3] += b4; }
      }
      for (let f = blocks; f < filters; f++, row += depth) {
        let a1 = 0, b1 = 0;
        for (let c = 0; c < depth; c++) { a1 += x[from + c] * kernel[row + c]; b1 += x[from2 + c] * kernel[row + c]; }
        y[to + f] += a1;
        if (two) y[to2 + f] += b1;
      }
    }
  }

  // Returns an array of `rows` times the bias.
  function filled(bias, rows) {
    const y = new Float32Array(rows * bias.length);
    for (let start = 0; start < y.length; start += bias.length) y.set(bias, start);
    return y;
  }

  // Returns a kernel (taps, rows, columns) with rows and columns exchanged.
  function transposed(kernel, taps, rows, columns) {
    const result = new Float32Array(kernel.length);
    for (let tap = 0; tap < taps; tap++) {
      const start = tap * rows * columns;
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) result[start + column * rows + row] = kernel[start + row * columns + column];
      }
    }
    return result;
  }

  /* Which pixels of the fine map belong to which of the coarse one, for each place of a kernel: a convolution reads the
     fine map and writes the coarse one, a transposed one the other way round. Both pad as TensorFlow's "same" does:
     what is left over goes behind. */
  function pairsByTap([kernelHeight, kernelWidth], [rows, columns], [fineRows, fineColumns], stride) {
    const padding = (size, coarse, fine) => Math.max((coarse - 1) * stride + size - fine, 0) >> 1;
    const above = padding(kernelHeight, rows, fineRows), before = padding(kernelWidth, columns, fineColumns);
    const taps = [];
    for (let a = 0; a < kernelHeight; a++) for (let b = 0; b < kernelWidth; b++) {
      const pairs = [];
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
        const row = i * stride + a - above, column = j * stride + b - before;
        if (row >= 0 && row < fineRows && column >= 0 && column < fineColumns) pairs.push(i * columns + j, row * fineColumns + column);
      }
      taps.push(pairs);
    }
    return taps;
  }
  function swapped(pairs) {
    return pairs.map((_, place) => pairs[place ^ 1]);
  }

  /* Each makes a function of (values, label) from an operation's options and weights and from the shape of its input,
     and says which shape it returns. */
  const MAKERS = {
    dense({ kernelShape: [inputs, units], kernel, bias }) {
      const rows = transposed(kernel, 1, inputs, units), pair = Int32Array.of(0, 0); // an array of another type would slow `multiply`
      return { shape: [units], run(x) { const y = Float32Array.from(bias); multiply(x, y, rows, 0, pair, inputs, units); return y; } };
    },
    conv({ kernelShape: [high, wide, depth, filters], kernel, bias, stride, shape }, shapeIn) {
      const taps = pairsByTap([high, wide], shape, shapeIn, stride).map((pairs) => Int32Array.from(swapped(pairs)));
      return { shape, run: spread(taps, transposed(kernel, high * wide, depth, filters), bias, shape, depth, filters) };
    },
    conv_transpose({ kernelShape: [high, wide, filters, depth], kernel, bias, stride, shape }, shapeIn) {
      const taps = pairsByTap([high, wide], shapeIn, shape, stride).map((pairs) => Int32Array.from(pairs));
      return { shape, run: spread(taps, kernel, bias, shape, depth, filters) };
    },
    reshape: ({ shape }) => ({ shape, run: (x) => x }),
    resize({ factor }, [rows, columns, depth]) {
      const run = (x) => {
        const y = new Float32Array(x.length * factor * factor);
        for (let row = 0, to = 0; row < rows * factor; row++) for (let column = 0; column < columns * factor; column++, to += depth) {
          const from = (Math.floor(row / factor) * columns + Math.floor(column / factor)) * depth;
          for (let c = 0; c < depth; c++) y[to + c] = x[from + c];
        }
        return y;
      };
      return { shape: [rows * factor, columns * factor, depth], run };
    },
    with_label({ scale }, [length], classes) {
      const run = (x, label) => {
        const y = new Float32Array(length + classes);
        y.set(x);
        label.forEach((share, place) => { y[length + place] = scale * share; });
        return y;
      };
      return { shape: [length + classes], run };
    },
    scale({ scale, shift }, shape) {
      const depth = scale.length;
      const run = (x) => {
        for (let start = 0; start < x.length; start += depth) for (let c = 0; c < depth; c++) x[start + c] = x[start + c] * scale[c] + shift[c];
        return x;
      };
      return { shape, run };
    },
    standardize({ epsilon }, shape) {
      const depth = shape.at(-1);
      const run = (x) => {
        const y = Float32Array.from(x);
        for (let start = 0; start < y.length; start += depth) {
          const part = y.subarray(start, start + depth), mean = part.reduce((sum, value) => sum + value, 0) / depth;
          const variance = part.reduce((sum, value) => sum + (value - mean) ** 2, 0) / depth;
          part.forEach((value, place) => { part[place] = (value - mean) / Math.sqrt(variance + epsilon); });
        }
        return y;
      };
      return { shape, run };
    },
    activation({ function: name, slope }, shape) {
      const activate = ACTIVATIONS[name];
      return { shape, run: (x) => { for (let place = 0; place < x.length; place++) x[place] = activate(x[place], slope); return x; } };
    },
  };
  function spread(taps, kernel, bias, shape, depth, filters) {
    return (x) => {
      const y = filled(bias, shape[0] * shape[1]);
      taps.forEach((pairs, tap) => multiply(x, y, kernel, tap * depth * filters, pairs, depth, filters));
      return y;
    };
  }

  /* Returns a network: { run(input, label, count) }, `label` being the share of each class, `count` how many of its
     operations are run (all, if it is left out). */
  function buildNetwork(operations, inputShape, classes) {
    let shape = inputShape;
    const steps = operations.map(({ kind, options, weights }) => {
      const arrays = Object.fromEntries(Object.entries(weights).map(([name, text]) => [name, floats(text)]));
      const step = MAKERS[kind]({ ...options, ...arrays }, shape, classes);
      shape = step.shape;
      return step.run;
    });
    return { length: steps.length, run: (input, label, count = steps.length) => steps.slice(0, count).reduce((x, step) => step(x, label), Float32Array.from(input)) };
  }

  // Returns a network's values as pixels: red, green, blue, opaque. Grey is given to all three. A fourth channel is alpha;
  // colours are premultiplied by it, and lie on a checkerboard as in transparency.py.
  function toPixels(values, [height, width, channels], [low, high]) {
    const pixels = new Uint8ClampedArray(height * width * 4), factor = 255 / (high - low); // it rounds and clips
    const clip = (level, most) => Math.min(Math.max(level, 0), most);
    const cell = Math.max(1, Math.floor(Math.min(height, width) / 8));
    for (let place = 0; place < height * width; place++) {
      const alpha = channels === 4 ? clip((values[place * channels + 3] - low) * factor, 255) : 255;
      const isDark = (Math.floor(Math.floor(place / width) / cell) + Math.floor((place % width) / cell)) % 2;
      const behind = (isDark ? 204 : 255) * (1 - alpha / 255);
      for (let channel = 0; channel < 3; channel++) {
        const level = (values[place * channels + (channels > 2 ? channel : 0)] - low) * factor;
        pixels[4 * place + channel] = channels === 4 ? clip(level, alpha) + behind : level;
      }
      pixels[4 * place + 3] = 255;
    }
    return pixels;
  }

  return { floats, buildNetwork, toPixels };
}
