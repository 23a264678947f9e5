/** Every visible text of a page whose contrast with what lies under it is below 4.5 (WCAG 2.2, 1.4.3). */
() => {
  const parse = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const known = new Map();
  const rgba = (colour) => known.get(colour) ?? known.set(colour, parse(colour)).get(colour);
  const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => (part * a + under[i] * (255 - a)) / 255);
  /** What lies under an element: backgrounds from the nearest opaque one outwards. */
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const found = rgba(getComputedStyle(at).backgroundColor);
      if (found[3]) layers.push(found);
      if (found[3] === 255) break;
    }
    return layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const luminance = (colour) => colour.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = [];
  let seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE", "OPTION"].includes(node.tagName)) continue;
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || node.closest(":disabled")) continue;
    seen += 1;
    const under = ground(node);
    const found = ratio(over(rgba(getComputedStyle(node).color), under), under);
    if (found < 4.5) poor.push(`${found.toFixed(2)} ${node.outerHTML.slice(0, 90)}`);
  }
  return { seen, poor };
}
