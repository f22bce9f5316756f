/* Decoding beside the page: Web Workers made from a blob, each with the network, so that the page stays fluent.

   Images are asked for in two ways: `latest` wants the newest point only and drops older ones, `many` a list of them,
   with low priority. Where a browser allows no workers, the page computes both itself, image by image. */
"use strict";

const LIVE_MULTIPLY_ADDS = 6e6; // a network up to here is quick enough to be run by the page itself at each frame

function makeDecoder({ operations, latentDim, classes, imageShape, pixelRange, multiplyAdds }) {
  const network = buildNetwork(operations, [latentDim], classes);
  const now = (z, label) => toPixels(network.run(z, label), imageShape, pixelRange);
  const logits = (z, label) => network.run(z, label, network.length - 1);

  const source = `"use strict";
    const { buildNetwork, toPixels } = (${networkLibrary})();
    let network, settings;
    onmessage = ({ data }) => {
      if (data.operations) {
        settings = data;
        network = buildNetwork(data.operations, [data.latentDim], data.classes);
      } else {
        const pixels = toPixels(network.run(data.z, data.label), settings.imageShape, settings.pixelRange);
        postMessage({ pixels }, [pixels.buffer]);
      }
    };`;
  const workers = [];
  const waiting = []; // tasks of `many`
  let newest = null; // the task of `latest`
  let shownNumber = 0, number = 0;

  function startWorkers() {
    try {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const count = Math.min(Math.max(navigator.hardwareConcurrency || 2, 2), 4);
      for (let started = 0; started < count; started++) {
        const worker = new Worker(url);
        worker.task = null;
        worker.onmessage = ({ data }) => { const { task } = worker; worker.task = null; task.done(data.pixels); hand(); };
        worker.onerror = (event) => { // the page goes on alone
          event.preventDefault();
          waiting.unshift(...workers.map(({ task }) => task).filter(Boolean));
          workers.splice(0);
          hand();
        };
        worker.postMessage({ operations, latentDim, classes, imageShape, pixelRange });
        workers.push(worker);
      }
    } catch { // no workers here
      workers.splice(0);
    }
  }
  function nextTask() {
    if (newest) { const task = newest; newest = null; return task; }
    while (waiting.length) {
      const task = waiting.shift();
      if (!task.wanted || task.wanted()) return task;
      task.done(null);
    }
    return null;
  }
  let alone = 0; // a timer, where there are no workers
  function hand() {
    for (const worker of workers) {
      if (worker.task) continue;
      const task = nextTask();
      if (!task) return;
      worker.task = task;
      worker.postMessage({ z: task.z, label: task.label });
    }
    if (workers.length || alone || !(newest || waiting.length)) return;
    alone = setTimeout(() => { alone = 0; const task = nextTask(); if (task) task.done(now(task.z, task.label)); hand(); });
  }
  startWorkers();

  return {
    now,
    logits,
    quick: multiplyAdds <= LIVE_MULTIPLY_ADDS,
    /* Calls `show(pixels)`: at once if the network is quick or the pixels are `known`, else when they are there, and only
       if none newer are shown. */
    latest(z, label, show, known = null) {
      const mine = ++number;
      if (known || this.quick) {
        newest = null;
        shownNumber = mine;
        return show(known ?? now(z, label));
      }
      newest = { z: Float32Array.from(z), label, done: (pixels) => { if (mine > shownNumber) { shownNumber = mine; show(pixels); } } };
      hand();
    },
    // Calls `show(pixels, place)` for each point; those that are not `wanted()` any more are left out.
    many(points, label, show, wanted) {
      return Promise.all(points.map((z, place) => new Promise((done) => {
        waiting.push({ z, label, wanted, done: (pixels) => { if (pixels && (!wanted || wanted())) show(pixels, place); done(); } });
        if (place === points.length - 1) hand();
      })));
    },
  };
}

/* Images made beforehand at a square of places, blended between the four nearest. `tile(number)` returns pixels. */
function makeBlender(tile, side, [left, right, bottom, top]) {
  return (x, y) => {
    const across = Math.min(Math.max((x - left) / (right - left), 0), 1) * (side - 1);
    const down = Math.min(Math.max((top - y) / (top - bottom), 0), 1) * (side - 1);
    const column = Math.min(Math.floor(across), side - 2), row = Math.min(Math.floor(down), side - 2);
    const u = across - column, v = down - row;
    const corners = [[row, column, (1 - u) * (1 - v)], [row, column + 1, u * (1 - v)], [row + 1, column, (1 - u) * v], [row + 1, column + 1, u * v]];
    let sum = null;
    for (const [cornerRow, cornerColumn, weight] of corners) {
      if (weight === 0) continue;
      const pixels = tile(cornerRow * side + cornerColumn);
      sum ??= new Float64Array(pixels.length);
      for (let place = 0; place < sum.length; place++) sum[place] += weight * pixels[place];
    }
    return Uint8ClampedArray.from(sum);
  };
}
