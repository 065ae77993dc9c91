// Loaded before a worker (--import): it counts and keeps nothing of its requests. So that what that costs can be measured against it; no setting does this.
import { Recorder } from '../src/observe/recorder.ts';

Recorder.prototype.record = () => {};
