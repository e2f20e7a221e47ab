#ifndef TAI_BACKGROUND_H
#define TAI_BACKGROUND_H

/**
 * Run a long computation and wait for its end. It leaves half of the processors to others, where
 * that can be said: what answers requests finds one that is free, and does not have to wait until
 * the scheduler takes one away.
 * @param work  ends by itself
 * @param data  what it is given
 */
void tai_background_run(void (*work)(void *data), void *data);

#endif
