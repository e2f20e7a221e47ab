#!/usr/bin/perl
# A page that takes in another, whatever the method.
print "Content-Type: text/html\r\n\r\n";
print "taken in: <!--#include virtual=\"/folder/index.html\" -->\n";
