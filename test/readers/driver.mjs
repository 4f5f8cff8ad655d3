/** Makes as many calls at once as each line of stdin says, and prints their statuses as a line. */
import { createInterface } from 'node:readline';
import { createTokenReader } from '../../docs/readers/token-reader.mjs';

const { TOKEN_FILE, REJECTIONS_URL, IDENTITY_FILE, API_URL } = process.env;
const reader = createTokenReader({
  tokenFile: TOKEN_FILE,
  rejectionsUrl: REJECTIONS_URL,
  identityFile: IDENTITY_FILE,
});
for await (const line of createInterface({ input: process.stdin })) {
  const calls = Array.from({ length: Number(line) }, async () => (await reader.call(API_URL)).status);
  console.log(JSON.stringify(await Promise.all(calls)));
}
