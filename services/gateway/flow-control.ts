import type { Broker } from '#libs/broker/broker.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import { overflowsTotal, pausesTotal } from './metrics.ts';
import type { FlowControl } from './delivery-budget.ts';

export type ConsumingBroker = Pick<Broker, 'resetConsuming' | 'pauseConsuming'>;

/** Flow control of the broker, counted and logged. */
export const countedFlowControl = (log: Logger, broker: ConsumingBroker): FlowControl => ({
  pause(paused) {
    if (paused) pausesTotal.inc();
    log.debug({ paused }, 'reading from the broker');
    broker.pauseConsuming(paused);
  },
  handOver(why) {
    overflowsTotal.inc();
    log.error({ why }, 'all unsettled deliveries go to the heirs');
    broker.resetConsuming();
  },
});
