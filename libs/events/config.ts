import { z } from 'zod';
import { EVENT_TYPES } from './event.ts';

const EventName = z.enum(EVENT_TYPES);

/** Which events the services publish. */
export const eventsConfig = {
  EVENTS: z
    .string()
    .default('')
    .transform((text, context) => {
      const names = text
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
      const known = names.flatMap((name) => EventName.safeParse(name).data ?? []);
      if (known.length === names.length) return [...new Set(known)];
      context.addIssue({
        code: 'custom',
        message: `must be names of events, separated by commas: ${EVENT_TYPES.join(', ')}`,
      });
      return z.NEVER;
    })
    .meta({
      default: 'none',
      description:
        `Events that are published to the exchange \`sixfold.events\`, separated by commas: ${EVENT_TYPES.map((name) => `\`${name}\``).join(', ')}. ` +
        'Empty, they cost nothing. [The same everywhere](#settings-that-must-agree).',
    }),
};
