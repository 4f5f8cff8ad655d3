/** A channel of Slack, as an incoming webhook posts to it, and as people read it there. */
import * as z from 'zod';
import { parseJson } from '../../core/wire/json.ts';

export const SLACK_PATH = '/_sandbox/slack';

const messageSchema = z.object({ text: z.string().min(1) });

/** What a webhook answers: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export function takeSlackMessage(
  method: string,
  body: string,
): { readonly status: number; readonly text: string | undefined } {
  if (method !== 'POST') return { status: 405, text: undefined };
  const message = messageSchema.safeParse(parseJson(body));
  return message.success ? { status: 200, text: message.data.text } : { status: 400, text: undefined };
}

/** Links and escaped characters as Slack shows them; its names of emoji stay: a terminal may not have those. */
export function readSlackMarkup(text: string): string {
  return text
    .replace(/<([^|<>]+)\|([^<>]*)>/g, '$2: $1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
