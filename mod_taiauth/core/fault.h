#ifndef TAI_FAULT_H
#define TAI_FAULT_H

/*
 * Points where a test has this process stop or die: the places where a race would have to strike.
 * Nothing in a build without --enable-faults, which is for tests alone.
 *
 * A test arms a point by the file $TAI_FAULTS/POINT. Its first word says what is to happen:
 *
 *   stop  wait until the file is gone; who has come to wait is told by a file POINT.reached
 *   kill  SIGKILL for one process, the one that removes the file
 */
#ifdef TAI_FAULTS
void tai_fault(const char *point);
#define TAI_FAULT(point) tai_fault(point)
#else
#define TAI_FAULT(point) ((void)0)
#endif

#endif
