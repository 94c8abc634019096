// Bundles the page into the folder that is given: index.html, and a script and a style whose names have a digest of their content.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const most = 150_000;
const out = process.argv[2];
await mkdir(out, { recursive: true });

const { outputFiles } = await build({
  entryPoints: ['src/main.tsx'],
  outdir: out,
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  target: ['es2021'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  legalComments: 'none',
});

const digest = content => createHash('sha256').update(content).digest('hex').slice(0, 10);
const put = async (name, content) => {
  const [stem, ending] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.'))];
  const full = `${stem}-${digest(content)}${ending}`;
  await writeFile(join(out, full), content);
  return full;
};

const names = {};
for (const file of outputFiles) {
  names[basename(file.path)] = await put(basename(file.path), file.contents);
}

const icon = await put('icon.svg', await readFile('src/icon.svg'));
const page = (await readFile('src/index.html', 'utf8'))
  .replace('main.js', names['main.js'])
  .replace('main.css', names['main.css'])
  .replace('icon.svg', icon);
await writeFile(join(out, 'index.html'), page);

const packed = outputFiles.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0);
console.log(`the page: ${(packed / 1000).toFixed(1)} kB packed`);
if (packed > most) {
  console.error(`The page is ${packed} octets packed, and may have ${most}.`);
  process.exit(1);
}
