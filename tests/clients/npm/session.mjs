// Talks to EvoLink's own MCP server as an editor would: JSON-RPC, a line a message, over its stdio.
// Arguments: the node_modules folder. Prints one line of JSON a call: {tool, text, isError}.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const [modules] = process.argv.slice(2);
const server = spawn(
  process.execPath,
  [
    '--import',
    new URL('reroute.mjs', import.meta.url).href,
    join(modules, '@evolinkai/evolink-media/dist/evolink-media/src/index.js'),
  ],
  { stdio: ['pipe', 'pipe', 'inherit'] },
);
server.on('exit', (code) => process.exit(code ?? 1));

const waiting = new Map();
createInterface({ input: server.stdout }).on('line', (line) => {
  const message = JSON.parse(line);
  waiting.get(message.id)?.(message);
});

const send = (message) => server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

let last = 0;
const request = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++last;
    waiting.set(id, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
    send({ id, method, params });
  });

const use = async (tool, parameters) => {
  const result = await request('tools/call', { name: tool, arguments: parameters });
  const text = result.content.map((part) => part.text).join('\n');
  console.log(JSON.stringify({ tool, text, isError: result.isError ?? false }));
  return text;
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const watch = async (submitted) => {
  const [, id] = /Task ID: (\S+)/.exec(submitted);
  for (;;) {
    const text = await use('check_task', { task_id: id });
    if (!/Status: (pending|processing)/.test(text)) return;
    await pause(1000);
  }
};

await request('initialize', {
  protocolVersion: '2024-11-05',
  capabilities: {},
  clientInfo: { name: 'editor', version: '1' },
});
send({ method: 'notifications/initialized' });
await request('tools/list', {});

await watch(await use('generate_video', { prompt: 'A lighthouse in a storm', model: 'seedance-1.5-pro', duration: 5 }));
await watch(
  await use('generate_video', {
    prompt: '@Image1 walks through snow',
    model: 'seedance-2.0',
    quality: '480p',
    image_urls: ['https://example.com/fox.jpg'],
  }),
);
await watch(
  await use('generate_video', { prompt: 'Refused later #sim:fail=content_policy_violation', model: 'seedance-2.0' }),
);
await use('generate_video', { prompt: 'Too short', model: 'seedance-2.0', duration: 3 });
await use('check_task', { task_id: 'task-unified-1772203771-yf1dxogh' });
server.removeAllListeners('exit');
server.kill();
