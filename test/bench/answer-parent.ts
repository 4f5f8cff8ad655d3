import { z } from 'zod';

/** What a child does about a question: gets the input that came with it, unchecked, and returns plain JSON or a promise of it. */
export type Answers = Readonly<Record<string, (input: unknown) => unknown>>;

const questionSchema = z.object({ id: z.number(), question: z.string(), input: z.unknown() });

/** The child's side of `BenchChild.ask`: answers until the parent is gone, and then ends. */
export function answerParent(answers: Answers): void {
  process.on('message', (message) => {
    const { id, question, input } = questionSchema.parse(message);
    void reply(answers, question, input).then((body) => process.send?.({ id, ...body }));
  });
  process.on('disconnect', () => process.exit(1));
  process.on('SIGTERM', () => process.exit(0));
}

async function reply(answers: Answers, question: string, input: unknown): Promise<object> {
  try {
    const answer = answers[question];
    if (answer === undefined) throw new Error(`nothing is known about ${question}`);
    return { answer: await answer(input) };
  } catch (error) {
    return { problem: error instanceof Error ? (error.stack ?? error.message) : 'unknown' };
  }
}
