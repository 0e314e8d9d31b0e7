import { connect } from '@sixfold/client';

/** The client with a storage in memory, and nothing else: for its size. */
Object.assign(globalThis, { connect });
