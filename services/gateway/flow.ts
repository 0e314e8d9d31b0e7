import type { Broker } from '#libs/broker/broker.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { overflowsTotal, pausesTotal } from './metrics.ts';
import type { Flow } from './unsettled.ts';

export type ConsumingBroker = Pick<Broker, 'resetConsuming' | 'pauseConsuming'>;

/** What is done about too many unsettled deliveries, counted and logged. */
export const countFlow = (log: Logger, broker: ConsumingBroker): Flow => ({
  pause(paused) {
    if (paused) pausesTotal.inc();
    log.debug({ paused }, 'reading from the broker');
    broker.pauseConsuming(paused);
  },
  giveUp(why) {
    overflowsTotal.inc();
    log.error({ why }, 'all unsettled deliveries go to the heirs');
    broker.resetConsuming();
  },
});
