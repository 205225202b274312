import { startQuery } from './query.js';
import { startStatus } from './status.js';

startQuery();
startStatus();
