/* A turnable view of clusters on a canvas: no library, no network. Text from users is only ever set as text. */
(function () {
  "use strict";
  const data = window.auricClusters;
  const root = document.getElementById("viewer");
  if (!data || !root || !data.structures.length) return;

  const find = (name) => root.querySelector("[data-part=" + name + "]");
  const canvas = find("canvas"), context = canvas.getContext("2d");
  const choice = find("structure"), slider = find("frame"), style = find("style");
  const lengths = find("lengths"), ligands = find("ligands");
  const BACKGROUND = [248, 249, 250], REACH = 1.2, DISTANCE = 4.5;
  const elements = data.elements.map(([symbol, colour, radius]) => ({
    symbol, radius, rgb: [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)),
  }));
  let frame, atoms = [], bonds = [], turn, extent = 1, zoom = 1, hovered = null, drawn = [], waiting = false;

  /* ---- data ------------------------------------------------------------------------------------------------ */
  const structure = () => data.structures[choice.selectedIndex];
  const isCore = (atom) => !["H", "C", "N", "O", "F"].includes(atom.element.symbol);

  function load() {
    frame = structure().frames[slider.valueAsNumber];
    atoms = frame.kinds.map((kind, i) => ({
      i, element: elements[kind], at: [0, 1, 2].map((axis) => frame.xyz[3 * i + axis] / 1000),
    }));
    if (ligands.checked === false) atoms = atoms.filter(isCore);
    const middle = [0, 1, 2].map((axis) => atoms.reduce((sum, atom) => sum + atom.at[axis], 0) / (atoms.length || 1));
    atoms.forEach((atom) => { atom.at = atom.at.map((value, axis) => value - middle[axis]); });
    bonds = [];
    for (let i = 0; i < atoms.length; i++) for (let j = i + 1; j < atoms.length; j++) {
      const a = atoms[i], b = atoms[j], pair = [a.element.symbol, b.element.symbol].sort().join("-");
      const length = Math.hypot(a.at[0] - b.at[0], a.at[1] - b.at[1], a.at[2] - b.at[2]);
      if (pair !== "H-H" && length < REACH * (a.element.radius + b.element.radius)) {
        bonds.push({ a, b, length, pair, thin: pair === "Au-Au" });
      }
    }
    hovered = null;
    find("name").textContent = frame.name;
    find("facts").textContent = frame.facts;
    const shown = structure().frames.length, total = structure().total;
    find("count").textContent = (slider.valueAsNumber + 1) + " of " + shown +
      (shown < total ? " (every " + Math.ceil(total / shown) + "th of " + total + ")" : "");
    legend();
    canvas.setAttribute("aria-label", "Atoms of " + structure().name + ", frame " + frame.name + ", " + atoms.length + " atoms");
    redraw();
  }

  function open() {
    slider.max = structure().frames.length - 1;
    slider.value = 0;
    slider.disabled = structure().frames.length < 2;
    load();
    reset();
  }

  function reset() {
    turn = structure().facing.map((row) => row.slice());
    rotate(-0.35, 0.4);
    fit();
  }

  function fit() {
    extent = Math.max(2, ...atoms.map((atom) => Math.hypot(...atom.at) + 0.8));
    zoom = 1;
    redraw();
  }

  function legend() {
    const count = new Map();
    atoms.forEach((atom) => count.set(atom.element, (count.get(atom.element) || 0) + 1));
    find("legend").replaceChildren(...[...count].sort((a, b) => b[0].radius - a[0].radius).map(([element, number]) => {
      const entry = document.createElement("li"), dot = document.createElement("span");
      dot.style.background = css(element.rgb);
      entry.append(dot, element.symbol + " \u00d7 " + number);
      return entry;
    }));
  }

  /* ---- geometry -------------------------------------------------------------------------------------------- */
  function rotate(down, right) { /* about the screen's axes, in radians */
    const [cx, sx, cy, sy] = [Math.cos(down), Math.sin(down), Math.cos(right), Math.sin(right)];
    const step = [[cy, 0, sy], [sx * sy, cx, -sx * cy], [-cx * sy, sx, cx * cy]];
    turn = step.map((row) => [0, 1, 2].map((k) => row[0] * turn[0][k] + row[1] * turn[1][k] + row[2] * turn[2][k]));
  }

  function project(at, width, height) {
    const [x, y, z] = turn.map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2]);
    const scale = 0.54 * Math.min(width, height) * zoom / extent * DISTANCE / (DISTANCE - z / extent);
    return { x: width / 2 + scale * x, y: height / 2 - scale * y, z, scale };
  }

  /* ---- drawing --------------------------------------------------------------------------------------------- */
  const mix = (from, to, share) => from.map((value, k) => Math.round(value + (to[k] - value) * share));
  const css = (rgb) => "rgb(" + rgb.join(",") + ")";
  const fog = (rgb, z) => mix(rgb, BACKGROUND, 0.5 * Math.min(1, Math.max(0, 0.5 - z / (2 * extent))));
  const ball = (element) => element.radius * (style.value === "spheres" ? 1.0 : element.symbol === "H" ? 0.6 : 0.36);

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = css(BACKGROUND);
    context.fillRect(0, 0, width, height);
    drawn = [];
    atoms.forEach((atom) => {
      Object.assign(atom, project(atom.at, width, height));
      drawn.push({ z: atom.z, atom });
    });
    if (style.value !== "spheres") bonds.forEach((bond) => {
      const halves = [[bond.a, bond.b], [bond.b, bond.a]].map(([from, to]) => {
        /* from the surface of the ball to the middle, so that what is nearer covers what is farther */
        const start = Math.min(0.45, 0.85 * ball(from.element) / bond.length);
        const point = (share) => project(from.at.map((value, k) => value + (to.at[k] - value) * share), width, height);
        const near = point(start), far = point(0.5);
        return { z: (near.z + far.z) / 2, near, far, bond, rgb: from.element.rgb };
      });
      drawn.push(...halves);
    });
    drawn.sort((one, other) => one.z - other.z);
    drawn.forEach((item) => (item.atom ? drawAtom(item.atom) : drawBond(item)));
    if (lengths.checked) bonds.filter((bond) => bond.pair === lengths.dataset.pair).forEach((bond) => {
      const z = (bond.a.z + bond.b.z) / 2;
      if (z > -0.15 * extent) write(bond.length.toFixed(2), (bond.a.x + bond.b.x) / 2, (bond.a.y + bond.b.y) / 2, 11);
    });
    if (hovered) tell(hovered, width);
  }

  function drawAtom(atom) {
    const radius = ball(atom.element) * atom.scale, rgb = atom.element.rgb;
    const shade = context.createRadialGradient(
      atom.x - 0.35 * radius, atom.y - 0.4 * radius, 0.05 * radius, atom.x - 0.1 * radius, atom.y - 0.1 * radius, 1.1 * radius);
    shade.addColorStop(0, css(fog(mix(rgb, [255, 255, 255], 0.8), atom.z)));
    shade.addColorStop(0.35, css(fog(rgb, atom.z)));
    shade.addColorStop(1, css(fog(mix(rgb, [20, 20, 30], 0.55), atom.z)));
    context.beginPath();
    context.arc(atom.x, atom.y, radius, 0, 2 * Math.PI);
    context.fillStyle = shade;
    context.fill();
    context.lineWidth = hovered && hovered.atom === atom ? 2.5 : 0.8;
    context.strokeStyle = css(hovered && hovered.atom === atom ? [0, 90, 160] : fog(mix(rgb, [20, 20, 30], 0.7), atom.z));
    context.stroke();
  }

  function drawBond({ near, far, bond, rgb, z }) {
    const width = (bond.thin ? 0.1 : 0.2) * near.scale, chosen = hovered && hovered.bond === bond;
    const line = (colour, wide) => {
      context.beginPath();
      context.moveTo(near.x, near.y);
      context.lineTo(far.x, far.y);
      context.strokeStyle = css(colour);
      context.lineWidth = wide;
      context.stroke();
    };
    line(chosen ? [0, 90, 160] : fog(mix(rgb, [20, 20, 30], 0.6), z), width + (chosen ? 3 : 1.4));
    line(fog(rgb, z), width);
    line(fog(mix(rgb, [255, 255, 255], 0.5), z), 0.3 * width);
  }

  function write(text, x, y, size) {
    context.font = "600 " + size + "px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = "rgba(255,255,255,0.9)";
    context.strokeText(text, x, y);
    context.fillStyle = "#1b2028";
    context.fillText(text, x, y);
  }

  /* ---- pointing -------------------------------------------------------------------------------------------- */
  const named = (atom) => atom.element.symbol + (atom.i + 1);

  function tell({ atom, bond }, width) {
    const text = atom ? named(atom) : named(bond.a) + "\u2013" + named(bond.b) + "  " + bond.length.toFixed(3) + " \u00c5";
    const x = atom ? atom.x : (bond.a.x + bond.b.x) / 2, y = atom ? atom.y : (bond.a.y + bond.b.y) / 2;
    write(text, Math.min(width - 70, Math.max(70, x)), Math.max(12, y - 18), 13);
  }

  function pick(x, y) { /* the nearest thing under the pointer, the front first */
    for (let k = drawn.length - 1; k >= 0; k--) {
      const { atom, bond, near, far } = drawn[k];
      if (atom && Math.hypot(atom.x - x, atom.y - y) < Math.max(5, ball(atom.element) * atom.scale)) return { atom };
      if (bond) {
        const dx = far.x - near.x, dy = far.y - near.y;
        const share = Math.min(1, Math.max(0, ((x - near.x) * dx + (y - near.y) * dy) / (dx * dx + dy * dy || 1)));
        if (Math.hypot(near.x + share * dx - x, near.y + share * dy - y) < 6) return { bond };
      }
    }
    return null;
  }

  const pointers = new Map();
  const spread = () => {
    const [one, other] = [...pointers.values()];
    return Math.hypot(one.x - other.x, one.y - other.y);
  };
  const magnify = (factor) => { zoom = Math.min(8, Math.max(0.3, zoom * factor)); redraw(); };

  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    canvas.setPointerCapture(event.pointerId);
    hovered = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId), now = { x: event.offsetX, y: event.offsetY };
    if (!last) {
      hovered = pick(now.x, now.y);
      redraw();
      return;
    }
    const before = pointers.size === 2 ? spread() : 0;
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) magnify(spread() / (before || 1));
    else if (pointers.size === 1) { rotate((now.y - last.y) / 140, (now.x - last.x) / 140); redraw(); }
  });
  ["pointerup", "pointercancel"].forEach((kind) => canvas.addEventListener(kind, (event) => pointers.delete(event.pointerId)));
  canvas.addEventListener("pointerleave", () => { hovered = null; redraw(); });
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return; /* the page scrolls until the view is clicked */
    event.preventDefault();
    magnify(Math.exp(-event.deltaY / 600));
  }, { passive: false });
  canvas.addEventListener("pointerdown", () => canvas.focus({ preventScroll: true }));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-0.12, 0], ArrowDown: [0.12, 0], ArrowLeft: [0, -0.12], ArrowRight: [0, 0.12] };
    if (steps[event.key]) { rotate(...steps[event.key]); redraw(); }
    else if (event.key === "+" || event.key === "=") magnify(1.15);
    else if (event.key === "-") magnify(1 / 1.15);
    else if (event.key === "0") reset();
    else return;
    event.preventDefault();
  });

  /* ---- controls -------------------------------------------------------------------------------------------- */
  data.structures.forEach((entry) => choice.add(new Option(entry.name + " (" + entry.formula + ")")));
  choice.addEventListener("change", open);
  slider.addEventListener("input", load);
  ligands.addEventListener("change", () => { load(); fit(); });
  [style, lengths].forEach((control) => control.addEventListener("change", redraw));
  find("reset").addEventListener("click", reset);
  find("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.download = "cluster.png";
    link.href = canvas.toDataURL("image/png");
    link.click();
  });
  new ResizeObserver(redraw).observe(canvas);
  root.hidden = false;
  open();
})();
