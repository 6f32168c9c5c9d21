// Takes out of the installed packages what the portal's pages use, and nothing else: node take.mjs <folder>
//
// The design system's own faces of virk.dk and borger.dk are left: they would pose as those portals. Fonts are taken as woff2
// alone, in the three weights that the pages use.

import fs from 'node:fs';
import path from 'node:path';

const [, , destination] = process.argv;
const packages = path.join(import.meta.dirname, 'node_modules');
const system = path.join(packages, 'dkfds', 'dist');

const put = (name, content) => {
  const place = path.join(destination, name);
  fs.mkdirSync(path.dirname(place), { recursive: true });
  fs.writeFileSync(place, content);
};

fs.rmSync(destination, { recursive: true, force: true });

const weights = { 400: 'Regular', 600: 'SemiBold', 700: 'Bold' };
const faces = Object.entries(weights).map(
  ([weight, name]) =>
    `@font-face{font-display:swap;font-family:IBM Plex Sans;font-style:normal;font-weight:${weight};` +
    `src:url(../fonts/IBMPlexSans-${name}.woff2) format("woff2")}`,
);
const sheet = fs
  .readFileSync(path.join(system, 'css', 'dkfds.min.css'), 'utf8')
  .replace(/@font-face\{[^}]*\}/g, '')
  .replace(/\/\*# sourceMappingURL=.*?\*\//, '');
const [charset] = sheet.match(/^\uFEFF?(@charset "[^"]*";)?/);
put('css/dkfds.css', charset + faces.join('') + sheet.slice(charset.length));
for (const name of Object.values(weights)) {
  const font = `IBMPlexSans-${name}.woff2`;
  put(`fonts/${font}`, fs.readFileSync(path.join(system, 'fonts', 'IBMPlexSans', 'complete', 'woff2', font)));
}
for (const name of fs.readdirSync(path.join(system, 'img', 'svg-icons'))) {
  put(`img/svg-icons/${name}`, fs.readFileSync(path.join(system, 'img', 'svg-icons', name)));
}
const unmapped = (script) => script.replace(/\/\/# sourceMappingURL=.*$/m, '');
put('js/dkfds.js', unmapped(fs.readFileSync(path.join(system, 'js', 'dkfds.min.js'), 'utf8')));
put('js/htmx.js', unmapped(fs.readFileSync(path.join(packages, 'htmx.org', 'dist', 'htmx.min.js'), 'utf8')));
put('LICENSE-dkfds.md', fs.readFileSync(path.join(packages, 'dkfds', 'LICENSE.md')));
put('LICENSE-IBMPlexSans.txt', fs.readFileSync(path.join(system, 'fonts', 'IBMPlexSans', 'complete', 'woff2', 'license.txt')));
put('LICENSE-htmx.txt', fs.readFileSync(path.join(packages, 'htmx.org', 'LICENSE')));
