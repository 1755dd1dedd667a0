// What happens to a sheet on its way to the clinic: scanners, fax machines and phones.
//
// Rule: each step returns the worn page and tells where a point of the old one lies on the new one,
// in fractions, so that the truth follows the paper.

const clamp = (v) => (v < 0 ? 0 : v > 255 ? 255 : v);

// The pixels that `from(x, y)` of the new page names on the old one; outside it `around(x, y)`.
function resampled(page, w, h, from, around) {
    const grey = Buffer.alloc(w * h);
    const { w: pw, h: ph, grey: g } = page;
    for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
            const [sx, sy] = from(x, y);
            const [ix, iy] = [Math.floor(sx), Math.floor(sy)];
            if (ix < 0 || iy < 0 || ix >= pw - 1 || iy >= ph - 1) {
                grey[y * w + x] = around(x, y);
                continue;
            }
            const [fx, fy, at] = [sx - ix, sy - iy, iy * pw + ix];
            grey[y * w + x] = (g[at] * (1 - fx) + g[at + 1] * fx) * (1 - fy) + (g[at + pw] * (1 - fx) + g[at + pw + 1] * fx) * fy;
        }
    return { w, h, grey };
}

export function scaled(page, w, h) {
    const grey = Buffer.alloc(w * h);
    const [kx, ky] = [page.w / w, page.h / h];
    for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
            let [sum, n] = [0, 0];
            for (let v = Math.floor(y * ky); v < Math.max(Math.floor(y * ky) + 1, (y + 1) * ky - 0.01) && v < page.h; v++)
                for (let u = Math.floor(x * kx); u < Math.max(Math.floor(x * kx) + 1, (x + 1) * kx - 0.01) && u < page.w; u++, n++) sum += page.grey[v * page.w + u];
            grey[y * w + x] = sum / n;
        }
    return { page: { w, h, grey }, map: (p) => p };
}

export function skewed(page, degrees, paper = 250) {
    const a = (degrees * Math.PI) / 180;
    const { w, h } = page;
    const [c, s] = [Math.cos(a), Math.sin(a)];
    const turned = resampled(page, w, h, (x, y) => [w / 2 + (x - w / 2) * c + (y - h / 2) * s, h / 2 - (x - w / 2) * s + (y - h / 2) * c], () => paper);
    return { page: turned, map: ([x, y]) => { const [dx, dy] = [(x - 0.5) * w, (y - 0.5) * h]; return [0.5 + (dx * c - dy * s) / w, 0.5 + (dx * s + dy * c) / h]; } };
}

// Quarter turns clockwise of the picture.
export function turned(page, quarters) {
    let at = page;
    for (let i = 0; i < quarters; i++) {
        const [w, h, old] = [at.h, at.w, at];
        const grey = Buffer.alloc(w * h);
        for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) grey[y * w + x] = old.grey[(old.h - 1 - x) * old.w + y];
        at = { w, h, grey };
    }
    return { page: at, map: (p) => { let q = p; for (let i = 0; i < quarters; i++) q = [1 - q[1], q[0]]; return q; } };
}

// Coefficients of the projection that leads the unit square's corners to the four points.
function projection(q) {
    const [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = q;
    const [dx1, dx2, sx] = [x1 - x2, x3 - x2, x0 - x1 + x2 - x3];
    const [dy1, dy2, sy] = [y1 - y2, y3 - y2, y0 - y1 + y2 - y3];
    const det = dx1 * dy2 - dx2 * dy1;
    const [g, h] = [(sx * dy2 - dx2 * sy) / det, (dx1 * sy - sx * dy1) / det];
    return [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1];
}
function inverse([a, b, c, d, e, f, g, h, i]) {
    return [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
}
const projected = (m, x, y) => { const k = m[6] * x + m[7] * y + m[8]; return [(m[0] * x + m[1] * y + m[2]) / k, (m[3] * x + m[4] * y + m[5]) / k]; };

// A phone's picture of the sheet on a table, w x h; the corners lie `lean` off a plain rectangle.
export function photographed(draw, page, w, h, lean) {
    const j = () => draw.real(-lean, lean);
    const [mx, my] = [draw.real(0.045, 0.085), draw.real(0.035, 0.07)];
    const q = [[mx + j(), my + j()], [1 - mx + j(), my + j()], [1 - mx + j(), 1 - my + j()], [mx + j(), 1 - my + j()]];
    const m = projection(q);
    const back = inverse(m);
    const table = draw.int(40, 130);
    const grain = draw.real(3, 13);
    const picture = resampled(page, w, h, (x, y) => { const [u, v] = projected(back, x / w, y / h); return [u * page.w, v * page.h]; }, (x, y) => clamp(table + grain * Math.sin(x / 37 + Math.sin(y / 91)) + grain * Math.sin(y / 23)));
    return { page: picture, map: ([x, y]) => projected(m, x, y) };
}

// Light from one side, and the shadow of a hand or head.
export function lit(draw, page, depth) {
    const [ax, ay, shade] = [draw.real(-1, 1), draw.real(-1, 1), depth];
    const [cx, cy, r] = [draw.real(0, 1), draw.real(0, 1), draw.real(0.3, 0.6)];
    const grey = Buffer.alloc(page.grey.length);
    for (let y = 0; y < page.h; y++)
        for (let x = 0; x < page.w; x++) {
            const [u, v] = [x / page.w, y / page.h];
            const far = Math.hypot(u - cx, (v - cy) * 1.3) / r;
            const k = 1 - (shade * (1 + ax * (u - 0.5) + ay * (v - 0.5))) / 2 - shade * 0.45 * (far < 1 ? (1 - far) * (1 - far) * 3 : 0);
            grey[y * page.w + x] = clamp(page.grey[y * page.w + x] * Math.max(0.15, k));
        }
    return { page: { ...page, grey }, map: (p) => p };
}

export function blurred(page, radius) {
    if (radius <= 0) return { page, map: (p) => p };
    const { w, h } = page;
    const k = [radius / 2, 1, radius / 2].map((v) => v / (1 + radius));
    const [one, two] = [Buffer.alloc(w * h), Buffer.alloc(w * h)];
    const at = (g, i) => g[i < 0 ? 0 : i >= g.length ? g.length - 1 : i];
    for (let i = 0; i < w * h; i++) one[i] = at(page.grey, i - 1) * k[0] + page.grey[i] * k[1] + at(page.grey, i + 1) * k[2];
    for (let i = 0; i < w * h; i++) two[i] = at(one, i - w) * k[0] + one[i] * k[1] + at(one, i + w) * k[2];
    return { page: { w, h, grey: two }, map: (p) => p };
}

// Sensor noise, and paper that is not quite white nor ink quite black.
export function noisy(draw, page, amount, black = 20, white = 245) {
    const grey = Buffer.alloc(page.grey.length);
    for (let i = 0; i < grey.length; i++) grey[i] = clamp(black + (page.grey[i] * (white - black)) / 255 + (draw.chance() + draw.chance() - 1) * amount);
    return { page: { ...page, grey }, map: (p) => p };
}

// One bit a pixel, with specks and broken strokes, as a fax machine sees it.
export function faxed(draw, page, level, specks) {
    const grey = Buffer.alloc(page.grey.length);
    for (let i = 0; i < grey.length; i++) grey[i] = page.grey[i] + (draw.chance() - 0.5) * 36 > level ? 255 : 0;
    for (let i = 0; i < specks; i++) {
        const at = draw.int(0, grey.length - 3);
        grey[at] = grey[at + 1] = draw.yes(0.6) ? 0 : 255;
    }
    return { page: { ...page, grey }, map: (p) => p };
}
