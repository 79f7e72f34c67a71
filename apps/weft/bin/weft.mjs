#!/usr/bin/env node
// The entry of every Weft process. Plain JavaScript, so that an older Node can still say what is wrong.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `weft needs Node 24 or newer, but this is ${process.version}. In a clone of the repository \`npm start\` and \`npx weft\` use the pinned one.\n`,
  );
  process.exit(3);
}
const { main } = await import('../src/main.ts');
await main(process);
