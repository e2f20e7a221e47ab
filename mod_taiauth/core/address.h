#ifndef TAI_ADDRESS_H
#define TAI_ADDRESS_H

/**
 * @param text  the whole text must be an address: no name, port, brackets or zone
 * @return 1: it is one of IPv4 or IPv6
 */
int tai_address_valid(const char *text);

#endif
