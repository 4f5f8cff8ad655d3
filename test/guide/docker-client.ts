/** `docker` on the search path of the dry run: hands its command line to the image engine of the run. */
import { text } from 'node:stream/consumers';
import { z } from 'zod';

const resultSchema = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() });

const args = process.argv.slice(2);
const stdin = args.includes('--password-stdin') ? await text(process.stdin) : '';
const response = await fetch(process.env['GUIDE_DOCKER'] ?? '', {
  method: 'POST',
  body: JSON.stringify({ args, cwd: process.cwd(), stdin }),
});
const { code, stdout, stderr } = resultSchema.parse(await response.json());
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = code;
