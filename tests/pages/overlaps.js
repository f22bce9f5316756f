// Returns what covers what on a page, and what is wider than the window: texts, controls, pictures.
() => {
  const kinds = "p, h1, h2, button, input, output, select, pre, td, th, svg text, figcaption, legend, canvas, img";
  const options = { visibilityProperty: true, opacityProperty: true };
  const seen = (element) => element.checkVisibility(options) && !element.closest(".unseen, dialog");
  const shown = [...document.querySelectorAll(kinds)].filter(seen);
  const box = (element) => {
    if (element.matches("input, canvas, img, button, select") || !element.childNodes.length) return element.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const boxes = shown.map(box);
  const name = (element) => `${element.tagName} ${element.id || element.textContent.trim().slice(0, 30)}`;
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page is wider than the window");
  shown.forEach((a, i) => {
    const p = boxes[i];
    if (p.width && (p.right > innerWidth + 1 || p.left < -1)) found.push(`${name(a)} is outside`);
    shown.slice(i + 1).forEach((b, j) => {
      const q = boxes[i + 1 + j];
      if (a.contains(b) || b.contains(a) || !p.width || !q.width) return;
      const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (across > 2 && down > 2) found.push(`${name(a)} covers ${name(b)}`);
    });
  });
  return found;
}
