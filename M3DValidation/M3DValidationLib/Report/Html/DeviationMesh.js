"use strict";
// What the deviation map in 3D is made of: the mesh in a .glb file, where it is, and what lies under a line of sight.
// Coordinates are LPS mm.
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const scaled = (a, factor) => a.map(value => value * factor);
const unit = a => scaled(a, 1 / (Math.hypot(...a) || 1));


class DeviationMesh {
  // From the text of a .glb file in base64, as the report writes it.
  constructor(base64) {
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
    const length = new DataView(bytes.buffer).getUint32(12, true);
    const content = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + length)));
    const start = 28 + length;
    const array = (number, kind, width) => {
      const accessor = content.accessors[number], view = content.bufferViews[accessor.bufferView];
      return new kind(bytes.buffer, start + view.byteOffset, accessor.count * width);
    };
    const { attributes, indices } = content.meshes[0].primitives[0];
    this.points = array(attributes.POSITION, Float32Array, 3);
    this.deviation = array(attributes._DEVIATION, Float32Array, 1);
    this.measured = array(attributes._MEASURED, Float32Array, 1);
    this.triangles = array(indices, Uint32Array, 1);
    const { min, max } = content.accessors[attributes.POSITION];
    this.middle = min.map((value, axis) => (value + max[axis]) / 2);
    this.sides = min.map((value, axis) => max[axis] - value);
    this.radius = Math.max(Math.hypot(...this.sides) / 2, 1e-6);
    this.normals = this.pointNormals();
  }

  // Sums of the normals of the triangles at each point, by their areas.
  pointNormals() {
    const { points, triangles } = this, normals = new Float32Array(points.length);
    for (let corner = 0; corner < triangles.length; corner += 3) {
      const [a, b, c] = [0, 1, 2].map(step => 3 * triangles[corner + step]);
      const ux = points[b] - points[a], uy = points[b + 1] - points[a + 1], uz = points[b + 2] - points[a + 2];
      const vx = points[c] - points[a], vy = points[c + 1] - points[a + 1], vz = points[c + 2] - points[a + 2];
      const nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
      for (const place of [a, b, c]) {
        normals[place] += nx;
        normals[place + 1] += ny;
        normals[place + 2] += nz;
      }
    }
    return normals;
  }

  // The normal, of length 1, at the point nearest to a place.
  normalNear(place) {
    const { points, normals } = this;
    let nearest = 0, least = Infinity;
    for (let index = 0; index < points.length; index += 3) {
      const far = Math.hypot(points[index] - place[0], points[index + 1] - place[1], points[index + 2] - place[2]);
      if (far < least) { least = far; nearest = index; }
    }
    const normal = unit([...normals.subarray(nearest, nearest + 3)]);
    return Math.hypot(...normal) > 0 ? normal : [0, -1, 0];
  }

  // What is nearest to the eye on a line of sight: deviation, mm, or null where it was not measured, and where; null
  // where nothing is. The line passes the middle of the mesh so many mm to the right and above.
  pick([right, up, toEye], wantedX, wantedY) {
    const { points, triangles, deviation, measured } = this, count = points.length / 3;
    this.seen = this.seen || [new Float64Array(count), new Float64Array(count)];
    const [seenX, seenY] = this.seen, [mx, my, mz] = this.middle;
    for (let point = 0, index = 0; point < count; point++, index += 3) {
      const px = points[index] - mx, py = points[index + 1] - my, pz = points[index + 2] - mz;
      seenX[point] = right[0] * px + right[1] * py + right[2] * pz - wantedX;
      seenY[point] = up[0] * px + up[1] * py + up[2] * pz - wantedY;
    }
    let found = null;
    for (let corner = 0; corner < triangles.length; corner += 3) {
      const a = triangles[corner], b = triangles[corner + 1], c = triangles[corner + 2];
      const ofA = seenX[b] * seenY[c] - seenX[c] * seenY[b];
      const ofB = seenX[c] * seenY[a] - seenX[a] * seenY[c];
      const ofC = seenX[a] * seenY[b] - seenX[b] * seenY[a];
      if (!((ofA >= 0 && ofB >= 0 && ofC >= 0) || (ofA <= 0 && ofB <= 0 && ofC <= 0))) continue;
      const sum = ofA + ofB + ofC;
      if (sum === 0) continue;
      const shares = [[a, ofA / sum], [b, ofB / sum], [c, ofC / sum]];
      const place = [0, 1, 2].map(axis => shares.reduce((all, [point, share]) => all + share * points[3 * point + axis], 0));
      const near = dot(toEye, place);
      if (found && found.near >= near) continue;
      const known = shares.reduce((all, [point, share]) => all + share * measured[point], 0);
      const value = shares.reduce((all, [point, share]) => all + share * measured[point] * deviation[point], 0);
      found = { near, place, deviation: known >= 0.5 ? value / known : null };
    }
    return found;
  }
}
