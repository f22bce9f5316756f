/* A DCGAN's latent points from a file: the .npy that `latent project` writes. */
"use strict";

// Returns the rows of a NumPy file of real numbers, each a latent point.
function pointsOf(buffer) {
  // The length of the header, in bytes 8 and 9, is counted from byte 10 on.
  const start = 10 + new DataView(buffer).getUint16(8, true), header = String.fromCharCode(...new Uint8Array(buffer.slice(0, start)));
  const [, bytes, columns] = header.match(/^\x93NUMPY\x01.*'<f([48])'.*'fortran_order': False.*'shape': \(\d+, (\d+)\)/s);
  const values = Float32Array.from(new { 4: Float32Array, 8: Float64Array }[bytes](buffer.slice(start)));
  const points = Array.from({ length: values.length / data.latentDim }, (_, row) => values.subarray(row * data.latentDim, (row + 1) * data.latentDim));
  if (Number(columns) !== data.latentDim || !points.length || values.length % data.latentDim || !values.every(Number.isFinite)) throw new RangeError("no latent points");
  return points;
}
async function fromPointFile(file) {
  byId("pointproblem").textContent = "";
  try {
    const points = pointsOf(await file.arrayBuffer());
    stopMix();
    setPoint(points[0]);
    if (points.length > 1) Object.assign(state, { ends: points.slice(0, 2), share: 0 });
    schedule();
    commit();
  } catch {
    byId("pointproblem").textContent = `${file.name} holds no latent points of this run; choose the .npy file that “latent project” writes.`;
  }
}

if (byId("pointfile")) takeFiles(byId("pointfile"), fromPointFile);
