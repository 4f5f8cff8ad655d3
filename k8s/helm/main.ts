/** `npm run chart`: writes what the chart has of the rest of the project. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CHART, chartFiles } from './chart.ts';

for (const [path, content] of Object.entries(chartFiles())) {
  await mkdir(dirname(join(CHART, path)), { recursive: true });
  await writeFile(join(CHART, path), content);
}
