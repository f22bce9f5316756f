"use strict";
const grids = JSON.parse(document.getElementById("grids").textContent);
const slider = document.getElementById("slider");
if (slider) slider.addEventListener("input", () => {
  const { epoch, source } = grids[Number(slider.value)];
  document.getElementById("grid").src = source;
  document.getElementById("epoch").textContent = epoch;
  slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
});
const large = document.getElementById("large");
for (const picture of document.querySelectorAll(".pictures button")) picture.addEventListener("click", () => {
  Object.assign(large.firstElementChild, { src: picture.firstElementChild.src, alt: picture.firstElementChild.alt });
  large.showModal();
});
large.addEventListener("click", () => large.close());
