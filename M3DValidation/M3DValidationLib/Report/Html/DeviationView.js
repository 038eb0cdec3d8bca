"use strict";
// The deviation map in 3D: draws the .glb file that lies in the page in the colors of the report, turns it, and says the
// deviation under the pointer. Where a browser cannot do this, the page stays as it is without it.
(() => {
  const SIDES = {
    anterior: [0, -1, 0], posterior: [0, 1, 0], left: [1, 0, 0], right: [-1, 0, 0], superior: [0, 0, 1], inferior: [0, 0, -1],
  };
  const AXES = { L: [1, 0, 0], R: [-1, 0, 0], P: [0, 1, 0], A: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };
  // Positive and negative end of each axis, as Slicer shows the place under the cursor.
  const SIDE_LETTERS = [["L", "R"], ["P", "A"], ["S", "I"]];
  // The largest zoom, the angle of one key, how far a tap may slip (pixels), and how much is shown around a place.
  const CLOSEST = 40, STEP = 10 * Math.PI / 180, TAP = 5, PLACE_MM = 20;

  // Rows: to the right, up, and towards the eye, as in the still pictures.
  function seenFrom(direction) {
    const toEye = unit(direction);
    const right = unit(cross(Math.abs(toEye[2]) < 0.99 ? [0, 0, 1] : [0, -1, 0], toEye));
    return [right, cross(toEye, right), toEye];
  }

  function turned(rows, aroundUp, aroundRight) {
    const [right, up, toEye] = rows;
    const mixed = (a, b, angle) => unit(a.map((value, axis) => value * Math.cos(angle) + b[axis] * Math.sin(angle)));
    const side = mixed(right, toEye, aroundUp), front = cross(side, up);
    const high = mixed(up, front, aroundRight);
    return [side, high, unit(cross(side, high))];
  }

  const VERTEX = `#version 300 es
    in vec3 position, normal; in float deviation, measured;
    uniform mat3 turn; uniform vec3 middle; uniform vec2 pan, scale; uniform float depth;
    out vec3 facing; out float weighted, share;
    void main() {
      vec3 seen = turn * (position - middle);
      facing = turn * normal; weighted = deviation * measured; share = measured;
      gl_Position = vec4((seen.xy + pan) * scale, -seen.z * depth, 1.0);
    }`;
  // Half of the sRGB color is kept where the surface is seen edge on, so that the colors can be read there too.
  const FRAGMENT = `#version 300 es
    precision highp float;
    in vec3 facing; in float weighted, share; out vec4 color;
    uniform vec4 anchors[5]; uniform vec3 notMeasured, hatch; uniform float range, bands, hatchSize;
    void main() {
      // Hatched as in the still pictures: nobody shall take what is not measured for a value.
      vec3 own = mod(gl_FragCoord.x + gl_FragCoord.y, 3.0 * hatchSize) < hatchSize ? hatch : notMeasured;
      if (share >= 0.5) {
        float place = clamp(weighted / share / range, -1.0, 1.0);
        if (bands > 0.0) place = clamp((floor(place * bands) + 0.5) / bands, 0.5 / bands - 1.0, 1.0 - 0.5 / bands);
        own = anchors[0].yzw;
        for (int index = 1; index < 5; index++) {
          vec4 low = anchors[index - 1], high = anchors[index];
          if (place >= low.x) own = mix(low.yzw, high.yzw, clamp((place - low.x) / (high.x - low.x), 0.0, 1.0));
        }
      }
      float steepness = dot(facing, facing) > 0.0 ? abs(normalize(facing).z) : 1.0;
      color = vec4(own / 255.0 * (0.5 + 0.5 * steepness), 1.0);
    }`;

  class View {
    constructor(figure) {
      this.figure = figure;
      this.canvas = figure.querySelector("canvas");
      this.words = figure.querySelector("output");
      this.ring = figure.querySelector(".view3d-ring");
      this.axes = figure.querySelector(".view3d-axes");
      this.settings = JSON.parse(figure.dataset.settings);
      this.gl = this.canvas.getContext("webgl2", { antialias: true });
      if (!this.gl) throw new Error("no WebGL 2");
      this.mesh = new DeviationMesh(document.getElementById(figure.dataset.model).textContent.trim());
      this.radius = this.mesh.radius;
      this.whole = this.radius / Math.max(1.1 * Math.max(...this.mesh.sides) / 2, 1e-6);
      this.upload();
      this.listen();
      figure.classList.add("working");
      this.home();
      new ResizeObserver(() => this.draw()).observe(this.canvas);
    }

    upload() {
      const gl = this.gl, program = gl.createProgram();
      for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
        const shader = gl.createShader(kind);
        gl.shaderSource(shader, source);
        gl.compileShader(shader);
        gl.attachShader(program, shader);
      }
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error("the shaders do not work here");
      gl.useProgram(program);
      this.uniform = name => gl.getUniformLocation(program, name);
      for (const [name, array, width] of [
        ["position", this.mesh.points, 3], ["normal", this.mesh.normals, 3], ["deviation", this.mesh.deviation, 1],
        ["measured", this.mesh.measured, 1],
      ]) {
        const place = gl.getAttribLocation(program, name);
        gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
        gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, width, gl.FLOAT, false, 0, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.mesh.triangles, gl.STATIC_DRAW);
      gl.enable(gl.DEPTH_TEST);
      gl.uniform4fv(this.uniform("anchors"), this.settings.anchors.flat());
      gl.uniform3fv(this.uniform("notMeasured"), this.settings.notMeasured);
      gl.uniform3fv(this.uniform("hatch"), this.settings.hatch);
      gl.uniform1f(this.uniform("range"), this.settings.rangeMm);
      this.banded = false;
    }

    // Millimeters from the middle of the view to its nearer edge.
    get reach() { return this.radius / this.zoom; }

    get center() { return [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]; }

    get millimetersPerPixel() { return 2 * this.reach / Math.min(this.canvas.clientWidth, this.canvas.clientHeight); }

    home() { this.zoom = this.whole; this.lookFrom(SIDES.anterior); }

    lookFrom(direction) {
      this.rows = seenFrom(direction);
      this.pan = [0, 0];
      this.place = null;
      this.words.textContent = "";
      this.draw();
    }

    turn(aroundUp, aroundRight) { this.rows = turned(this.rows, aroundUp, aroundRight); this.draw(); }

    move(x, y) { this.pan = [this.pan[0] + x, this.pan[1] + y]; this.draw(); }

    magnify(factor) { this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), CLOSEST); this.draw(); }

    // The surface around a place: squarely, or from aside where something stands before it.
    show(number) {
      const place = this.settings.places[number];
      const normal = this.mesh.normalNear(place);
      const [right, up] = seenFrom(normal), offset = place.map((value, axis) => value - this.mesh.middle[axis]);
      const around = [0, 1, 2, 3, 4, 5, 6, 7].map(turn => turn * Math.PI / 4);
      const asides = around.map(turn => normal.map((value, axis) => value + Math.cos(turn) * right[axis] + Math.sin(turn) * up[axis]));
      this.zoom = Math.max(this.whole, Math.min(this.radius / PLACE_MM, CLOSEST));
      const isFree = direction => {
        this.lookFrom(direction);
        this.pan = [-dot(this.rows[0], offset), -dot(this.rows[1], offset)];
        const found = this.pick(...this.center);
        return found && found.near - dot(this.rows[2], place) < 1;
      };
      if (![normal, ...asides].some(isFree)) isFree(normal);
      this.place = place;
      // What the report has recorded, not what lies under the middle of the window.
      cancelAnimationFrame(this.telling);
      this.words.textContent = this.settings.placeTexts[number];
      this.draw();
    }

    draw() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
    }

    paint() {
      const gl = this.gl, canvas = this.canvas, ratio = Math.min(window.devicePixelRatio || 1, 2);
      const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
      if (!width || !height || gl.isContextLost()) return;
      if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
      gl.viewport(0, 0, width, height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      const [right, up, toEye] = this.rows, shorter = Math.min(width, height);
      gl.uniformMatrix3fv(this.uniform("turn"), false, [0, 1, 2].flatMap(axis => [right[axis], up[axis], toEye[axis]]));
      gl.uniform3fv(this.uniform("middle"), this.mesh.middle);
      gl.uniform2fv(this.uniform("pan"), this.pan);
      gl.uniform2f(this.uniform("scale"), shorter / width / this.reach, shorter / height / this.reach);
      gl.uniform1f(this.uniform("depth"), 0.99 / this.radius);
      gl.uniform1f(this.uniform("bands"), this.banded ? this.settings.bands : 0);
      gl.uniform1f(this.uniform("hatchSize"), 3 * ratio);
      gl.drawElements(gl.TRIANGLES, this.mesh.triangles.length, gl.UNSIGNED_INT, 0);
      this.mark();
      canvas.dataset.painted = String(Number(canvas.dataset.painted || 0) + 1);
    }

    // The letters of the patient's sides in their corner, and the ring around the place that was asked for.
    mark() {
      for (const label of this.axes.querySelectorAll("text")) {
        const axis = AXES[label.textContent];
        label.setAttribute("x", (36 * dot(this.rows[0], axis)).toFixed(1));
        label.setAttribute("y", (-36 * dot(this.rows[1], axis)).toFixed(1));
        label.setAttribute("opacity", dot(this.rows[2], axis) < -0.3 ? "0.35" : "1");
      }
      for (const line of this.axes.querySelectorAll("line")) {
        const axis = AXES[line.dataset.axis];
        for (const [name, row, sign] of [["x", 0, 1], ["y", 1, -1]]) {
          line.setAttribute(`${name}1`, (-26 * sign * dot(this.rows[row], axis)).toFixed(1));
          line.setAttribute(`${name}2`, (26 * sign * dot(this.rows[row], axis)).toFixed(1));
        }
      }
      this.ring.hidden = !this.place;
      if (!this.place) return;
      const offset = this.place.map((value, axis) => value - this.mesh.middle[axis]);
      const size = this.millimetersPerPixel;
      const [middleX, middleY] = this.center;
      this.ring.style.left = `${middleX + (dot(this.rows[0], offset) + this.pan[0]) / size}px`;
      this.ring.style.top = `${middleY - (dot(this.rows[1], offset) + this.pan[1]) / size}px`;
    }

    // What is under a place of the canvas (CSS pixels).
    pick(x, y) {
      const size = this.millimetersPerPixel, [middleX, middleY] = this.center;
      return this.mesh.pick(this.rows, (x - middleX) * size - this.pan[0], (middleY - y) * size - this.pan[1]);
    }

    tell(x, y) {
      const found = this.pick(x, y);
      const { decimal, listing, noSurface, measured, unmeasured, negative, positive } = this.settings;
      if (!found) { this.words.textContent = noSurface; return; }
      const signed = value => value.toFixed(2).replace("-", "−").replace(".", decimal);
      const where = found.place.map((value, axis) => {
        const size = Math.abs(value).toFixed(1);
        return `${SIDE_LETTERS[axis][value < 0 && Number(size) ? 1 : 0]} ${size.replace(".", decimal)}`;
      }).join(listing);
      const value = found.deviation;
      const parts = value === null ? [where] : [`${value > 0 ? "+" : ""}${signed(value)}`, value > 0 ? positive : negative, where];
      this.words.textContent = (value === null ? unmeasured : measured).replace(/\{(\d)\}/g, (_gap, index) => parts[index]);
    }

    tellSoon(x, y) {
      cancelAnimationFrame(this.telling);
      this.telling = requestAnimationFrame(() => this.tell(x, y));
    }

    listen() {
      const canvas = this.canvas, pointers = new Map();
      const within = event => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
      let moved = 0;
      canvas.addEventListener("pointerdown", event => {
        canvas.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, [event.clientX, event.clientY]);
        moved = 0;
      });
      canvas.addEventListener("pointermove", event => {
        const before = pointers.get(event.pointerId);
        if (!before) { this.tellSoon(...within(event)); return; }
        const now = [event.clientX, event.clientY], [dx, dy] = [now[0] - before[0], now[1] - before[1]];
        moved += Math.hypot(dx, dy);
        const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
        pointers.set(event.pointerId, now);
        const size = this.millimetersPerPixel;
        if (others.length) {
          const apart = (a, b) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
          this.magnify(apart(now, others[0]) / apart(before, others[0]));
          this.move(dx / 2 * size, -dy / 2 * size);
        } else if (event.shiftKey || event.buttons === 4 || event.buttons === 2) this.move(dx * size, -dy * size);
        else this.turn(dx * 0.01, -dy * 0.01);
      });
      for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, event => {
        if (name === "pointerup" && moved < TAP && pointers.size === 1) this.tellSoon(...within(event));
        pointers.delete(event.pointerId);
      });
      canvas.addEventListener("contextmenu", event => event.preventDefault());
      // Whoever scrolls the page shall not be caught by the model: the wheel zooms once the view was chosen.
      canvas.addEventListener("wheel", event => {
        if (document.activeElement !== canvas && !event.ctrlKey) return;
        event.preventDefault();
        this.magnify(Math.exp(-Math.sign(event.deltaY) * 0.15));
      }, { passive: false });
      canvas.addEventListener("keydown", event => this.key(event));
      canvas.addEventListener("webglcontextlost", () => this.figure.classList.remove("working"));
      for (const button of this.figure.querySelectorAll("button")) button.addEventListener("click", () => {
        const { side, zoom, place, bands } = button.dataset;
        if (side) this.lookFrom(SIDES[side]);
        else if (zoom) this.magnify(Number(zoom));
        else if (place) this.show(Number(place));
        else if (bands) {
          this.banded = !this.banded;
          button.setAttribute("aria-pressed", String(this.banded));
          this.draw();
        }
        else this.home();
      });
    }

    key(event) {
      const far = this.reach / 10;
      const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (arrows[event.key]) {
        const [x, y] = arrows[event.key];
        if (event.shiftKey) this.move(x * far, y * far);
        else this.turn(x * STEP, y * STEP);
      } else if (event.key === "+" || event.key === "=") this.magnify(1.25);
      else if (event.key === "-") this.magnify(1 / 1.25);
      else if (event.key === "Home") this.home();
      else return;
      event.preventDefault();
      this.tellSoon(...this.center);
    }
  }

  for (const figure of document.querySelectorAll("figure.view3d")) {
    try { new View(figure); } catch (error) { figure.dataset.reason = error.message; }
  }
})();
