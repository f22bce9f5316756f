/* From latent points to pixels on the page: the decoder or what replaces it, painting, strips and sheets. */
"use strict";

const QUIET_MS = 180; // a mosaic or a strip is computed when nothing has moved for so long

// Loads a picture of many images side by side; returns a function from an image's number to its pixels.
async function loadSheet(source) {
  if (!source) return null;
  const picture = new Image();
  picture.src = source.picture;
  await picture.decode();
  const canvas = make("canvas", { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  return (number) => context.getImageData((number % source.columns) * width, Math.floor(number / source.columns) * height, width, height).data;
}

let decoder = null, encoder = null;
let realImage = null, rebuiltImage = null, sheetImage = null;
const ready = Promise.all([data.tiles, data.points?.real, data.points?.rebuilt, data.sheet].map(loadSheet)).then((sheets) => {
  let tile;
  [tile, realImage, rebuiltImage, sheetImage] = sheets;
  const inputShape = [height, width, channels];
  if (data.decoder) {
    decoder = makeDecoder({ ...data, operations: data.decoder, classes: data.classes.length });
    if (data.encoder) encoder = buildNetwork(data.encoder, inputShape, data.classes.length);
  } else {
    decoder = beforehand(makeBlender(tile, data.tiles.side, planeRange()));
  }
});

// What a decoder does, by images that were made beforehand: those of the sheet as they are, others blended.
function beforehand(blend) {
  const now = (z) => {
    const number = state.seed !== null && z === state.z && state.seed < data.sheet.count ? state.seed : null;
    return number === null ? blend(...place(z)) : sheetImage(number);
  };
  return {
    quick: true,
    now,
    latest: (z, label, show) => show(now(z)),
    many: async (points, label, show) => points.forEach((z, number) => show(now(z), number)),
  };
}

function paint(canvas, pixels) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(pixels), width, height), 0, 0);
}

/* A row of images, computed in the background: `show(points, label)` fills it, and only the newest call counts. */
function makeStrip(canvas, count) {
  let call = 0, shown = "";
  const context = () => canvas.getContext("2d");
  Object.assign(canvas, { width: count * width, height });
  return {
    filled: 0, // how many are there
    show(points, label, key) {
      if (key === shown) return;
      shown = key;
      this.filled = 0;
      const mine = ++call;
      decoder.many(points, label, (pixels, number) => {
        context().putImageData(new ImageData(Uint8ClampedArray.from(pixels), width, height), number * width, 0);
        this.filled++;
      }, () => mine === call);
    },
  };
}

// Calls `action` when it has not been asked for again for some time.
function afterRest(action, milliseconds = QUIET_MS) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(action, milliseconds); };
}

// Takes a file that is chosen, or dropped anywhere on the page.
function takeFiles(input, take) {
  input.addEventListener("change", () => { if (input.files[0]) take(input.files[0]); input.value = ""; });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

const saveScale = () => Math.max(1, Math.ceil(512 / Math.max(width, height)));
const fileName = (what) => `${data.title.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60)}-${what}.png`;
